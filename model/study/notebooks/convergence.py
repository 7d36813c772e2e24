"""Notebook 03: the small study of this machine beside the measured one, and what the decay does in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import torch

from data import measured
from data.refusal import one_of, refusal, whole
from data.results.tables import Frame, in_order
from model.config import SISAConfig
from model.mixers.attention.sisa import SISAAttention
from model.mixers.attention.sisa_score import MINIMAX_RANGE, causal_range
from model.network.network import SISAModel
from model.study.findings.reading import SHOWN, check_needles, variants
from model.study.notebooks.experiment import Study, run_all
from model.study.notebooks.small import one_thread

PLANS = {"small": "main", "50m": "50m"}  # size: of what is compared at it
HALF_LIVES = (103.0, 30.0, 14.0, 7.0, 3.5)  # tokens; 103 is where training starts
LIMITS = {"minimax": 2 * MINIMAX_RANGE, "causal": 2 * causal_range(torch.float32)}  # total decay, nats


@dataclass(frozen=True, kw_only=True)
class Convergence(Study):
    """Parameters of notebook 03: those of its own small study, then what is shown of the measured one.

    Args:
        retrain: train here what `data.measured.tiny` holds, too.
        needles: held-out set, see `model.study.findings.reading.needle_sets`.
        lens_preset, lens_variant, lens_seed: size, variant and seed of the run whose heads are shown; variant
            "" takes SISA at d_state 16.
    """

    retrain: bool = False
    needles: str = "corpus256"
    lens_preset: str = "small"
    lens_variant: str = ""
    lens_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("retrain", self.retrain, (True, False))
        check_needles(self.needles)
        one_of("lens_preset", self.lens_preset, list(PLANS))
        one_of("lens_variant", self._variant, variants(PLANS[self.lens_preset]))
        whole("lens_seed", self.lens_seed, least=0)
        self.lens_run()

    @property
    def _variant(self) -> str:
        return self.lens_variant or SHOWN

    def run(self) -> Frame:
        """Metrics of the small study: runs that ship with the project are read, others are trained here."""
        shipped, asked = measured.tiny(), list(self.experiments())
        known = shipped[shipped["run"].isin([experiment.name for experiment in asked]) & (not self.retrain)]
        missing = [experiment for experiment in asked if experiment.name not in set(known["run"])]
        if not missing:
            return known.reset_index(drop=True)
        with one_thread():
            return pd.concat([known, run_all(missing)], ignore_index=True)

    def lens_run(self) -> str:
        """Name of the run."""
        runs = measured.chosen(measured.runs(), preset=self.lens_preset)
        own = runs[runs["variant"] == self._variant].set_index("seed")["run"]
        if self.lens_seed not in own:
            legal = ", ".join(map(str, own.index)) or "none yet"
            step = f"These seeds of {self._variant} have been measured; choose one, or another variant."
            raise refusal("lens_seed", self.lens_seed, legal=legal, step=step)
        return str(own[self.lens_seed])


@torch.no_grad()
def looks_ahead(*, half_lives: Sequence[float] = HALF_LIVES, length: int = 512, seed: int = 0) -> Frame:
    """Largest change of an earlier logit when only later text changes: 0 for whatever is causal.

    Two layers with random weights of unit scale, float32, all heads at one half-life on average.

    Args:
        half_lives: tokens.
        length: tokens of the text.

    Returns:
        half_life, total decay (nats) of the text, then of both anchors: last token (another last token),
        more text (the first half of the text alone, or with the second half after it).
    """
    tokens = torch.randint(64, (1, length), generator=torch.Generator().manual_seed(seed))
    rows = []
    for half_life in half_lives:
        row: dict[str, float] = {"half_life": half_life, "total decay": length * math.log(2) / half_life}
        for anchor in LIMITS:
            model = unit_scale(anchor, half_life=half_life, n_ctx=length, seed=seed)
            row |= {f"{anchor}, {name}": moved for name, moved in _moved(model, tokens).items()}
        rows.append(row)
    return pd.DataFrame(rows)


@torch.no_grad()
def unit_scale(anchor: str, *, half_life: float, n_ctx: int, seed: int) -> SISAModel:
    """A tiny model whose maps keep the scale of their input; its decay depends on the token."""
    config = SISAConfig.preset("tiny", d_state=16, anchor=anchor, n_ctx=n_ctx)
    model = SISAModel(config, seed=seed)
    for mixer in [cast(SISAAttention, block.attn) for block in model.blocks]:
        for name in ("to_q", "to_k", "to_v", "to_o", "to_B", "to_C"):
            weight = getattr(mixer, name).weight
            weight.mul_(config.d_model**-0.5 / weight.std())
        mixer.to_decay.bias.fill_(math.log(math.expm1(math.log(2) / half_life)))
    return model


def _moved(model: SISAModel, tokens: torch.Tensor) -> dict[str, float]:
    half, other = tokens.shape[1] // 2, tokens.clone()
    other[:, -1] = (other[:, -1] + 1) % model.config.d_vocab
    whole = model(tokens)
    changes = {
        "last token": whole[:, :-1] - model(other)[:, :-1],
        "more text": whole[:, :half] - model(tokens[:, :half]),
    }
    return {name: float(change.abs().max()) for name, change in changes.items()}


def decay_reached(heads: Frame, *, length: int = 512) -> Frame:
    """How many heads of trained models decay by more than an anchor holds, within `length` tokens.

    Args:
        heads: rows of `data.measured.heads`; the last step of each run counts.

    Returns:
        by variant: seeds, heads (of all of them), half-life (median, tokens), total decay (median, nats),
        past 22 nats (minimax), past 76 nats (causal): shares of heads; clamped, measured: share of positions
        in 256 tokens, mean over heads; clamped, expected: in `length` tokens, if decay goes on at its rate.
    """
    last = heads[heads["step"] == heads.groupby("run")["step"].transform("max")].dropna(subset=["lam"])
    total = length * np.log(2) / last["half_life"]
    past = {f"past {limit:g} nats ({anchor})": total > limit for anchor, limit in LIMITS.items()}
    expected = (1 - LIMITS["causal"] / total).clip(lower=0)
    rows = last.assign(**{"total decay": total, "expected": expected}, **past)
    grouped = rows.groupby("variant")
    table = pd.DataFrame(
        {
            "seeds": grouped["run"].nunique(),
            "heads": grouped.size(),
            "half-life": grouped["half_life"].median(),
            "total decay": grouped["total decay"].median(),
        }
    )
    shares = {name: grouped[name].mean().map("{:.0%}".format) for name in past}
    table = table.loc[in_order(table.index)]
    for name, column in (("measured", "clamped"), ("expected", "expected")):
        shares[f"clamped, {name}"] = grouped[column].mean().map("{:.2%}".format)
    return table.assign(**shares).round(1)


def held(length: int) -> dict[str, float]:
    """Half-life, tokens, at which a text of this length decays by all that each anchor holds."""
    return {f"{limit:g} nats": length * math.log(2) / limit for limit in LIMITS.values()}
