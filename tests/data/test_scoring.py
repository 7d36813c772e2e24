"""score, summarise and wilson against values worked out by hand."""

import numpy as np
import pytest
from episode_lines import lines
from hypothesis import given
from hypothesis import strategies as st

from data import NIAHTask, score, summarise, wilson


def scored(*, spoil=(), value_length=3, n=6):
    episodes = NIAHTask(lengths=(40, 60), value_length=value_length).build(0, n_episodes=n)
    predictions, nll = np.zeros_like(episodes.tokens), np.full(episodes.tokens.shape, np.nan)
    for index, line in enumerate(lines(episodes)):
        span = slice(line.answer_start, line.answer_stop)
        predictions[index, span] = episodes.tokens[index, span]
        nll[index, span] = 0.5
    for index, offset in spoil:
        predictions[index, episodes.knobs.answer_start[index] + offset] = 0
    return score(episodes, predictions=predictions, nll=nll)


def test_all_right_and_only_answer_positions_read():
    scores = scored()
    assert np.all(scores[["exact_match", "first_token"]])
    assert np.all(scores["nll"] == 1.5)
    assert {"context_length", "actual_depth", "value"} <= set(scores.columns)


def test_last_token_wrong_keeps_first_token():
    scores = scored(spoil=[(0, 2), (1, 0)])
    assert list(scores["exact_match"]) == [False, False, True, True, True, True]
    assert list(scores["first_token"]) == [True, False, True, True, True, True]


def test_summary_by_length():
    table = summarise(scored(spoil=[(0, 2)]), by=("context_length",))
    assert list(table["context_length"]) == [40, 60]
    assert table["n"].tolist() == [3, 3]
    assert np.sum(table["successes"]) == 5
    assert np.all(table["nll"] == 1.5)
    assert np.all(table["low"] <= table["rate"])
    assert np.all(table["rate"] <= table["high"])


def test_summary_of_everything_and_of_first_tokens():
    scores = scored(spoil=[(0, 2)])
    assert summarise(scores, by=())["rate"].tolist() == [5 / 6]
    assert summarise(scores, by=(), measure="first_token")["rate"].tolist() == [1.0]
    assert len(summarise(scores, by="requested_depth")) == 6


def test_wilson_by_the_formula():
    z, n, rate = 1.959963984540054, 200, 188 / 200
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    assert wilson(188, 200) == pytest.approx((centre - half, centre + half), abs=1e-12)


@given(n=st.integers(1, 300), data=st.data())
def test_wilson_stays_inside_and_around_the_rate(n, data):
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert wilson(successes, n, level=0.5)[1] <= high


def test_refusals():
    episodes = NIAHTask().build(0, n_episodes=2)
    whole = np.zeros(episodes.tokens.shape)
    with pytest.raises(ValueError, match=r"predictions.shape is \(2, 127\); legal: \(2, 128\)"):
        score(episodes, predictions=whole[:, 1:], nll=whole)
    with pytest.raises(ValueError, match=r"nll.shape is \(2, 127\); legal: \(2, 128\)"):
        score(episodes, predictions=whole, nll=whole[:, 1:])
    scores = score(episodes, predictions=whole, nll=whole)
    with pytest.raises(ValueError, match="measure is 'bleu'; legal: 'exact_match', 'first_token'"):
        summarise(scores, measure="bleu")
    with pytest.raises(ValueError, match="by is 'depth'; legal: 'exact_match'"):
        summarise(scores, by=("depth",))
    with pytest.raises(ValueError, match=r"scores is \[\]; legal: a table with at least one episode"):
        summarise(scores.head(0))
    with pytest.raises(ValueError, match="n is 0; legal: whole numbers >= 1"):
        wilson(0, 0)
    with pytest.raises(ValueError, match="successes is 5; legal: 0 to n = 4"):
        wilson(5, 4)
    with pytest.raises(ValueError, match="level is 95; legal: above 0, below 1"):
        wilson(1, 4, level=95)
