"""Notebook 04: its parameters, and small models of each architecture to look inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import pandas as pd
import xarray as xr

from data import Episodes, NIAHTask, summarise
from data.refusal import folder_path, one_of
from model.analysis.evaluation import evaluate
from model.config import PRESETS
from model.config.architectures import architectures
from model.network.capture import capture
from model.network.network import SISAModel
from model.study.findings.selection import check_needles
from model.study.limits import check_seed, check_steps
from model.study.notebooks.small_models import STEPS_OF_A_SMOKE_MODEL, check_small, train_small


@dataclass(frozen=True, kw_only=True)
class FusionTour:
    """Hold the parameters of notebook 04.

    Args:
        needles: held-out set of the measured study.
        preset: size at which parameters are compared.
        beside: the architecture shown beside the three levels.
        steps, seed: of the small models' training.
        length: tokens of the episode that they are shown with.
        output_dir: where their run folders lie.
        smoke: two steps of training only.

    Raises:
        ValueError: a parameter is not legal; names it.

    Example:
        >>> FusionTour(length=32).episode.tokens.shape
        (1, 32)
    """

    needles: str = "corpus256"
    preset: str = "small"
    beside: str = "mamba3"
    steps: int = 100
    seed: int = 0
    length: int = 48
    output_dir: str = "out/fusion"
    smoke: bool = False

    def __post_init__(self) -> None:
        check_needles(self.needles)
        one_of("preset", self.preset, list(PRESETS))
        one_of("beside", self.beside, [record.name for record in architectures()])
        one_of("smoke", self.smoke, (True, False))
        check_steps(self.steps)
        check_seed("seed", self.seed)
        object.__setattr__(self, "output_dir", str(folder_path("output_dir", self.output_dir)))  # ~ expanded
        check_small(self.task("heldout"))

    def task(self, split: Literal["train", "heldout"]) -> NIAHTask:
        """Return synthetic episodes to learn from ("train") or to be measured on ("heldout")."""
        return NIAHTask(filler="synthetic", lengths=(self.length,), split=split)

    @cached_property
    def episode(self) -> Episodes:
        """The one episode that all models are shown with."""
        return self.task("heldout").build(self.seed, n_episodes=1)

    def model(self, architecture: str) -> SISAModel:
        """Return a tiny model after a few steps, read from its folder where it is there already."""
        steps = STEPS_OF_A_SMOKE_MODEL if self.smoke else self.steps
        folder = Path(self.output_dir) / f"{architecture}-{self.length}-{steps}steps-seed{self.seed}"
        return train_small(architecture, self.task("train"), folder=folder, steps=steps, seed=self.seed)

    def found(self, models: Mapping[str, SISAModel]) -> pd.DataFrame:
        """Return the exact match of small models on episodes of their length, with Wilson intervals."""
        episodes = self.task("heldout").build(self.seed + 1, n_episodes=8 if self.smoke else 64)
        rows = [summarise(evaluate(model, episodes), by=()) for model in models.values()]
        names = pd.Index(models, name="architecture")
        table = pd.concat(rows).set_axis(names)
        return table.loc[:, ["successes", "n", "rate", "low", "high"]].round(3)

    def trace(self, model: SISAModel, *, part: Literal["ssm", "attention"] | None = None) -> xr.Dataset:
        """Return the trace of the episode; part names one half of a model that has both."""
        return capture(model, self.episode.tokens[0], spans=self.episode.spans(0), part=part)
