"""Notebook 04: what each architecture is, at equal parameters, and small ones to look inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import get_args

import pandas as pd
import xarray as xr

from data import Episodes, NIAHTask, summarise
from data.refusal import folder_path, one_of, whole
from data.results.claims import LEVELS, ratio, steps_to
from data.results.tables import Frame
from data.results.verdicts import REFUTED_HERE, SUPPORTED_HERE, claims_table, judge
from model.analysis.evaluation import evaluate
from model.config import PRESETS, SISAConfig
from model.config.architectures import Architecture, FusionLevel, architecture
from model.config.architectures import architectures as registered
from model.config.placement import attends
from model.config.sizes import total
from model.network.capture import capture
from model.network.network import SISAModel
from model.study.findings.reading import SHOWN, check_needles
from model.study.notebooks.small import SMOKE_STEPS, train_small
from model.study.runs import StudyRun

PLANS = ("main", "fusion")


NO_ROPE = "transformer, no RoPE"


def architectures(*, preset: str = "small") -> Frame:
    """Return a table of every architecture: level of fusion, what it is, source, sizes at equal parameters.

    Rows are sorted by where state space and attention meet. Beside the registered architectures stands the
    transformer without a position code, which is a variant of one of them.

    Args:
        preset: size at which parameters are compared.

    Example:
        >>> architectures(preset="tiny").loc["fox", ["level", "position code"]].tolist()
        ['bias of the score', 'none']
    """
    transformer = architecture("transformer")
    without_rope = replace(
        transformer, name=NO_ROPE, what="the same without any position code", arxiv="2305.19466", rope="none"
    )
    levels = get_args(FusionLevel)
    records = sorted([*registered(), without_rope], key=lambda one: levels.index(one.level))
    rows = [_described(record, preset=preset) for record in records]
    names = pd.Index([record.name for record in records], name="architecture")
    return pd.DataFrame(rows, index=names)


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


@dataclass(frozen=True, kw_only=True)
class Tour:
    """Parameters of notebook 04.

    Args:
        needles: held-out set of the measured study.
        preset: size at which parameters are compared.
        beside: the architecture shown beside the three levels.
        steps, seed: of the small models' training.
        length: tokens of the episode that they are shown with.
        output_dir: where their run folders lie.
        smoke: two steps of training only.
    """

    needles: str = "corpus256"
    preset: str = "small"
    beside: str = "mamba2"
    steps: int = 100
    seed: int = 0
    length: int = 48
    output_dir: str = "out/fusion"
    smoke: bool = False

    def __post_init__(self) -> None:
        check_needles(self.needles)
        one_of("preset", self.preset, list(PRESETS))
        one_of("beside", self.beside, [record.name for record in registered()])
        one_of("smoke", self.smoke, (True, False))
        whole("steps", self.steps, least=1)
        whole("seed", self.seed, least=0)
        folder_path("output_dir", self.output_dir)
        self.task("heldout")

    def task(self, split: str) -> NIAHTask:
        return NIAHTask(filler="synthetic", lengths=(self.length,), split=split)  # pyright: ignore[reportArgumentType]

    @cached_property
    def episode(self) -> Episodes:
        """The one that all are shown with."""
        return self.task("heldout").build(self.seed, n_episodes=1)

    def model(self, architecture: str) -> SISAModel:
        """A tiny one after a few steps, read from its folder where it is there already."""
        steps = SMOKE_STEPS if self.smoke else self.steps
        folder = Path(self.output_dir) / f"{architecture}-{self.length}-{steps}steps-seed{self.seed}"
        return train_small(architecture, self.task("train"), folder=folder, steps=steps, seed=self.seed)

    def found(self, models: Mapping[str, SISAModel]) -> Frame:
        """Exact match of small models on episodes of their length, with Wilson intervals."""
        episodes = self.task("heldout").build(self.seed + 1, n_episodes=8 if self.smoke else 64)
        rows = [summarise(evaluate(model, episodes), by=()) for model in models.values()]
        table = pd.concat(rows).set_axis(pd.Index(models, name="architecture"))
        return table[["successes", "n", "rate", "low", "high"]].round(3)

    def trace(self, model: SISAModel, *, part: str | None = None) -> xr.Dataset:
        """Of the episode; part "ssm" or "attention" of a model that has both."""
        return capture(model, self.episode.tokens[0], spans=self.episode.spans(0), part=part)


def placement(model: SISAModel) -> str:
    """What each layer of a Jamba-style model is."""
    layers = range(model.config.n_layers)
    state_space = architecture("mamba2").label
    kinds = ["attention" if attends(model.config, layer) else state_space for layer in layers]
    return ", ".join(f"layer {layer}: {kind}" for layer, kind in enumerate(kinds))


def level_claims(metrics: Frame, *, needles: str) -> Frame:
    """Whether score-level fusion needs fewer steps to 50 % than block and head level; one row a claim.

    Median ratio over seeds that both have trained, see `data.results.claims.ratio`.
    """
    steps = steps_to(metrics, level=LEVELS[0], metric=f"{needles}/exact_match")
    rows = [
        judge(
            f"score level ({SHOWN}) needs fewer steps than {other.level} level ({other.name})",
            "argued, not trained",
            ratio(steps, variant=SHOWN, baseline=other.name),
            border=1,
            side="below",
            words=(SUPPORTED_HERE, REFUTED_HERE),
            variant=SHOWN,
            needles=needles,
        )
        for other in map(architecture, ("jamba", "hymba"))
    ]
    return claims_table(rows)
