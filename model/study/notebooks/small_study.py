"""The small study of notebook 03: the experiment of notebook 02 for several architectures and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pandas as pd

from data.refusal import one_of, refusal
from data.results.runs import is_run
from model.config.architectures import architectures
from model.study.limits import check_seed
from model.study.notebooks.experiment import Experiment, Filler
from sisa_viz import read_heads, read_runs

LISTS = ("architectures", "seeds")  # fields that hold several values; all others are those of an Experiment


@dataclass(frozen=True, kw_only=True)
class SmallStudy:
    """Hold what one experiment for several architectures and seeds takes, and run it.

    Args:
        architectures: as in Experiment, each once.
        seeds: whole numbers, each once; the same seed means the same batches for every architecture.
        preset, d_state, steps, filler, length, device, output_dir, smoke: as in Experiment.

    Raises:
        ValueError: a parameter is not legal; names it.

    Example:
        >>> study = SmallStudy(architectures=["transformer", "sisa"], seeds=[5, 2])
        >>> [(experiment.seed, experiment.architecture) for experiment in study.experiments()]
        [(5, 'transformer'), (5, 'sisa'), (2, 'transformer'), (2, 'sisa')]
    """

    architectures: Sequence[str] = ("transformer", "sisa")
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    preset: str = "tiny"
    d_state: int = 16
    steps: int = 400
    filler: Filler = "synthetic"
    length: int = 128
    device: str = "auto"
    output_dir: str = "out/runs"
    smoke: bool = False

    def __post_init__(self) -> None:
        for name in LISTS:
            self._check_list(name)
        list(self.experiments())

    def _check_list(self, name: str) -> None:
        values = getattr(self, name)
        listed = isinstance(values, Sequence) and not isinstance(values, str)
        for value in values if listed else ():
            if name == "architectures":
                one_of(name, value, [record.name for record in architectures()])
            else:
                check_seed(name, value)
        if not listed or not values or len(set(values)) < len(values):
            step = f"With papermill: -y '{name}: [...]'."
            raise refusal(name, values, legal="a list of different values, at least one", step=step)

    def experiments(self) -> Iterator[Experiment]:
        """Yield an experiment for each seed and architecture; those of one seed follow each other."""
        shared = [field.name for field in fields(SmallStudy) if field.name not in LISTS]
        base = Experiment(**{name: getattr(self, name) for name in shared})
        for seed in self.seeds[:1] if self.smoke else self.seeds:
            for architecture in self.architectures:
                yield replace(base, architecture=architecture, seed=seed)

    def run(self) -> pd.DataFrame:
        """Train what is not finished and return the metrics of every run, as `run_all` does."""
        return run_all(list(self.experiments()))

    def heads(self) -> pd.DataFrame:
        """Return what `sisa_viz.read_heads` reads of the runs that were trained here: numbers of every head.

        No rows where all runs were read from the tables that ship with the project.
        """
        folders = [Path(self.output_dir) / experiment.name for experiment in self.experiments()]
        trained = [folder for folder in folders if is_run(folder)]
        return read_heads(trained) if trained else pd.DataFrame(columns=["run", "layer", "head"])


def run_all(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Train experiments one after the other, or read what is finished, and return their metrics.

    The name of each is printed when it begins.

    Args:
        experiments: at least one.

    Returns:
        run, architecture, seed, step, tokens, name, value; one number a row.

    Example:
        >>> run_all([])
        Traceback (most recent call last):
        ValueError: no run folder was given; legal: one or more folders with config.json and metrics.csv
    """
    folders = []
    for experiment in experiments:
        print(experiment.name, flush=True)
        folders.append(experiment.run().folder)
    return read_runs(folders)
