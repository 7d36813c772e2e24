"""The convergence study: language models trained on text alone, their needles measured on the way.

As in the paper (arXiv 2606.02332) training sees no needle episodes, unless episode_fraction says so. Runs are
independent of each other; `train_all` spreads them over a Dask cluster, by default processes of this machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, get_args

import numpy as np
import torch

from data import NIAHTask, TrainingBatches, open_corpus
from data.extras import needs_extra
from data.refusal import folder_path, one_of, refusal, whole
from data.results.variants import ANCHORED, USUAL_ANCHOR, USUAL_LR_LAM, Variant
from model.config import Anchor, Rope, SISAConfig
from model.config.architectures import architecture
from model.study import sweep
from model.study.limits import check_episodes, check_rates, check_seed, check_steps
from model.training.fit import DEVICES, fit
from model.training.recipe import TrainingConfig
from model.training.run import Run

VALUE_LENGTH = 4  # digits of a hidden number
HELDOUT_ROWS = 64  # of held-out text, for val/loss


class VariantFields(TypedDict, total=False):
    """Name the fields of a `StudyRun` in which the variants of a plan may differ."""

    architecture: str
    d_state: int
    rope: Rope
    anchor: Anchor
    preset: str
    n_ctx: int
    batch_size: int
    lr: float
    lr_lam: float
    episode_fraction: float


@dataclass(frozen=True, kw_only=True)
class StudyRun:
    """Say everything that makes one training run of the study.

    Args:
        architecture, d_state, rope, preset: see SISAConfig.preset.
        anchor: under which SISA and its relatives are trained; "causal" as the measured runs were.
        lr, lr_lam, steps, n_episodes, evaluate_every, compile: see TrainingConfig.
        seed: of weights and batches; runs of one seed share the order of the data.
        batch_size, n_ctx, episode_fraction: see TrainingBatches.
        corpus: file of `data.build_corpus`; "" takes Python's own documentation.
        device: "auto", "cpu" or "cuda".
        output_dir: where run folders lie.

    Raises:
        ValueError: a field has no legal value; names it.

    Example:
        >>> run = StudyRun(architecture="sisa", d_state=16, seed=3)
        >>> run.variant, run.name
        ('SISA d_state=16', 'small-sisa-16-lr0.001-1500steps-seed3')
    """

    architecture: str = "sisa"
    d_state: int | None = None
    rope: Rope | None = None
    anchor: Anchor = USUAL_ANCHOR
    preset: str = "small"
    lr: float = 1e-3
    lr_lam: float = USUAL_LR_LAM
    seed: int = 0
    steps: int = 1500
    batch_size: int = 64
    n_ctx: int = 512
    episode_fraction: float = 0.0
    n_episodes: int = 128
    evaluate_every: int = 50
    corpus: str = ""
    device: str = "auto"
    compile: bool = False
    output_dir: str = "out/study"

    def __post_init__(self) -> None:
        architecture(self.architecture)  # refuses unknown names
        one_of("anchor", self.anchor, get_args(Anchor))
        one_of("device", self.device, DEVICES)
        check_seed("seed", self.seed)
        check_steps(self.steps)
        check_rates(self.lr, self.lr_lam)
        check_episodes(self.n_episodes, length=whole("n_ctx", self.n_ctx, least=2))
        # The workers of a cluster write there, who may see another disk than this process.
        folder = folder_path("output_dir", self.output_dir, writable=False)
        object.__setattr__(self, "output_dir", str(folder))  # ~ expanded
        self.training()
        self._config_at_preset()

    def training(self) -> TrainingConfig:
        """Return how the run is trained: steps, rates and when it is measured."""
        return TrainingConfig(
            steps=self.steps,
            lr=self.lr,
            lr_lam=self.lr_lam,
            evaluate_every=self.evaluate_every,
            checkpoint_every=500,
            n_episodes=self.n_episodes,
            compile=self.compile,
        )

    def config(self) -> SISAConfig:
        """Return the model's config, with the vocabulary of the corpus."""
        return self._config_at_preset(d_vocab=open_corpus(self.corpus).d_vocab, n_ctx=self.n_ctx)

    def _config_at_preset(self, **sizes: int) -> SISAConfig:
        """Return the config at the preset's own vocabulary and context, or at these."""
        name = self.architecture
        # where nothing is anchored the config of a run says what it always has, so that it goes on
        anchor = self.anchor if name in ANCHORED else USUAL_ANCHOR
        return SISAConfig.preset(
            self.preset, architecture=name, d_state=self.d_state, rope=self.rope, anchor=anchor, **sizes
        )

    @property
    def variant(self) -> str:
        """The label of what is compared, see `data.results.variants.Variant`."""
        config = self._config_at_preset()
        return Variant(self.architecture, config.d_state, config.rope, self.lr_lam, config.anchor).label

    @property
    def name(self) -> str:
        """The name of the run's folder: what a person tells runs apart by. config.json says everything."""
        config = self._config_at_preset()
        parts = [self.preset, self.architecture]
        if config.d_state:
            parts.append(str(config.d_state))
        if self.lr_lam != USUAL_LR_LAM:
            parts.append(f"lam{self.lr_lam:g}")
        if self.rope == "none":
            parts.append("nope")
        if config.anchor != USUAL_ANCHOR:
            parts.append(config.anchor)
        parts.append(f"lr{self.lr:g}")
        if self.episode_fraction:
            parts.append(f"episodes{self.episode_fraction:g}")
        return "-".join([*parts, f"{self.steps}steps", f"seed{self.seed}"])

    def tasks(self) -> dict[str, NIAHTask]:
        """Return four held-out sets: repeated and natural filler, half the training context and all of it."""
        corpus = open_corpus(self.corpus)
        tasks = {}
        for length in (self.n_ctx // 2, self.n_ctx):
            tasks[f"repeated{length}"] = NIAHTask(
                filler="repeated",
                tokenizer=corpus.tokenizer,
                lengths=(length,),
                value_length=VALUE_LENGTH,
                split="heldout",
            )
        for length in (self.n_ctx // 2, self.n_ctx):
            tasks[f"corpus{length}"] = NIAHTask(
                filler="corpus", corpus=corpus, lengths=(length,), value_length=VALUE_LENGTH, split="heldout"
            )
        return tasks

    def batches(self) -> TrainingBatches:
        """Return what the run learns from: text, and episodes where episode_fraction asks for them."""
        corpus, task = open_corpus(self.corpus), None
        if self.episode_fraction:
            lengths = (self.n_ctx // 2, self.n_ctx)
            task = NIAHTask(filler="corpus", corpus=corpus, lengths=lengths, value_length=VALUE_LENGTH)
        return TrainingBatches(
            task=task,
            corpus=corpus,
            batch_size=self.batch_size,
            n_ctx=self.n_ctx,
            episode_fraction=self.episode_fraction,
        )

    def run(self) -> Run:
        """Train, or resume what was stopped, or return the finished run as it is."""
        corpus = open_corpus(self.corpus)
        return fit(
            self.config(),
            folder=Path(self.output_dir) / self.name,
            batches=self.batches(),
            training=self.training(),
            evaluations=self.tasks(),
            heldout=heldout_rows(corpus.split("heldout"), length=self.n_ctx),
            tokenizer=corpus.tokenizer,
            seed=self.seed,
            device=self.device,
        )


def heldout_rows(tokens: np.ndarray, *, length: int) -> np.ndarray:
    """Return 64 rows spread evenly over held-out text, on which every run of a study measures its loss.

    The first row begins with the first token and the last one ends with the last; a short text makes rows
    overlap.

    Args:
        tokens: of the held-out text, at least one row.
        length: tokens of a row.

    Returns:
        Whole numbers of 64 bits [row, position].

    Example:
        >>> rows = heldout_rows(np.arange(1000), length=10)
        >>> rows.shape, rows[0, :3].tolist(), rows[-1, -3:].tolist()
        ((64, 10), [0, 1, 2], [997, 998, 999])
    """
    starts = np.linspace(0, len(tokens) - length, HELDOUT_ROWS).astype(int)
    return np.stack([tokens[start : start + length] for start in starts]).astype(np.int64)


def train_all(runs: Sequence[StudyRun], *, workers: int = 1, address: str = "") -> Iterator[Path]:
    """Train every run and yield its folder as soon as it has ended; finished ones are not trained again.

    Runs begin in their order. One that fails stops no other; it is named once all have ended. A worker that
    dies is started again and its run goes on; a run under which four workers have died has failed.

    Args:
        runs: of different names, since the name is the folder.
        workers: processes of this machine; its GPUs are dealt out among them.
        address: of a Dask scheduler to use instead, such as "tcp://host:8786"; its workers see output_dir.

    Raises:
        ValueError: two runs share a name, or there is no worker.
        RuntimeError: after all others have ended, names the runs that failed and why; or no worker of this
            machine has been running for five minutes.

    Example:
        >>> next(train_all([StudyRun(), StudyRun()]))
        Traceback (most recent call last):
        ValueError: runs is [...]; legal: runs of different names. Drop the twins.
    """
    whole("workers", workers, least=1)
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise refusal("runs", names, legal="runs of different names", step="Drop the twins.")
    with needs_extra("sweep"):
        from dask import config
        from dask.distributed import Client, LocalCluster

    local = {"processes": True, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    failed = {}
    with (
        config.set(sweep.CONFIG),
        nullcontext(address) if address else LocalCluster(n_workers=workers, **local) as cluster,
        Client(cluster) as client,
    ):
        named, patience = dict(zip(names, runs, strict=True)), None if address else sweep.PATIENCE
        for name, outcome in sweep.spread(client, _train, named, patience=patience):
            if outcome.failure:
                failed[name] = outcome.failure
            else:
                yield Path(outcome.result)
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(runs)} runs failed: {failed}")


def _train(run: StudyRun) -> str:
    """Take one of the machine's GPUs, then train; in a worker process."""
    from dask.distributed import get_worker

    torch.set_num_threads(1)
    name, n_gpus = str(get_worker().name), torch.cuda.device_count()
    if n_gpus > 1 and name.isdigit():  # a number in a cluster of this machine
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", str(int(name) % n_gpus))
    sweep.wait_for_lock(Path(run.output_dir) / run.name / ".lock")
    return str(run.run().folder)


def expand(base: StudyRun, variants: Iterable[VariantFields], seeds: Iterable[int]) -> list[StudyRun]:
    """Return every variant with every seed, seeds outermost.

    A study that is stopped early then leaves whole rounds, in which each variant has the same seeds, and
    pairs of runs can still be compared.

    Args:
        base: what all runs have in common.
        variants: fields in which they differ.
        seeds: whole numbers.

    Example:
        >>> runs = expand(StudyRun(), [{"lr": 0.1}, {"lr": 0.2}], range(2))
        >>> [(run.seed, run.lr) for run in runs]
        [(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.2)]
    """
    variants = list(variants)
    return [replace(base, **variant, seed=seed) for seed in seeds for variant in variants]
