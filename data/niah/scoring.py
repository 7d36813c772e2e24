"""Scores of needle episodes: exact match, first-token accuracy, answer surprisal, Wilson intervals."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from data.niah.episodes import IGNORED, Episodes
from data.refusal import one_of, refusal
from data.results.intervals import wilson

MEASURES = ("exact_match", "first_token")


def score(episodes: Episodes, *, predictions: np.ndarray, nll: np.ndarray) -> pd.DataFrame:
    """Return one line for each episode that says whether the model gave the value.

    Predictions are already aligned with the tokens that they are about: column t holds what the model
    expected at position t, after reading the positions before it. Only answer positions are read.

    Args:
        episodes: what the model was shown.
        predictions: the most likely token id for each position, [episode, position].
        nll: -log p of the token that stands at each position, in nats, [episode, position].

    Returns:
        The episodes' knobs with three columns in front: `exact_match` (every answer token was the most
        likely one), `first_token` (the first one was) and `nll` (nats, summed over the answer).

    Raises:
        ValueError: if an array has another shape than the tokens.

    Example:
        >>> from data import NIAHTask, score
        >>> episodes = NIAHTask(lengths=(16,)).build(seed=0, n_episodes=2)
        >>> said = episodes.tokens.copy()
        >>> said[1, -1] += 1  # the second answer is wrong
        >>> score(episodes, predictions=said, nll=np.ones(said.shape))["exact_match"].tolist()
        [True, False]
    """
    predictions, nll = np.asarray(predictions), np.asarray(nll)
    for name, given in (("predictions", predictions), ("nll", nll)):
        if given.shape != episodes.tokens.shape:
            raise refusal(
                f"{name}.shape",
                given.shape,
                legal=str(episodes.tokens.shape),
                step="Give one value per token of the episodes, shifted to the token it predicts.",
            )
    if predictions.dtype.kind not in "iuf":  # True is no token, although it equals 1
        step = "Pass the argmax of the logits."
        raise refusal("predictions.dtype", predictions.dtype, legal="whole numbers, token ids", step=step)
    answer = episodes.labels != IGNORED
    hit = predictions == episodes.tokens
    first = episodes.knobs["answer_start"].to_numpy()
    measured = pd.DataFrame(
        {
            "exact_match": (hit | ~answer).all(axis=1),  # positions outside the answer count as hit
            "first_token": hit[np.arange(len(episodes)), first],
            "nll": np.where(answer, nll, 0.0).sum(axis=1),
        }
    )
    return pd.concat([measured, episodes.knobs.reset_index(drop=True)], axis=1)


def summarise(
    scores: pd.DataFrame, *, by: Sequence[str] = ("context_length",), measure: str = "exact_match"
) -> pd.DataFrame:
    """Return the success rate of each group of episodes with its 95 % Wilson interval.

    Args:
        scores: the table that `score` gives.
        by: names of the columns that make a group; `()` gives one line for all episodes.
        measure: what counts as success, "exact_match" or "first_token".

    Returns:
        One line for each group: the columns of `by`, then `successes`, `n`, `rate`, `low`, `high` (shares)
        and `nll` (mean over the episodes, nats for each answer).

    Raises:
        ValueError: for an unknown measure or column, a table without episodes, or one whose measure is
            something else than right or wrong.

    Example:
        >>> from data import NIAHTask, score, summarise
        >>> episodes = NIAHTask(lengths=(16, 32)).build(seed=0, n_episodes=8)
        >>> scores = score(episodes, predictions=episodes.tokens, nll=np.zeros(episodes.tokens.shape))
        >>> summarise(scores)[["context_length", "successes", "n"]].to_numpy().tolist()
        [[16, 4, 4], [32, 4, 4]]
    """
    if not isinstance(scores, pd.DataFrame):
        raise refusal("scores", scores, legal="a table of episodes", step="Call score(...) first.")
    one_of("measure", measure, MEASURES)
    for column in (measure, "nll"):
        one_of("scores' column", column, list(scores.columns))
    names = [by] if isinstance(by, str) else list(by or ())
    for name in names:
        one_of("by", name, list(scores.columns))
    if scores.empty:
        raise refusal("scores", [], legal="a table with at least one episode", step="Call score(...) first.")
    # NaN is not 0, so it would count as right; a group that has no name would be left out
    known = scores[measure].isin([True, False]).to_numpy()
    if not known.all():
        legal, step = "True or False", "Leave out episodes that were not scored."
        raise refusal(measure, scores[measure].to_numpy()[~known][0], legal=legal, step=step)
    for name in names:
        if bool(scores[name].isna().to_numpy().any()):
            step = f"Leave {name} out of by, or fill the missing values."
            raise refusal(name, float("nan"), legal="a value for every episode", step=step)
    cells = [
        {**dict(zip(names, cell, strict=True)), **_rate(part, measure)}
        for cell, part in _groups(scores, names)
    ]
    return pd.DataFrame(cells)


def _groups(scores: pd.DataFrame, names: list[str]) -> Iterable[tuple[Any, pd.DataFrame]]:
    """Return each group with the values that make it; without names all episodes are one group."""
    return scores.groupby(names) if names else [((), scores)]


def _rate(part: pd.DataFrame, measure: str) -> dict[str, float]:
    """Return the columns of one group."""
    successes, n = int(np.count_nonzero(part[measure])), len(part)
    low, high = wilson(successes, n)
    interval = {"rate": successes / n, "low": low, "high": high}
    return {"successes": successes, "n": n, **interval, "nll": float(np.mean(part["nll"]))}
