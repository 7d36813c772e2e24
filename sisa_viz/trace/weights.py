"""How a row of scores becomes the weights on the values: softmax is one way of three.

    softmax    w_ij = exp(s_ij) / Σ_j exp(s_ij)           probabilities, a row sums to 1
    sigmoid    w_ij = 1 / (1 + exp(−(s_ij + b_i)))        0 to 1 each; b_i a number, or "log_t": −log(i + 1)
    linear     w_ij = s_ij                                a state space's: signed, unnormalised

A trace says which in its config, as "score" (softmax if absent) and "score_bias" (b; 0 if absent).
"score_terms" may rename the two terms: {"content": ..., "importance": ...}; importance is what λ scales.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sisa_viz.trace.axes import DERIVED, HEADS, SCORES, Quantity

LOG_T = "log_t"
SHARE = Quantity(HEADS, "weight mass", "share of |weights|")


@dataclass(frozen=True)
class Kind:
    """What the weights are called, whether they have a sign, where their colours end, the scores' unit."""

    quantity: Quantity
    signed: bool = False
    top: float | None = None
    score_units: str = "nats"


KINDS = {
    "softmax": Kind(DERIVED["pattern"]),
    "sigmoid": Kind(Quantity(SCORES, "sigmoid of score and bias", "weight"), top=1.0),
    "linear": Kind(
        Quantity(SCORES, "mixing weights (signed, unnormalised)", "1"), signed=True, score_units="1"
    ),
}


@dataclass(frozen=True)
class Weighing:
    """How a head weighs its keys."""

    score: str = "softmax"
    bias: float | str = 0.0

    @property
    def kind(self) -> Kind:
        return KINDS[self.score]

    def weights(self, scores: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Weights [query, key] of score rows of these query positions; NaN, where no score exists, stays."""
        if self.score == "linear":
            return scores
        if self.score == "sigmoid":
            scores = scores + self._bias(queries)[:, None]
            small = np.exp(-np.abs(scores))
            return np.where(scores < 0, small, np.float32(1)) / (1 + small)
        weights = np.exp(scores - np.nanmax(scores, axis=-1, keepdims=True))
        return weights / np.nansum(weights, axis=-1, keepdims=True)

    def _bias(self, queries: np.ndarray) -> np.ndarray:
        bias = -np.log(queries + 1) if self.bias == LOG_T else np.full(len(queries), self.bias)
        return bias.astype(np.float32)


SOFTMAX = Weighing()


def share(row: np.ndarray, inside: np.ndarray) -> float:
    """The part of a row's absolute weights on the keys `inside`: with softmax their probability."""
    sizes = np.abs(row)
    return float(sizes[inside].sum() / (np.nansum(sizes) or 1))


def weighing(config: Mapping[str, Any]) -> Weighing:
    """How the heads of a trace weigh, from its config; ValueError says what came and what is legal."""
    score, bias = config.get("score", SOFTMAX.score), config.get("score_bias", SOFTMAX.bias)
    if not isinstance(score, str) or score not in KINDS:
        raise ValueError(f"config['score'] is {score!r}; legal: {', '.join(KINDS)}")
    if bias != LOG_T and not _is_number(bias):
        raise ValueError(f"config['score_bias'] is {bias!r}; legal: a number, or {LOG_T!r}")
    return Weighing(score, bias if bias == LOG_T else float(bias))


def terms(config: Mapping[str, Any]) -> dict[str, str]:
    """What the two terms of the score are called; ValueError for names that are no such pair."""
    given, own = config.get("score_terms", {}), {"content": "content", "importance": "importance"}
    legal = isinstance(given, Mapping) and given.keys() <= own.keys()
    if not legal or not all(isinstance(name, str) for name in given.values()):
        raise ValueError(f"config['score_terms'] is {given!r}; legal: strings for {', '.join(own)}")
    return own | dict(given)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
