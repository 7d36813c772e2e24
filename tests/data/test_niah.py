"""NIAHTask with synthetic filler: spans, labels, purity, balance and every refusal."""

import json

import numpy as np
import pytest
from episode_lines import lines
from hypothesis import given, settings
from hypothesis import strategies as st

from data import NIAHTask
from data.niah.episodes import IGNORED

tasks = st.builds(
    NIAHTask,
    filler=st.just("synthetic"),
    lengths=st.lists(st.integers(80, 200), min_size=1, max_size=3).map(tuple),
    depths=st.none() | st.lists(st.floats(0, 1), min_size=1, max_size=4).map(tuple),
    value_length=st.integers(1, 5),
    n_needles=st.integers(1, 3),
    n_distractors=st.integers(0, 4),
    split=st.sampled_from(["train", "heldout"]),
)


@settings(max_examples=40, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**63))
def test_value_lies_in_needle_and_answer(task, seed):
    episodes = task.build(seed, n_episodes=4)
    for line in lines(episodes):
        hidden = line.tokens[line.value_start : line.value_stop]
        assert list(hidden) == list(line.tokens[line.answer_start : line.answer_stop])
        assert task.token_labels(hidden) == line.value.split()
        assert task.token_labels(line.tokens[[line.needle_start, line.query_start]]) == ["needle", "query"]
        assert line.value_stop == line.needle_stop


@settings(max_examples=40, deadline=None)
@given(task=tasks, seed=st.integers(0, 100))
def test_labels_are_the_answer_and_nothing_else(task, seed):
    episodes = task.build(seed, n_episodes=4)
    position = np.arange(episodes.tokens.shape[1])
    first = episodes.knobs["answer_start"].to_numpy()[:, None]
    last = episodes.knobs["answer_stop"].to_numpy()[:, None]
    answer = (position >= first) & (position < last)
    assert (episodes.labels[answer] == episodes.tokens[answer]).all()
    assert (episodes.labels[~answer] == IGNORED).all()
    padding = position >= episodes.knobs["context_length"].to_numpy()[:, None]
    assert (episodes.tokens[padding] == episodes.pad_id).all()
    assert (episodes.tokens[~padding] != episodes.pad_id).all()


@settings(max_examples=40, deadline=None)
@given(task=tasks, seed=st.integers(0, 100))
def test_depth_is_met_to_one_token(task, seed):
    knobs = task.build(seed, n_episodes=4).knobs
    assert knobs["context_length"].isin(task.lengths).all()
    hidden = task.n_needles + task.n_distractors
    statement = 1 + (hidden > 1) + task.value_length
    filler = knobs["context_length"] - statement * (hidden + 1)
    error = (knobs["requested_depth"] - knobs["actual_depth"]).abs() * filler
    assert (error <= 0.5 + 1e-9).all()


@settings(max_examples=30, deadline=None)
@given(task=tasks, seed=st.integers(0, 100))
def test_other_needles_have_other_keys(task, seed):
    episodes = task.build(seed, n_episodes=3)
    hidden = task.n_needles + task.n_distractors
    for line in lines(episodes):
        labels = task.token_labels(line.tokens)
        keys = [labels[at + 1] for at, label in enumerate(labels) if label == "needle"]
        assert len(keys) == hidden
        if hidden > 1:
            assert len(set(keys)) == hidden
            assert line.key == keys[0] or line.key in keys
            assert labels[line.needle_start + 1] == labels[line.query_start + 1] == line.key


def test_same_seed_same_episodes_and_no_global_rng():
    task = NIAHTask(n_needles=2, n_distractors=1, lengths=(64, 96))
    before = str(np.random.get_state())  # noqa: NPY002 (the global state is what is tested)
    first, again, other = task.build(3), task.build(3), task.build(4)
    assert str(np.random.get_state()) == before  # noqa: NPY002
    assert (first.tokens == again.tokens).all()
    assert first.knobs.equals(again.knobs)
    assert not (first.tokens == other.tokens).all()


def test_splits_draw_from_separate_streams():
    train = NIAHTask(split="train").build(0, n_episodes=2)
    heldout = NIAHTask(split="heldout").build(0, n_episodes=2)
    assert not (train.tokens == heldout.tokens).all()


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 9))
def test_cells_are_balanced(n, seed):
    task = NIAHTask(lengths=(40, 50), depths=(0.0, 0.5, 1.0))
    knobs = task.build(seed, n_episodes=n).knobs
    counts = np.asarray(knobs.groupby(["context_length", "requested_depth"]).size())
    assert counts.max() - (counts.min() if len(counts) == 6 else 0) <= 1


def test_needles_follow_the_depths_and_distractors_do_not():
    def others(**knobs):
        episodes = NIAHTask(depths=(0.0,), lengths=(100,), **knobs).build(0, n_episodes=50)
        return [at for row in episodes.tokens for at in np.flatnonzero(row == 1)]

    assert max(others(n_needles=3)) <= 8
    assert max(others(n_distractors=2)) > 60


def test_vocabulary_holds_every_token():
    task = NIAHTask(n_symbols=32, value_length=3, n_needles=3)
    episodes = task.build(1, n_episodes=200)
    assert task.d_vocab == 32
    assert episodes.tokens.max() < 32
    assert NIAHTask().d_vocab == 64


def test_spans_in_the_form_of_a_trace():
    episodes = NIAHTask().build(0, n_episodes=2)
    line = episodes.knobs.iloc[1]
    assert episodes.spans(1) == {
        "needle": [line.needle_start, line.needle_stop],
        "value": [line.value_start, line.value_stop],
        "answer": [127, 128],
    }
    assert len(episodes) == 2


def test_spec_survives_json_and_builds_the_same():
    task = NIAHTask(lengths=[64], depths=[0.25, 1], value_length=2)
    spec = json.loads(json.dumps(task.spec()))
    assert spec.pop("corpus_sha256") is None
    assert NIAHTask(**spec) == task


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"filler": "essay"}, "filler is 'essay'; legal: 'synthetic', 'repeated', 'corpus'"),
        ({"split": "test"}, "split is 'test'; legal: 'train', 'heldout'"),
        ({"protocol": "ruler"}, "protocol is 'ruler'; legal: 'ours', 'paper'"),
        ({"lengths": ()}, r"lengths is \(\); legal: one or more token counts"),
        ({"lengths": 128}, "lengths is 128; legal: one or more token counts"),
        ({"lengths": (0,)}, "lengths is 0; legal: whole numbers >= 1"),
        ({"lengths": (128, True)}, "lengths is True; legal: whole numbers"),
        ({"lengths": (4,)}, "lengths is 4; legal: token counts >= 5"),
        ({"depths": ()}, r"depths is \(\); legal: None, or one or more numbers from 0 to 1"),
        ({"depths": 0.5}, "depths is 0.5; legal: None"),
        ({"depths": (1.5,)}, r"depths is \(1.5,\); legal: None"),
        ({"depths": ("half",)}, "depths is .*; legal: None"),
        ({"value_length": 0}, "value_length is 0; legal: whole numbers >= 1"),
        ({"value_length": 65}, "value_length is 65; legal: 1 to 64"),
        ({"n_needles": 0}, "n_needles is 0; legal: whole numbers >= 1"),
        ({"n_distractors": -1}, "n_distractors is -1; legal: whole numbers >= 0"),
        ({"n_distractors": 8}, r"n_needles \+ n_distractors is 9; legal: 1 to 8"),
        ({"n_symbols": 8}, "n_symbols is 8; legal: whole numbers >= 16"),
        ({"template": "x {value}"}, "template is .*; legal: None with filler 'synthetic'"),
        ({"filler": "repeated"}, "tokenizer is None; legal: a tokenizers.Tokenizer for text fillers"),
        ({"tokenizer": object()}, "tokenizer is .*; legal: .* None for synthetic"),
        ({"corpus": object()}, "corpus is .*; legal: a TokenCorpus for filler 'corpus'"),
        ({"filler": "corpus", "tokenizer": object()}, "corpus is None; legal: a TokenCorpus"),
        ({"filler": "synthetic", "protocol": "paper"}, "filler is 'synthetic'; legal: 'repeated' under"),
    ],
)
def test_refusals_name_field_value_and_legal_values(knobs, message):
    with pytest.raises(ValueError, match=message):
        NIAHTask(**knobs)


def test_build_refuses_bad_numbers():
    with pytest.raises(ValueError, match="seed is -1; legal: whole numbers >= 0"):
        NIAHTask().build(-1)
    with pytest.raises(ValueError, match="n_episodes is 0; legal: whole numbers >= 1"):
        NIAHTask().build(0, n_episodes=0)


def test_long_values_are_cut_in_messages():
    with pytest.raises(ValueError, match=r"filler is 'x+\.\.\.; legal"):
        NIAHTask(filler="x" * 1000)  # pyright: ignore[reportArgumentType]
