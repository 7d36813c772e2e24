"""What d_state costs and brings at equal parameters, and the gates of the adaptive variant."""

from __future__ import annotations

from typing import cast

import pandas as pd
import torch

from data import measured
from data.results.variants import Variant
from model.config import SISAConfig
from model.config.sizes import mixers, total
from model.mixers.attention.adaptive import AdaptiveSISA
from model.network.network import SISAModel
from model.study.findings.selection import NOT_YET, compared
from model.study.plans import STATE_SIZES

PLANS_OF_STATE_SIZES = ("main", "state", "fusion")
ADAPTIVE = "adaptive_sisa"


def sizes_table(*, preset: str = "small") -> pd.DataFrame:
    """Return what every d_state costs at equal parameters; d_state 0 is the transformer.

    Args:
        preset: size of the models.

    Returns:
        By d_state: d_mlp that pays for it, mixers (their share of all parameters), parameters.

    Example:
        >>> sizes_table().loc[[0, 16], "d_mlp"].tolist()
        [1024, 942]
    """
    rows = []
    for d_state in (0, *STATE_SIZES):
        config = SISAConfig.preset(preset, d_state=d_state)
        share = f"{mixers(config) / total(config):.0%}"
        sizes = {"d_state": d_state, "d_mlp": config.d_mlp, "mixers": share}
        rows.append(sizes | {"parameters": f"{total(config):,}"})
    return pd.DataFrame(rows).set_index("d_state")


def ended(*, lr: float | None = None) -> pd.DataFrame:
    """Return measured runs at their last step: the transformer, SISA of every d_state, the adaptive one.

    Args:
        lr: peak learning rate; by default each variant's own, see `data.measured.chosen`.

    Returns:
        Columns of `data.measured.final`, a run a row.

    Example:
        >>> slower = ended(lr=1e-3)
        >>> sorted(set(slower["lr"])), "SISA d_state=4" in set(slower["architecture"])
        ([0.001], True)
    """
    every = compared(*PLANS_OF_STATE_SIZES) if lr is None else measured.on_text(measured.metrics())
    if lr is not None:
        every = every.loc[every["lr"] == lr]
    last = measured.final(every)
    return last.loc[last["architecture"].isin(["transformer", ADAPTIVE, *_sizes()])].reset_index(drop=True)


def coverage(runs: pd.DataFrame) -> pd.DataFrame:
    """Return how many seeds of each d_state were trained; "not measured yet" where there are none.

    Args:
        runs: of `ended`.

    Example:
        >>> runs = pd.DataFrame({"architecture": ["SISA d_state=16"] * 2, "seed": [0, 1]})
        >>> coverage(runs).loc[["SISA d_state=16", "SISA d_state=32"], "seeds"].tolist()
        ['2', 'not measured yet']
    """
    seeds = runs.groupby("architecture")["seed"].nunique()
    names = ["transformer", *_sizes(), ADAPTIVE]
    counts = [str(seeds.get(name, NOT_YET)) for name in names]
    return pd.DataFrame({"variant": names, "seeds": counts}).set_index("variant")


@torch.no_grad()
def gates(model: SISAModel) -> pd.DataFrame:
    """Return how far each gate of an adaptive model is open, 0 to 1: layer × pair of state channels.

    Args:
        model: of architecture "adaptive_sisa".

    Example:
        >>> model = SISAModel(SISAConfig.preset("tiny", architecture="adaptive_sisa"))
        >>> gates(model).round(3).iloc[0, 0].item()  # where training starts
        0.982
    """
    layers = [cast(AdaptiveSISA, block.attn).gate_raw.sigmoid().tolist() for block in model.blocks]
    table = pd.DataFrame(layers, index=[f"layer {layer}" for layer in range(len(layers))])
    return table.rename(columns="pair {}".format)


def _sizes() -> list[str]:
    """Labels of SISA at every state size."""
    return [Variant("sisa", d_state=d_state).label for d_state in STATE_SIZES]
