"""Notebook 03: its parameters, its own small study, and the run whose heads it shows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from data import measured
from data.refusal import one_of, refusal, whole
from model.study.findings.selection import SHOWN_VARIANT, check_needles, variants
from model.study.notebooks.small_models import one_thread
from model.study.notebooks.small_study import SmallStudy, run_all

PLAN_OF_PRESET = {"small": "main", "50m": "50m"}  # size: the plan that is compared at it


@dataclass(frozen=True, kw_only=True)
class ConvergenceStudy(SmallStudy):
    """Hold the parameters of notebook 03: its own small study, then what is shown of the measured one.

    Args:
        retrain: train here what `data.measured.tiny` holds, too.
        needles: held-out set, see `model.study.findings.selection.needle_sets`.
        lens_preset, lens_variant, lens_seed: size, variant and seed of the run whose heads are shown; variant
            "" takes SISA at d_state 16.

    Raises:
        ValueError: a parameter is not legal, or no such run was measured.

    Example:
        >>> ConvergenceStudy(lens_seed=2).lens_run()
        'small-sisa-16-lr0.002-1500steps-seed2'
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
        one_of("lens_preset", self.lens_preset, list(PLAN_OF_PRESET))
        one_of("lens_variant", self._shown_variant, variants(PLAN_OF_PRESET[self.lens_preset]))
        whole("lens_seed", self.lens_seed, least=0)
        self.lens_run()

    @property
    def _shown_variant(self) -> str:
        return self.lens_variant or SHOWN_VARIANT

    def run(self) -> pd.DataFrame:
        """Return the metrics of the small study: shipped runs are read, all others are trained here."""
        shipped, asked = measured.tiny(), list(self.experiments())
        names = [] if self.retrain else [experiment.name for experiment in asked]
        known = shipped.loc[shipped["run"].isin(names)]
        missing = [experiment for experiment in asked if experiment.name not in set(known["run"])]
        if not missing:
            return known.reset_index(drop=True)
        with one_thread():
            trained = run_all(missing)
        return pd.concat([known, trained], ignore_index=True)

    def lens_run(self) -> str:
        """Return the name of the measured run whose heads are shown; ValueError where there is none."""
        runs = measured.chosen(measured.runs(), preset=self.lens_preset)
        by_seed = runs.loc[runs["variant"] == self._shown_variant].set_index("seed")["run"]
        if self.lens_seed not in by_seed:
            legal = ", ".join(map(str, by_seed.index)) or "none yet"
            step = f"These seeds of {self._shown_variant} have been measured; choose one, or another variant."
            raise refusal("lens_seed", self.lens_seed, legal=legal, step=step)
        return str(by_seed[self.lens_seed])
