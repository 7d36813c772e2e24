"""protocol="paper": one length, five pairs, places from token 5 to the middle, first token scored."""

import numpy as np
import pytest
from episode_lines import lines

from data import NIAHTask, score, summarise
from data.niah.paper_protocol import FILLER_SENTENCE, KEYS_AND_ANSWERS, SCRIPT_EPISODES, SCRIPT_SEED


@pytest.fixture(scope="module")
def task(tokenizer):
    return NIAHTask(protocol="paper", tokenizer=tokenizer)


def text(tokenizer, ids):
    return tokenizer.decode([int(token_id) for token_id in ids])


def test_the_protocols_numbers(task):
    episodes = task.build(SCRIPT_SEED)
    assert episodes.tokens.shape == (SCRIPT_EPISODES, 512) == (200, 512)
    assert (task.filler, task.lengths, task.max_length) == ("repeated", (512,), 512)


def test_needle_query_and_first_answer_token(task, tokenizer):
    for line in lines(task.build(SCRIPT_SEED)):
        key, answer = line.key, line.value
        assert (key, answer) in KEYS_AND_ANSWERS
        assert text(tokenizer, line.tokens[line.needle_start : line.needle_stop]) == f" {key} {answer}."
        assert text(tokenizer, line.tokens[line.query_start : line.answer_start]) == f" {key}"
        first = tokenizer.encode(" " + answer).ids[0]
        assert line.tokens[line.answer_start] == line.tokens[line.value_start] == first
        assert np.flatnonzero(line.labels != -100).tolist() == [line.answer_start] == [511]


def test_places_and_filler(task, tokenizer):
    episodes = task.build(SCRIPT_SEED, n_episodes=1000)
    starts = episodes.knobs["needle_start"].to_numpy()
    assert starts.min() == 5
    assert 250 <= starts.max() <= 256
    assert (episodes.knobs["requested_depth"] == episodes.knobs["actual_depth"]).all()
    assert episodes.knobs["key"].nunique() == 5
    assert FILLER_SENTENCE in text(tokenizer, episodes.tokens[0])


def test_scoring_counts_the_first_token(task):
    episodes = task.build(SCRIPT_SEED, n_episodes=10)
    scores = score(episodes, predictions=episodes.tokens, nll=np.ones(episodes.tokens.shape))
    assert summarise(scores).loc[0, ["successes", "n", "nll"]].tolist() == [10, 10, 1]


def test_labels_and_vocabulary(task, tokenizer):
    assert task.d_vocab == tokenizer.get_vocab_size()
    assert task.token_labels([0]) == ["<|endoftext|>"]
    assert task.build(0, n_episodes=1).pad_id == 1


@pytest.mark.parametrize(
    ("knob", "message"),
    [
        ({"lengths": (256,)}, r"lengths is \(256,\); legal: \(512,\) under protocol 'paper'"),
        ({"depths": (0.5,)}, r"depths is \(0.5,\); legal: None under protocol 'paper'"),
        ({"value_length": 4}, "value_length is 4; legal: 1 under protocol 'paper'"),
        ({"n_needles": 2}, "n_needles is 2; legal: 1 under"),
        ({"n_distractors": 2}, "n_distractors is 2; legal: 0 under"),
        ({"template": "x {value}"}, "template is .*; legal: None under"),
        ({"tokenizer": None}, "tokenizer is None; legal: a tokenizers.Tokenizer"),
    ],
)
def test_what_the_protocol_fixes_is_refused(tokenizer, knob, message):
    with pytest.raises(ValueError, match=message):
        NIAHTask(**{"protocol": "paper", "tokenizer": tokenizer, **knob})
