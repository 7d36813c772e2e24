"""Whether an anchor of the running decay looks ahead, and how often trained heads decay past what it holds.

The importance term needs e^(g_i − c) and e^(c − g_j) of the running decay g. The anchor c keeps both within
what a float holds, as long as what it serves decays by no more than twice its range: the whole text under
"minimax" and "causal", a block of queries under "exact".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
import torch

from data.results.tables import in_order
from model.config import Anchor, SISAConfig
from model.mixers.attention.anchor import MINIMAX_RANGE, causal_range
from model.mixers.attention.sisa import SISAAttention
from model.network.network import SISAModel

HALF_LIVES = (103.0, 30.0, 14.0, 7.0, 3.5)  # tokens; 103 is where training starts
# decay that each anchor holds, nats: its range on both sides, so 22 and 76
DECAY_HELD: dict[Anchor, float] = {
    "minimax": 2 * MINIMAX_RANGE,
    "causal": 2 * causal_range(torch.float32),
    "exact": 2 * causal_range(torch.float32),
}
BLOCK = SISAConfig.preset("tiny").anchor_block  # queries that an anchor of "exact" serves, 64


@torch.no_grad()
def looks_ahead(
    *, half_lives: Sequence[float] = HALF_LIVES, length: int = 512, seed: int = 0
) -> pd.DataFrame:
    """Return the largest change of an earlier logit when only later text changes: 0 for whatever is causal.

    The models have two layers with random weights of unit scale, in float32, all heads at one half-life on
    average.

    Args:
        half_lives: tokens after which half of the state is left.
        length: tokens of the text.
        seed: of weights and text.

    Returns:
        half_life, total decay (nats) of the text, then of every anchor: last token (another last token),
        more text (the first half of the text alone, or with the second half after it).

    Example:
        >>> row = looks_ahead(half_lives=[1.5], length=64).iloc[0]  # 30 nats in all, more than 22
        >>> bool(row["minimax, last token"] > 1e-5), float(row["causal, last token"])
        (True, 0.0)
    """
    tokens = torch.randint(64, (1, length), generator=torch.Generator().manual_seed(seed))
    rows = []
    for half_life in half_lives:
        row: dict[str, float] = {"half_life": half_life, "total decay": length * math.log(2) / half_life}
        for anchor in DECAY_HELD:
            model = _of_unit_scale(anchor, half_life=half_life, n_ctx=length, seed=seed)
            row |= {f"{anchor}, {name}": moved for name, moved in _moved(model, tokens).items()}
        rows.append(row)
    return pd.DataFrame(rows)


def decay_reached(heads: pd.DataFrame, *, length: int = 512) -> pd.DataFrame:
    """Return how many heads of trained models decay by more than each anchor holds.

    A head of half-life h decays by length · ln 2 / h nats, and by 64 · ln 2 / h in a block of "exact". Past
    what an anchor holds, decay between the late tokens of what it serves is lost: they are clamped.

    Args:
        heads: rows of `data.measured.heads`; the last step of each run counts.
        length: tokens of the text.

    Returns:
        By variant: seeds; heads (of all of them); half-life (median, tokens); total decay (median, nats);
        past 22 nats (minimax), past 76 nats (causal), past 76 nats in 64 tokens (exact): shares of heads;
        clamped, measured: share of positions in 256 tokens under the anchor of the training, "causal", mean
        over heads; clamped, expected: in `length` tokens under it, if decay goes on at its rate.

    Example:
        >>> one = {"variant": "a", "run": "r", "step": 1, "lam": 0.3, "clamped": 0.0}
        >>> heads = pd.DataFrame([one | {"half_life": 10.0}, one | {"half_life": 100.0}])
        >>> decay_reached(heads).loc["a", ["past 22 nats (minimax)", "past 76 nats (causal)"]].tolist()
        ['50%', '0%']
    """
    last = heads.loc[heads["step"] == heads.groupby("run")["step"].transform("max")].dropna(subset=["lam"])
    total = length * np.log(2) / last["half_life"]
    past = {}
    for anchor, most in DECAY_HELD.items():
        served = _served(anchor, length)
        past[f"past {_held(anchor, length)} ({anchor})"] = total * served / length > most
    # The first DECAY_HELD nats of the text fit; at a steady rate that is the share DECAY_HELD / total of it.
    expected = (1 - DECAY_HELD["causal"] / total).clip(lower=0)
    grouped = last.assign(**{"total decay": total, "expected": expected}, **past).groupby("variant")
    table = pd.DataFrame(
        {
            "seeds": grouped["run"].nunique(),
            "heads": grouped.size(),
            "half-life": grouped["half_life"].median(),
            "total decay": grouped["total decay"].median(),
        }
    )
    shares = {name: grouped[name].mean().map("{:.0%}".format) for name in past}
    for name, column in (("measured", "clamped"), ("expected", "expected")):
        shares[f"clamped, {name}"] = grouped[column].mean().map("{:.2%}".format)
    return table.loc[in_order(table.index)].assign(**shares).round(1)


def half_lives_held(length: int) -> dict[str, float]:
    """Return the half-life at which what an anchor serves decays by all that it holds, tokens.

    A head of a shorter half-life decays past it. With M nats held over n tokens it is n · ln 2 / M; n is
    the length of the text, or 64 where "exact" has an anchor for every block.

    Args:
        length: tokens of the text.

    Example:
        >>> {name: round(half_life, 1) for name, half_life in half_lives_held(512).items()}
        {'22 nats': 16.1, '76 nats': 4.7, '76 nats in 64 tokens': 0.6}
    """
    return {
        _held(anchor, length): _served(anchor, length) * math.log(2) / most
        for anchor, most in DECAY_HELD.items()
    }


def _served(anchor: Anchor, length: int) -> int:
    """Return how many tokens of a text share an anchor."""
    return min(length, BLOCK) if anchor == "exact" else length


def _held(anchor: Anchor, length: int) -> str:
    """Return what an anchor holds in words: "76 nats", or "76 nats in 64 tokens" of a longer text."""
    served = _served(anchor, length)
    return f"{DECAY_HELD[anchor]:g} nats" + (f" in {served} tokens" if served < length else "")


@torch.no_grad()
def _of_unit_scale(anchor: Anchor, *, half_life: float, n_ctx: int, seed: int) -> SISAModel:
    """Return a tiny model whose maps keep the scale of their input; its decay depends on the token."""
    config = SISAConfig.preset("tiny", d_state=16, anchor=anchor, n_ctx=n_ctx)
    model = SISAModel(config, seed=seed)
    # log α = −softplus(b) = −ln 2 / half_life is solved for b by the inverse, ln(e^x − 1): −4.996 at 103.
    bias = math.log(math.expm1(math.log(2) / half_life))
    for mixer in [cast(SISAAttention, block.attn) for block in model.blocks]:
        for name in ("to_q", "to_k", "to_v", "to_o", "to_B", "to_C"):
            weight = getattr(mixer, name).weight
            weight.mul_(config.d_model**-0.5 / weight.std())
        mixer.to_decay.bias.fill_(bias)
    return model


def _moved(model: SISAModel, tokens: torch.Tensor) -> dict[str, float]:
    """Largest change of earlier logits when the last token is another one, and when more text follows."""
    half, other = tokens.shape[1] // 2, tokens.clone()
    other[:, -1] = (other[:, -1] + 1) % model.config.d_vocab
    whole = model(tokens)
    changes = {
        "last token": whole[:, :-1] - model(other)[:, :-1],
        "more text": whole[:, :half] - model(tokens[:, :half]),
    }
    return {name: float(change.abs().max()) for name, change in changes.items()}
