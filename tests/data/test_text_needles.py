"""Text fillers: the sentence is where the table says, whole, at a break near its depth."""

import re
from typing import Any

import numpy as np
import pytest
from episode_lines import lines
from hypothesis import given, settings
from hypothesis import strategies as st

from data import NIAHTask, TokenCorpus, train_tokenizer
from data.niah.keys import KEYS
from data.text.haystack import REPEATED_SENTENCE

knobs = st.fixed_dictionaries(
    {
        "filler": st.sampled_from(["repeated", "corpus"]),
        "lengths": st.lists(st.integers(260, 400), min_size=1, max_size=2).map(tuple),
        "depths": st.none() | st.lists(st.floats(0, 1), min_size=1, max_size=3).map(tuple),
        "value_length": st.integers(1, 6),
        "n_needles": st.integers(1, 3),
        "n_distractors": st.integers(0, 3),
        "split": st.sampled_from(["train", "heldout"]),
    }
)


def made(corpus, *, filler: Any = "corpus", **rest):
    source = {"corpus": corpus} if filler == "corpus" else {"tokenizer": corpus.tokenizer}
    return NIAHTask(filler=filler, **source, **rest)


def text(corpus, ids):
    return corpus.tokenizer.decode([int(token_id) for token_id in ids], skip_special_tokens=False)


@settings(max_examples=60, deadline=None)
@given(chosen=knobs, seed=st.integers(0, 2**63))
def test_needle_query_and_answer_read_as_recorded(corpus, chosen, seed):
    task = made(corpus, **chosen)
    keyed = task.n_needles + task.n_distractors > 1
    for line in lines(task.build(seed, n_episodes=3)):
        stem = f"The secret number of {line.key} is " if keyed else "The secret number is "
        assert (
            text(corpus, line.tokens[line.needle_start : line.needle_stop]).strip() == f"{stem}{line.value}."
        )
        assert text(corpus, line.tokens[line.value_start : line.value_stop]) == line.value
        assert text(corpus, line.tokens[line.query_start : line.answer_start]) == "\n" + stem
        assert text(corpus, line.tokens[line.answer_start : line.answer_stop]) == line.value
        assert line.context_length in task.lengths
        assert line.answer_stop == line.context_length
        assert len(line.value) == task.value_length == line.answer_stop - line.answer_start
        assert np.flatnonzero(line.labels != -100).tolist() == [*range(line.answer_start, line.answer_stop)]


@settings(max_examples=40, deadline=None)
@given(chosen=knobs, seed=st.integers(0, 1000))
def test_every_needle_is_whole_and_has_its_own_key(corpus, chosen, seed):
    task = made(corpus, **chosen)
    hidden = task.n_needles + task.n_distractors
    for line in lines(task.build(seed, n_episodes=2)):
        shown = text(corpus, line.tokens[: line.query_start])
        found = re.findall(rf"The secret number(?: of (\w+))? is \d{{{task.value_length}}}\.", shown)
        assert len(found) == hidden
        if hidden > 1:
            assert len(set(found)) == hidden
            assert set(found) <= set(KEYS)


@settings(max_examples=40, deadline=None)
@given(chosen=knobs, seed=st.integers(0, 1000))
def test_depth_is_met_to_a_sentence(corpus, chosen, seed):
    task = made(corpus, **{**chosen, "n_needles": 1, "n_distractors": 0})
    sentence = len(corpus.tokenizer.encode(" " + REPEATED_SENTENCE).ids)
    natural = np.diff(corpus.haystack(task.split).breaks).max()
    longest = sentence if task.filler == "repeated" else natural
    for line in lines(task.build(seed, n_episodes=3)):
        filler = line.query_start - (line.needle_stop - line.needle_start)
        assert abs(line.requested_depth - line.actual_depth) * filler <= longest / 2 + 2


def test_ends_of_the_filler(corpus):
    episodes = made(corpus, lengths=(200,), depths=(0.0, 1.0), value_length=3).build(0, n_episodes=20)
    for line in lines(episodes):
        if line.requested_depth == 0:
            assert (line.needle_start, line.actual_depth) == (0, 0)
        else:
            assert (line.needle_stop, line.actual_depth) == (line.query_start, 1)


def test_needles_stand_between_sentences(corpus):
    episodes = made(corpus, lengths=(300,), value_length=4).build(1, n_episodes=60)
    starts_space = corpus.tokenizer.encode(" The").ids
    for line in lines(episodes):
        before = text(corpus, line.tokens[: line.needle_start])
        after = text(corpus, line.tokens[line.needle_stop :])
        assert before == "" or before.endswith(("\n", ".", "!", "?", "<|endoftext|>"))
        assert after.startswith(("\n", " "))
        sentence_before = before.endswith((".", "!", "?"))
        assert sentence_before == (line.tokens[line.needle_start] in starts_space)


def test_same_seed_same_episodes_and_splits_share_no_text(corpus):
    train, heldout = (made(corpus, split=split, lengths=(200,)) for split in ("train", "heldout"))
    first, again = train.build(5), train.build(5)
    assert (first.tokens == again.tokens).all()
    assert first.knobs.equals(again.knobs)
    runs = {tuple(row[20:28]) for row in heldout.build(5).tokens}
    known = corpus.split("train").tolist()
    windows = {tuple(known[at : at + 8]) for at in range(len(known) - 8)}
    assert len(runs - windows) > len(runs) / 2


def test_digits_of_the_value_are_uniform(corpus):
    values = (
        made(corpus, lengths=(60,), filler="repeated", value_length=4)
        .build(0, n_episodes=1000)
        .knobs["value"]
    )
    counts = np.bincount([int(digit) for value in values for digit in value], minlength=10)
    assert counts.min() > 320
    assert counts.max() < 480


def test_own_templates(corpus):
    task = made(
        corpus, template="Zimmer {key}: Code {value}!", n_distractors=1, lengths=(120,), value_length=2
    )
    line = lines(task.build(0, n_episodes=1))[0]
    shown = text(corpus, line.tokens[line.needle_start : line.needle_stop])
    assert shown.strip() == f"Zimmer {line.key}: Code {line.value}!"


def test_shortest_context_builds_and_one_less_is_refused(corpus):
    with pytest.raises(ValueError, match="lengths is 1; legal: token counts >= ") as caught:
        made(corpus, lengths=(1,), n_distractors=3, value_length=5)
    least = int(re.findall(r">= (\d+)", str(caught.value))[0])
    task = made(corpus, lengths=(least,), n_distractors=3, value_length=5)
    assert task.build(0, n_episodes=50).tokens.shape == (50, least)
    with pytest.raises(ValueError, match=f"lengths is {least - 1}; legal: token counts >= {least}"):
        made(corpus, lengths=(least - 1,), n_distractors=3, value_length=5)


def test_vocabulary_and_labels(corpus):
    task = made(corpus)
    assert task.d_vocab == corpus.d_vocab
    assert (
        "".join(task.token_labels(task.build(0, n_episodes=1).tokens[0])).count("The·secret·number·is·") == 2
    )
    assert task.spec()["corpus_sha256"] == corpus.sha256
    assert made(corpus, filler="repeated").build(0).pad_id == 1


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"template": "The number is {value}"}, None),
        ({"template": "{value} is the number."}, "legal: text, then {value} once. For example"),
        ({"template": "The number."}, "legal: text, then {value} once"),
        ({"template": "The {number} is {value}."}, "legal: text, then {value} once"),
        ({"template": "The number {"}, "legal: text, then {value} once"),
        ({"template": "The {key} is {value}."}, "legal: text, then {value} once"),
        ({"template": "Is {value}.", "n_needles": 2}, "legal: text, then {key} once, then {value} once"),
        ({"template": "{value} of {key}", "n_needles": 2}, "legal: text, then {key} once, then"),
        ({"n_distractors": 64}, "n_needles + n_distractors is 65; legal: 1 to 64"),
        ({"n_symbols": 64}, "n_symbols is 64; legal: None with filler 'corpus'"),
        ({"lengths": (20_000,), "split": "heldout"}, "the tokens of split 'heldout'"),
    ],
)
def test_refusals(corpus, chosen, message):
    if message is None:
        assert made(corpus, **chosen).build(0)
        return
    with pytest.raises(ValueError, match=re.escape(message)):
        made(corpus, **chosen)


def test_tokenizers_that_cannot_serve(corpus):
    tokenizers = pytest.importorskip("tokenizers")
    pairs = tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0}, []))
    with pytest.raises(ValueError, match=r"tokenizer is .*; legal: one token for each digit"):
        NIAHTask(filler="repeated", tokenizer=pairs)
    other = train_tokenizer(["something else"], d_vocab=300)
    with pytest.raises(ValueError, match=r"tokenizer is .*; legal: the tokenizer of the corpus"):
        NIAHTask(filler="corpus", tokenizer=other, corpus=corpus)


def test_a_corpus_too_small_is_refused(tokenizer):
    small = TokenCorpus.from_documents(["A few words."], tokenizer=tokenizer)
    with pytest.raises(ValueError, match=r"lengths is 128; legal: 1 to .*, the tokens of split 'train'"):
        NIAHTask(filler="corpus", corpus=small)


@pytest.mark.parametrize(
    "template",
    [
        'Is {value!r}.',
        'Is {value:>9}.',
        'Is {value!s:}.',
        'Is {value.real}.',
        'Is {{{value}}}.',
        '{{x}} {value}.',
        'Is {value}}.',
        'Is {}.',
        'Is {0}.',
        'Is { value }.',
        'Is {value} {value}.',
        'Of {key} {value}.',
        '{value}.',
        '',
        5,
    ],
)  # fmt: skip
def test_templates_that_would_be_written_literally_are_refused(corpus, template):
    with pytest.raises(ValueError, match=r"template is .*; legal: text, then \{value\} once"):
        NIAHTask(filler="corpus", corpus=corpus, template=template, lengths=(200,))


def test_a_lone_surrogate_in_a_template_is_written_as_an_escape(corpus):
    task = NIAHTask(filler="corpus", corpus=corpus, template="Odd \ud800 {value}.", lengths=(200,))
    tokens = task.build(0, n_episodes=1).tokens[0]
    assert "Odd \\ud800 " in corpus.tokenizer.decode(tokens.tolist())
