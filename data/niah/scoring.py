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
    """One line per episode: did the model say the value?

    ``predictions[e, t]`` is the argmax *for* token t and ``nll[e, t]`` is -log p(token t) in nats,
    both [episode, position] and already aligned with ``episodes.tokens``; only answer positions
    are read. Returns the episodes' knobs with ``exact_match`` and ``first_token`` (bool) and
    ``nll`` (nats, summed over the answer) in front. ValueError on a wrong shape.
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
    answer = episodes.labels != IGNORED
    hit = predictions == episodes.tokens
    first = episodes.knobs["answer_start"].to_numpy()
    measured = pd.DataFrame(
        {
            "exact_match": (hit | ~answer).all(axis=1),
            "first_token": hit[np.arange(len(episodes)), first],
            "nll": np.where(answer, nll, 0.0).sum(axis=1),
        }
    )
    return pd.concat([measured, episodes.knobs.reset_index(drop=True)], axis=1)


def summarise(
    scores: pd.DataFrame, *, by: Sequence[str] = ("context_length",), measure: str = "exact_match"
) -> pd.DataFrame:
    """Success rate per group with its 95 % Wilson interval.

    Columns: those of ``by``, then ``successes``, ``n``, ``rate``, ``low``, ``high`` and ``nll`` (mean,
    nats per answer). ``by=()`` gives one line for all episodes.
    """
    one_of("measure", measure, MEASURES)
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        one_of("by", name, list(scores.columns))
    if scores.empty:
        raise refusal("scores", [], legal="a table with at least one episode", step="Call score(...) first.")
    cells = [
        {**dict(zip(names, cell, strict=True)), **_rate(part, measure)}
        for cell, part in _groups(scores, names)
    ]
    return pd.DataFrame(cells)


def _groups(scores: pd.DataFrame, names: list[str]) -> Iterable[tuple[Any, pd.DataFrame]]:
    return scores.groupby(names) if names else [((), scores)]


def _rate(part: pd.DataFrame, measure: str) -> dict:
    successes, n = int(np.count_nonzero(part[measure])), len(part)
    low, high = wilson(successes, n)
    interval = {"rate": successes / n, "low": low, "high": high}
    return {"successes": successes, "n": n, **interval, "nll": float(np.mean(part["nll"]))}
