"""The atlas of heads: λ, decay, phase and how much of attention importance moves, one row a head.

The forward pass itself computes the scores. What a layer's hooks fire is summed up before the next layer
begins, so that the score matrices of one layer exist at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from data.refusal import refusal
from data.results.head_table import INITIAL_LAM, head_table
from model.analysis.ablation import score_terms
from model.mixers.attention.sisa import SISAAttention
from model.network.network import SISAModel

PAIRS_A_PASS = 1 << 20  # query-key pairs of a head in one pass; 8 heads of them take 32 MiB in float32
COLUMNS = (
    *("layer", "head", "lam", "lam_moved", "half_life", "phase_speed", "phase_slowest", "phase_fastest"),
    *("importance_share", "content_std", "importance_std", "clamped"),
)
STATE = ("lam", "log_decay", "clamped", "phase")  # hooks of factors, beside those of the scores
SCORES = ("content_scores", "importance_scores", "pattern")
PER_QUERY = ("importance_share", "content_std", "importance_std")  # means over queries

Hooks = list[tuple[str | Callable[..., bool], Callable[..., None]]]  # as TransformerLens types them


@torch.no_grad()
def head_atlas(model: SISAModel, tokens: np.ndarray) -> pd.DataFrame:
    """Measure every head that has λ: what its importance is made of, and what it does to attention.

    With A_ij the weight of query i on key j, and A'_ij what it is when the score is content alone:

    - lam, lam_moved: λ, and λ − softplus(−1), how far training moved it;
    - half_life: log 2 / (−mean log α) in tokens, as in `head_state`;
    - phase_speed: median of abs θ_t over tokens and pairs of state channels, radians a token; phase_slowest
      and phase_fastest: the least and the greatest of the medians of single pairs;
    - importance_share: mean over queries of ½ Σ_j abs(A_ij − A'_ij), the total-variation distance. It is the
      share of attention, 0 to 1, that lies elsewhere because of importance;
    - content_std, importance_std: standard deviation of the term over the visible keys in nats, mean over
      queries;
    - clamped: share of positions where the anchor cut the decay off.

    The first query sees one key, where no term can do anything, and is left out of the means. Weights of
    sigmoids are divided by the sum of their row, so that a row of either kind is a distribution; how much
    importance changes that sum itself is not told.

    Args:
        model: SISA, adaptive SISA or sigmoid SISA.
        tokens: token ids [row, position], of two positions at least; rows go through in parts.

    Returns:
        One row a head: layer, head, and the columns above in that order.

    Raises:
        ValueError: the model has no λ, or the tokens are no texts of two tokens at least.

    Example:
        >>> from model import SISAConfig
        >>> atlas = head_atlas(SISAModel(SISAConfig.preset("tiny")), np.arange(32).reshape(2, 16))
        >>> len(atlas), bool(atlas["lam_moved"].abs().max() < 1e-6)
        (8, True)
    """
    if "importance" not in score_terms(model):
        step = "Its scores have no importance term to weigh."
        raise refusal(
            "model", f"a {model.config.architecture} without λ", legal="SISA and its kin", step=step
        )
    rows = np.asarray(tokens)
    if rows.ndim != 2 or not len(rows) or rows.shape[1] < 2:
        legal = "[row, position], one row and two positions at least"
        raise refusal("tokens", f"shape {rows.shape}", legal=legal, step="Pass episodes.tokens.")
    heads = {layer: _Sums(mixer) for layer, mixer in _mixers(model)}
    size = max(1, PAIRS_A_PASS // rows.shape[1] ** 2)
    for start in range(0, len(rows), size):
        part = torch.as_tensor(rows[start : start + size].astype(np.int64), device=model.device)
        hooks = [hook for layer, sums in heads.items() for hook in sums.hooks(f"blocks.{layer}.attn.hook_")]
        model.run_with_hooks(part, return_type=None, fwd_hooks=hooks)
    numbers = [
        (layer, head, column, value)
        for layer, sums in heads.items()
        for column, values in sums.columns().items()
        for head, value in enumerate(values.tolist())
    ]
    return head_table(numbers).loc[:, list(COLUMNS)]


def _mixers(model: SISAModel) -> Iterator[tuple[int, SISAAttention]]:
    """Yield the layers that have λ, and their mixers."""
    for layer, block in enumerate(model.blocks):
        if isinstance(block.attn, SISAAttention):
            yield layer, block.attn


class _Sums:
    """What the passes of one layer add up to, in float64, one number a head."""

    def __init__(self, mixer: SISAAttention) -> None:
        self.mixer = mixer
        self.fired: dict[str, Tensor] = {}
        self.speeds: list[Tensor] = []  # abs θ, batch head position pair
        self.sums: dict[str, Tensor] = {}
        self.texts = self.positions = 0

    def hooks(self, prefix: str) -> Hooks:
        """Return forward hooks that keep what they see until the pattern, the last to fire, is there."""
        return [(prefix + name, self._keep) for name in (*STATE, *SCORES)]

    def _keep(self, value: Tensor, hook: HookPoint) -> None:
        name = str(hook.name).rpartition("hook_")[2]
        self.fired[name] = value
        if name == "pattern":
            self._add(**self.fired)
            self.fired = {}

    def _add(
        self,
        *,
        lam: Tensor,
        log_decay: Tensor,
        clamped: Tensor,
        phase: Tensor,
        content_scores: Tensor,
        importance_scores: Tensor,
        pattern: Tensor,
    ) -> None:
        batch, _, length, _ = pattern.shape
        self.texts, self.positions = self.texts + batch, self.positions + batch * length
        self.speeds.append(phase.diff(dim=2, prepend=torch.zeros_like(phase[:, :, :1])).abs())
        alone = self.mixer._weights(content_scores)  # softmax or sigmoids, as the model has them
        self._sum("log_decay", log_decay.double().sum(2))
        self._sum("clamped", clamped.double().sum(2))
        self._sum("importance_share", _per_query(_distance(pattern, alone)))
        self._sum("content_std", _per_query(_spread(content_scores)))
        self._sum("importance_std", _per_query(_spread(importance_scores)))
        self.sums["lam"] = lam.double()

    def _sum(self, name: str, values: Tensor) -> None:
        """Add numbers of each text, batch head, to those of the passes before."""
        self.sums[name] = self.sums.get(name, torch.zeros(())).to(values.device) + values.sum(0)

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns of the atlas, a number a head each."""
        sums = {name: values.cpu().numpy() for name, values in self.sums.items()}
        speeds = np.concatenate([part.movedim(1, 0).flatten(1, 2).cpu().numpy() for part in self.speeds], 1)
        of_pairs = np.median(speeds, axis=1)
        return {
            "lam": sums["lam"],
            "lam_moved": sums["lam"] - INITIAL_LAM,
            "half_life": math.log(2) * self.positions / abs(sums["log_decay"]),
            "phase_speed": np.median(speeds, axis=(1, 2)),
            "phase_slowest": of_pairs.min(axis=1),
            "phase_fastest": of_pairs.max(axis=1),
            "clamped": sums["clamped"] / self.positions,
            **{name: sums[name] / self.texts for name in PER_QUERY},
        }


def _per_query(values: Tensor) -> Tensor:
    """Return the mean over all queries but the first, batch head, of batch head query."""
    return values[..., 1:].double().mean(-1)


def _distance(pattern: Tensor, other: Tensor) -> Tensor:
    """Return ½ Σ_j abs(A_ij − A'_ij) of weights whose rows are made to sum to one: batch head query."""
    apart = pattern / pattern.sum(-1, keepdim=True) - other / other.sum(-1, keepdim=True)
    return apart.abs().sum(-1) / 2


def _spread(scores: Tensor) -> Tensor:
    """Return the standard deviation of scores over the keys that each query sees: batch head query."""
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    counts = seen.sum(-1)
    held = scores.masked_fill(~seen, 0)
    off = (held - held.sum(-1, keepdim=True) / counts[:, None]).masked_fill(~seen, 0)
    return (off.square().sum(-1) / counts).sqrt()
