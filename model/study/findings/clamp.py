"""What a clamped decay does to a trained model's scores and loss, on texts longer than it was trained on.

Under "causal" one anchor serves the whole text. Past 76 nats of decay all later tokens share one ĝ, so that
their importance does not fade with distance any more; "exact" sets an anchor for every block of queries anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from model.config import Anchor, Rope
from model.network.extension import with_anchor, with_rope
from model.network.network import SISAModel
from model.study.lengths import ANCHORS, STRETCH

WRONG = 0.1  # nats; a weight before normalisation is off by a tenth then
CODES: tuple[Rope, ...] = ("rope", "yarn")


@torch.no_grad()
def loss_by_position(
    model: SISAModel, rows: np.ndarray, *, codes: Sequence[Rope] = CODES, band: int = 256
) -> pd.DataFrame:
    """Return the mean −log p of a token by its position, for each position code and anchor.

    Args:
        model: one with RoPE and importance; its weights are used as they are.
        rows: token ids [row, position] of texts that it was not trained on.
        codes: "rope" as it was trained, or ways to stretch it, see `model.study.lengths.STRETCH`.
        band: positions that are averaged in one row of the table.

    Returns:
        By tokens, such as "257 to 512", then "all": one column a position code and anchor, nats.

    Example:
        >>> from model import SISAConfig
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> table = loss_by_position(model, np.arange(64)[None], band=32)
        >>> table.index.tolist(), table["rope"].columns.tolist()
        (['1 to 32', '33 to 64', 'all'], ['exact', 'causal'])
    """
    tokens = torch.as_tensor(rows)
    starts = range(0, tokens.shape[1], band)
    names = [f"{start + 1} to {min(start + band, tokens.shape[1])}" for start in starts]
    columns = {}
    for code in codes:
        stretched = model if code == model.config.rope else with_rope(model, code, STRETCH[code])
        for anchor in ANCHORS:
            loss = _surprisal(with_anchor(stretched, anchor), tokens)
            # nothing is said of the first token: its column is NaN, and the means leave it out
            bands = [float(loss[:, start : start + band].nanmean()) for start in starts]
            columns[code, anchor] = [*bands, float(loss.nanmean())]
    table = pd.DataFrame(columns, index=pd.Index([*names, "all"], name="tokens"))
    return table.rename_axis(columns=["position code", "anchor"])


@torch.no_grad()
def score_error(model: SISAModel, tokens: np.ndarray, *, anchor: Anchor = "causal") -> pd.DataFrame:
    """Return how far the clamp of an anchor puts importance from what the decay says, by layer.

    In the same pass, whose B, C and g are those of the clamped model, importance λ e^(g_i − g_j) C_i·B_j is
    compared with what e^(ĝ_i − ĝ_j) makes of it, for all pairs i ≥ j.

    Args:
        model: one with importance.
        tokens: of one text.
        anchor: whose clamp is looked at.

    Returns:
        By layer: heads; half-life (median over heads, tokens); clamped (share of positions, median); wrong
        heads (largest error above 0.1 nats); largest error, nats.

    Example:
        >>> from model import SISAConfig
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> table = score_error(model, np.arange(64))  # decays by less than 1 nat
        >>> table["wrong heads"].tolist(), float(table["largest error"].max().round(4))
        ([0, 0], 0.0)
    """
    clamped = with_anchor(model, anchor)
    rows = []
    for layer in range(model.config.n_layers):
        parts = _importance_parts(clamped, torch.as_tensor(tokens)[None], layer)
        errors = [_largest_error(parts, head) for head in range(model.config.n_heads)]
        steps = parts.g.shape[-1] - 1
        half_lives = np.log(2) * steps / (parts.g[:, 0] - parts.g[:, -1])
        rows.append(
            {
                "layer": layer,
                "heads": len(errors),
                "half-life": float(half_lives.median()),
                "clamped": float(parts.clamped.float().mean(-1).median()),
                "wrong heads": sum(error > WRONG for error in errors),
                "largest error": max(errors),
            }
        )
    return pd.DataFrame(rows).set_index("layer")


class _Parts(NamedTuple):
    """What importance is made of in one layer, a head first."""

    b_rot: Tensor
    c_rot: Tensor
    g: Tensor
    g_hat: Tensor
    clamped: Tensor
    lam: Tensor


def _importance_parts(model: SISAModel, tokens: Tensor, layer: int) -> _Parts:
    """Return the factors of one layer's importance on one text."""
    hooks = ("rot_B", "rot_C", "cum_decay", "anchored_decay", "clamped", "lam")
    names = [f"blocks.{layer}.attn.hook_{hook}" for hook in hooks]
    _, cache = model.run_with_cache(tokens, names_filter=names, return_cache_object=False, return_type=None)
    b_rot, c_rot, g, g_hat, clamped = [cache[name][0] for name in names[:-1]]
    return _Parts(b_rot, c_rot, g, g_hat, clamped, cache[names[-1]].flatten())


def _largest_error(parts: _Parts, head: int) -> float:
    """Return the largest |importance with ĝ − importance with g| of a head, nats."""
    products = parts.lam[head] * parts.c_rot[head] @ parts.b_rot[head].T
    seen = torch.ones_like(products, dtype=torch.bool).tril()
    decays = [_between(g[head]) for g in (parts.g_hat, parts.g)]
    return float((products * (decays[0] - decays[1]))[seen].abs().max())


def _between(g: Tensor) -> Tensor:
    """Return e^(g_i − g_j) for i ≥ j; what lies above the diagonal could overflow and is kept at 1."""
    return (g[:, None] - g[None]).clamp(max=0).exp()


def _surprisal(model: SISAModel, tokens: Tensor) -> Tensor:
    """Return −log p of every token given those before it, nats; NaN for the first."""
    losses = torch.full(tokens.shape, torch.nan)
    for row, text in enumerate(tokens):  # one by one: 2,048 tokens have 34 MB of logits at 4,096 symbols
        log_p = model(text[None])[0, :-1].float().log_softmax(-1)
        losses[row, 1:] = -log_p.gather(-1, text[1:, None])[:, 0]
    return losses
