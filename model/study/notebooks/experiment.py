"""One training of one model on a needle task, as in notebook 02; a study is several of them, as in 03."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from data import NIAHTask, TrainingBatches, open_corpus
from data.refusal import folder_path, one_of, refusal, whole
from data.results.runs import is_run
from model.config import SISAConfig
from model.config.architectures import architecture as record_of
from model.config.architectures import architectures
from model.training.fit import DEVICES, fit
from model.training.recipe import TrainingConfig
from model.training.run import Run
from sisa_viz import read_heads, read_runs

SMOKE_STEPS = 12
# in a run's name where not the default
SWEPT = ("value_length", "n_needles", "n_distractors", "batch_size", "lr")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Parameters of notebook 02.

    Args:
        architecture: a name in `model.config.architectures`.
        preset: size, see SISAConfig.preset.
        d_state: state size of "sisa"; the others keep their own.
        steps, batch_size, lr, evaluate_every: see TrainingConfig and TrainingBatches.
        seed: of weights and batches.
        filler, length, value_length, n_needles, n_distractors: see NIAHTask; length in tokens.
        corpus: file of `data.build_corpus` for filler "corpus"; "" takes Python's own documentation.
        device: "auto", "cpu" or "cuda".
        output_dir: where run folders lie, one an experiment.
        smoke: a few steps only, to see that everything works.
    """

    architecture: str = "sisa"
    preset: str = "tiny"
    d_state: int = 16
    steps: int = 400
    seed: int = 0
    filler: str = "synthetic"
    length: int = 128
    value_length: int = 1
    n_needles: int = 1
    n_distractors: int = 0
    corpus: str = ""
    batch_size: int = 32
    lr: float = 3e-3
    evaluate_every: int = 25
    device: str = "auto"
    output_dir: str = "out/runs"
    smoke: bool = False

    def __post_init__(self) -> None:
        record_of(self.architecture)  # refuses unknown names
        one_of("device", self.device, DEVICES)
        one_of("smoke", self.smoke, (True, False))
        whole("seed", self.seed, least=0)
        for name in ("steps", "evaluate_every"):
            whole(name, getattr(self, name), least=1)
        whole("d_state", self.d_state, least=2 if self.architecture == "sisa" else 0)
        folder_path("output_dir", self.output_dir)
        if not isinstance(self.corpus, str) or (self.corpus and self.filler == "synthetic"):
            step = "Use filler 'corpus' or 'repeated' with a corpus file."
            raise refusal("corpus", self.corpus, legal='the path of a corpus file, or ""', step=step)
        # the rest is checked by those who take it
        self.training()
        self._config()
        TrainingBatches(task=self.task("train"), batch_size=self.batch_size)

    def _config(self, **sizes: int) -> SISAConfig:
        d_state = self.d_state if self.architecture == "sisa" else None
        return SISAConfig.preset(self.preset, architecture=self.architecture, d_state=d_state, **sizes)

    def training(self) -> TrainingConfig:
        steps = SMOKE_STEPS if self.smoke else self.steps
        every = min(self.evaluate_every, steps) if self.smoke else self.evaluate_every
        return TrainingConfig(
            steps=steps, lr=self.lr, evaluate_every=every, checkpoint_every=100, n_episodes=128
        )

    def task(self, split: str) -> NIAHTask:
        """Episodes to learn from (split "train") or to be measured on ("heldout")."""
        shared = ("filler", "value_length", "n_needles", "n_distractors")
        knobs: dict[str, Any] = {name: getattr(self, name) for name in shared}
        if self.filler == "corpus":
            knobs["corpus"] = open_corpus(self.corpus)
        elif self.filler == "repeated":
            knobs["tokenizer"] = open_corpus(self.corpus).tokenizer
        return NIAHTask(**knobs, lengths=(self.length,), split=split)  # pyright: ignore[reportArgumentType]

    @property
    def name(self) -> str:
        """Folder name: what a person tells runs apart by. config.json inside says everything."""
        size = f"{self.architecture}{self.d_state}" if self.architecture == "sisa" else self.architecture
        given = {name: getattr(self, name) for name in SWEPT}
        swept = [f"{name}{value}" for name, value in given.items() if value != getattr(Experiment, name)]
        what = f"{self.preset}-{size}-{self.filler}{self.length}-{self.training().steps}steps"
        return "-".join([what, *swept, f"seed{self.seed}"])

    def run(self) -> Run:
        """Train, or resume, or return the finished run."""
        task = self.task("train")
        return fit(
            self._config(d_vocab=task.d_vocab, n_ctx=self.length),
            folder=Path(self.output_dir) / self.name,
            batches=TrainingBatches(task=task, batch_size=self.batch_size),
            training=self.training(),
            evaluations={"niah": self.task("heldout")},
            tokenizer=task.tokenizer,
            seed=self.seed,
            device=self.device,
        )


@dataclass(frozen=True, kw_only=True)
class Study:
    """Parameters of notebook 03: the same experiment for several architectures and seeds.

    Args:
        architectures: as in Experiment, each once.
        seeds: whole numbers, each once; the same seed means the same batches for every architecture.
        preset, d_state, steps, filler, length, device, output_dir, smoke: as in Experiment.
    """

    architectures: Sequence[str] = ("transformer", "sisa")
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    preset: str = "tiny"
    d_state: int = 16
    steps: int = 400
    filler: str = "synthetic"
    length: int = 128
    device: str = "auto"
    output_dir: str = "out/runs"
    smoke: bool = False

    def __post_init__(self) -> None:
        for name in ("architectures", "seeds"):
            values = getattr(self, name)
            listed = isinstance(values, Sequence) and not isinstance(values, str)
            for value in values if listed else ():
                if name == "architectures":
                    one_of(name, value, [record.name for record in architectures()])
                else:
                    whole(name, value, least=0)
            if not listed or not values or len(set(values)) < len(values):
                step = f"With papermill: -y '{name}: [...]'."
                raise refusal(name, values, legal="a list of different values, at least one", step=step)
        list(self.experiments())

    def experiments(self) -> Iterator[Experiment]:
        """One a seed and architecture; a seed's architectures follow each other."""
        names = {field.name for field in fields(Study)} - {"architectures", "seeds"}
        shared = {name: getattr(self, name) for name in names}
        base = Experiment(**shared)
        for seed in self.seeds[:1] if self.smoke else self.seeds:
            for architecture in self.architectures:
                yield replace(base, architecture=architecture, seed=seed)

    def run(self) -> pd.DataFrame:
        """Every run's metrics: run, architecture, seed, step, tokens, name, value."""
        return run_all(list(self.experiments()))

    def heads(self) -> pd.DataFrame:
        """Numbers of every head of the runs that were trained here, as `sisa_viz.read_heads` returns them.

        No rows where all runs were read from the tables that ship with the project.
        """
        folders = [Path(self.output_dir) / experiment.name for experiment in self.experiments()]
        trained = [folder for folder in folders if is_run(folder)]
        return read_heads(trained) if trained else pd.DataFrame(columns=["run", "layer", "head"])


def run_all(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Train one after the other, or read what is finished; their metrics in one table."""
    folders = []
    for experiment in experiments:
        print(experiment.name, flush=True)
        folders.append(experiment.run().folder)
    return read_runs(folders)
