"""Notebook 04: what each architecture is, at equal parameters, and small ones to look inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import xarray as xr

from data import Episodes, NIAHTask, summarise
from data.refusal import folder_path, one_of, whole
from data.results.claims import LEVELS, ratio, steps_to
from data.results.tables import Frame
from data.results.variants import Variant
from data.results.verdicts import REFUTED_HERE, SUPPORTED_HERE, claims_table, judge
from model.analysis.evaluation import evaluate
from model.config import PRESETS, STATES, SISAConfig
from model.config.hybrids import attends
from model.config.sizes import total
from model.network.capture import capture
from model.network.network import SISAModel
from model.study.findings.reading import SHOWN, check_needles
from model.study.notebooks.small import SMOKE_STEPS, train_small
from model.study.runs import StudyRun

PLANS = ("main", "fusion")


class Kind(NamedTuple):
    """What an architecture is: where state space and attention meet, in one line, and its source."""

    level: str
    what: str
    arxiv: str


KINDS = {
    "transformer": Kind("attention alone", "softmax of q·k, RoPE tells positions apart", "1706.03762"),
    "transformer, no RoPE": Kind("attention alone", "the same without any position code", "2305.19466"),
    "mamba2": Kind("state space alone", "decaying sum of inputs, read out by C·B", "2405.21060"),
    "mamba3": Kind(
        "state space alone", "the same with rotation, trapezoidal rule, no convolution", "2603.15569"
    ),
    "jamba": Kind("block", "some layers attend, the others are state spaces", "2403.19887"),
    "hymba": Kind("head", "both side by side in every layer, mean of their normed outputs", "2411.13676"),
    "sisa": Kind("score", "state-space term λ·C̄·B̄ added to q·k inside one softmax", "2606.02332"),
    "adaptive_sisa": Kind("score", "SISA with a learned gate on every pair of state channels", "2606.02332"),
    "sigmoid_sisa": Kind("score", "SISA's score under a sigmoid, no softmax", "2606.02332, 2409.04431"),
    "fox": Kind("bias of the score", "learned forget gates, summed between key and query", "2503.02130"),
    "alibi": Kind("bias of the score", "a fixed slope a head times the distance", "2108.12409"),
}


def architectures(*, preset: str = "small") -> Frame:
    """One architecture a row: level of fusion, what it is, source, sizes at equal parameters."""
    rows = []
    for name, kind in KINDS.items():
        variant = Variant.from_label(name)
        rope = "none" if variant.is_remarkable else ""
        config = SISAConfig.preset(preset, architecture=variant.architecture, rope=rope, n_ctx=StudyRun.n_ctx)
        sizes = {"d_state": config.d_state, "d_mlp": config.d_mlp, "parameters": f"{total(config):,}"}
        rows.append(kind._asdict() | {"position code": config.rope} | sizes)
    return pd.DataFrame(rows, index=pd.Index(KINDS, name="architecture"))


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
        one_of("beside", self.beside, list(STATES))
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
    kinds = ["attention" if attends(model.config, layer) else "Mamba-2" for layer in layers]
    return ", ".join(f"layer {layer}: {kind}" for layer, kind in enumerate(kinds))


def level_claims(metrics: Frame, *, needles: str) -> Frame:
    """Whether score-level fusion needs fewer steps to 50 % than block and head level; one row a claim.

    Median ratio over seeds that both have trained, see `data.results.claims.ratio`.
    """
    steps = steps_to(metrics, level=LEVELS[0], metric=f"{needles}/exact_match")
    rows = [
        judge(
            f"score level ({SHOWN}) needs fewer steps than {KINDS[other].level} level ({other})",
            "argued, not trained",
            ratio(steps, variant=SHOWN, baseline=other),
            border=1,
            side="below",
            words=(SUPPORTED_HERE, REFUTED_HERE),
            variant=SHOWN,
            needles=needles,
        )
        for other in ("jamba", "hymba")
    ]
    return claims_table(rows)
