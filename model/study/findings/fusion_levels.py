"""What each architecture is, where attention and state space meet in it, and whether that place matters."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pandas as pd

from data.results.claims import LEVELS, ratio, steps_to
from data.results.verdicts import REFUTED_HERE, SUPPORTED_HERE, claims_table, judge
from model.config import SISAConfig
from model.config.architectures import Architecture, FusionLevel, architecture, architectures
from model.config.placement import attends
from model.config.sizes import total
from model.study.findings.selection import SHOWN_VARIANT
from model.study.runs import StudyRun

PLANS_OF_ARCHITECTURES = ("main", "fusion")
TRANSFORMER_WITHOUT_ROPE = "transformer, no RoPE"
HYBRIDS = ("jamba", "hymba")  # block level and head level, which the paper argues against
NAMED = (
    SHOWN_VARIANT,
    "fox",
    *HYBRIDS,
    "mamba2",
    "mamba3",
    "sigmoid_sisa",
    "transformer",
)  # of all in a figure


def architecture_table(*, preset: str = "small") -> pd.DataFrame:
    """Return a table of every architecture: level of fusion, what it is, source, sizes at equal parameters.

    Rows are sorted by where state space and attention meet. Beside the registered architectures stands the
    transformer without a position code, which is a variant of one of them.

    Args:
        preset: size at which parameters are compared.

    Example:
        >>> architecture_table(preset="tiny").loc["fox", ["level", "position code"]].tolist()
        ['bias of the score', 'none']
    """
    without_rope = replace(
        architecture("transformer"),
        name=TRANSFORMER_WITHOUT_ROPE,
        what="the same without any position code",
        arxiv="2305.19466",
        rope="none",
    )
    levels = get_args(FusionLevel)
    records = sorted([*architectures(), without_rope], key=lambda record: levels.index(record.level))
    rows = [_described(record, preset=preset) for record in records]
    names = pd.Index([record.name for record in records], name="architecture")
    return pd.DataFrame(rows, index=names)


def placement(config: SISAConfig) -> str:
    """Return what each layer of a block-level hybrid is, in words.

    Args:
        config: of a Jamba-style model.

    Example:
        >>> placement(SISAConfig.preset("tiny", architecture="jamba"))
        'layer 0: Mamba-2, layer 1: attention'
    """
    state_space = architecture("mamba2").label
    kinds = ["attention" if attends(config, layer) else state_space for layer in range(config.n_layers)]
    return ", ".join(f"layer {layer}: {kind}" for layer, kind in enumerate(kinds))


def level_claims(metrics: pd.DataFrame, *, needles: str) -> pd.DataFrame:
    """Return whether score-level fusion needs fewer steps than block and head level, one row a claim.

    What is judged is the median ratio of steps to 50 % over seeds that both have trained
    (`data.results.claims.ratio`). The paper argues for it and trains no hybrid, so a verdict says "supported
    here" or "refuted here".

    Args:
        metrics: a table of runs, one learning rate a variant.
        needles: name of the held-out set.

    Returns:
        The columns of `data.results.verdicts.claims_table`.

    Example:
        >>> from data import measured
        >>> level_claims(measured.tiny(), needles="niah")[["measured", "verdict"]].iloc[0].tolist()
        ['0.75', 'undecided']
    """
    steps = steps_to(metrics, level=LEVELS[0], metric=f"{needles}/exact_match")
    claims = []
    for other in map(architecture, HYBRIDS):
        claim = judge(
            f"score level ({SHOWN_VARIANT}) needs fewer steps than {other.level} level ({other.name})",
            "argued, not trained",
            ratio(steps, variant=SHOWN_VARIANT, baseline=other.name),
            border=1,
            side="below",
            words=(SUPPORTED_HERE, REFUTED_HERE),
            variant=SHOWN_VARIANT,
            needles=needles,
        )
        claims.append(claim)
    return claims_table(claims)


def _described(record: Architecture, *, preset: str) -> dict[str, object]:
    name, _, _ = record.name.partition(", ")  # a variant is built as its architecture
    config = SISAConfig.preset(preset, architecture=name, rope=record.rope, n_ctx=StudyRun.n_ctx)
    return {
        "level": record.level,
        "what": record.what,
        "arxiv": record.arxiv,
        "position code": config.rope,
        "d_state": config.d_state,
        "d_mlp": config.d_mlp,
        "parameters": f"{total(config):,}",
    }
