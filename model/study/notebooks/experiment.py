"""Notebook 02: one training of one model on a needle task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data import NIAHTask, TrainingBatches, open_corpus
from data.refusal import folder_path, one_of, refusal, whole
from data.results.variants import USUAL_ANCHOR
from model.config import SISAConfig
from model.config.architectures import architecture as record_of
from model.study.limits import check_rates, check_seed, check_steps, check_training
from model.training.fit import DEVICES, fit
from model.training.recipe import TrainingConfig
from model.training.run import Run

Filler = Literal["synthetic", "repeated", "corpus"]

SMOKE_STEPS = 12
# fields that stand in a run's name where they are not the default
NAMED_WHERE_CHANGED = ("value_length", "n_needles", "n_distractors", "batch_size", "lr")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Hold the parameters of notebook 02 and train what they ask for.

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

    Raises:
        ValueError: a parameter is not legal; names it.

    Example:
        >>> Experiment(architecture="jamba", seed=3).name
        'tiny-jamba-synthetic128-400steps-seed3'
    """

    architecture: str = "sisa"
    preset: str = "tiny"
    d_state: int = 16
    steps: int = 400
    seed: int = 0
    filler: Filler = "synthetic"
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
        check_seed("seed", self.seed)
        check_steps(self.steps)
        check_rates(self.lr)
        whole("evaluate_every", self.evaluate_every, least=1)
        whole("d_state", self.d_state, least=2 if self.architecture == "sisa" else 0)
        object.__setattr__(self, "output_dir", str(folder_path("output_dir", self.output_dir)))  # ~ expanded
        if not isinstance(self.corpus, str) or (self.corpus and self.filler == "synthetic"):
            step = "Use filler 'corpus' or 'repeated' with a corpus file."
            raise refusal("corpus", self.corpus, legal='the path of a corpus file, or ""', step=step)
        # The rest is checked by those who take it.
        self.training()
        self._config()
        task = self.task("train")
        batch_size = TrainingBatches(task=task, batch_size=self.batch_size).batch_size
        config = self._config(d_vocab=task.d_vocab, n_ctx=task.max_length)
        check_training(config, batch_size=batch_size, length=task.max_length, device=self.device)

    def _config(self, **sizes: int) -> SISAConfig:
        d_state = self.d_state if self.architecture == "sisa" else None
        return SISAConfig.preset(
            self.preset, architecture=self.architecture, d_state=d_state, anchor=USUAL_ANCHOR, **sizes
        )

    def training(self) -> TrainingConfig:
        """Return how long and at what rate is trained, and when is measured."""
        steps = SMOKE_STEPS if self.smoke else self.steps
        every = min(self.evaluate_every, steps) if self.smoke else self.evaluate_every
        return TrainingConfig(
            steps=steps, lr=self.lr, evaluate_every=every, checkpoint_every=100, n_episodes=128
        )

    def task(self, split: Literal["train", "heldout"]) -> NIAHTask:
        """Return episodes to learn from (split "train") or to be measured on ("heldout")."""
        source: dict[str, Any] = {}
        if self.filler == "corpus":
            source["corpus"] = open_corpus(self.corpus)
        elif self.filler == "repeated":
            source["tokenizer"] = open_corpus(self.corpus).tokenizer
        return NIAHTask(
            filler=self.filler,
            lengths=(self.length,),
            value_length=self.value_length,
            n_needles=self.n_needles,
            n_distractors=self.n_distractors,
            split=split,
            **source,
        )

    @property
    def name(self) -> str:
        """The name of the folder: what a person tells runs apart by. config.json inside says everything."""
        size = f"{self.architecture}{self.d_state}" if self.architecture == "sisa" else self.architecture
        given = {name: getattr(self, name) for name in NAMED_WHERE_CHANGED}
        changed = [f"{name}{value}" for name, value in given.items() if value != getattr(Experiment, name)]
        what = f"{self.preset}-{size}-{self.filler}{self.length}-{self.training().steps}steps"
        return "-".join([what, *changed, f"seed{self.seed}"])

    def run(self) -> Run:
        """Train, or resume what was stopped, or return the finished run as it is."""
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
