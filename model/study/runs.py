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
from typing import Any

import numpy as np
import torch

from data import NIAHTask, TrainingBatches, open_corpus
from data.extras import needs_extra
from data.refusal import one_of, refusal, whole
from data.results.variants import Variant
from model.config import Rope, SISAConfig
from model.config.architectures import architecture
from model.training.fit import DEVICES, fit
from model.training.recipe import TrainingConfig
from model.training.run import Run

VALUE_LENGTH = 4  # digits of a hidden number
HELDOUT_ROWS = 64


@dataclass(frozen=True, kw_only=True)
class StudyRun:
    """One training run of the study.

    Args:
        architecture, d_state, rope, preset: see SISAConfig.preset.
        lr, lr_lam, steps, n_episodes, evaluate_every, compile: see TrainingConfig.
        seed: of weights and batches; runs of one seed share the order of the data.
        batch_size, n_ctx, episode_fraction: see TrainingBatches.
        corpus: file of `data.build_corpus`; "" takes Python's own documentation.
        device: "auto", "cpu" or "cuda".
        output_dir: where run folders lie.
    """

    architecture: str = "sisa"
    d_state: int | None = None
    rope: Rope | None = None
    preset: str = "small"
    lr: float = 1e-3
    lr_lam: float = 0.1
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
        one_of("device", self.device, DEVICES)
        whole("seed", self.seed, least=0)
        self.training()
        SISAConfig.preset(self.preset, **self._fields())

    def training(self) -> TrainingConfig:
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
        vocabulary = open_corpus(self.corpus).d_vocab
        return SISAConfig.preset(self.preset, d_vocab=vocabulary, n_ctx=self.n_ctx, **self._fields())

    def _fields(self) -> dict[str, Any]:
        return {"architecture": self.architecture, "d_state": self.d_state, "rope": self.rope}

    @property
    def _states(self) -> int:
        return SISAConfig.preset(self.preset, **self._fields()).d_state

    @property
    def variant(self) -> str:
        """What is compared, see `data.results.variants.Variant`."""
        rope = self.rope or architecture(self.architecture).rope
        return Variant(self.architecture, d_state=self._states, rope=rope, lr_lam=self.lr_lam).label

    @property
    def name(self) -> str:
        """Folder name; config.json inside says everything."""
        parts = [self.preset, self.architecture] + [str(self._states)] * bool(self._states)
        parts += [f"lam{self.lr_lam:g}"] * (self.lr_lam != 0.1) + ["nope"] * (self.rope == "none")
        parts += [f"lr{self.lr:g}"] + [f"episodes{self.episode_fraction:g}"] * bool(self.episode_fraction)
        return "-".join([*parts, f"{self.steps}steps", f"seed{self.seed}"])

    def tasks(self) -> dict[str, NIAHTask]:
        """Four held-out sets: repeated and natural filler, half the training context and all of it."""
        corpus = open_corpus(self.corpus)
        fillers: dict[str, dict[str, Any]] = {
            "repeated": {"tokenizer": corpus.tokenizer},
            "corpus": {"corpus": corpus},
        }
        return {
            f"{filler}{length}": NIAHTask(
                filler=filler,  # pyright: ignore[reportArgumentType]
                lengths=(length,),
                value_length=VALUE_LENGTH,
                split="heldout",
                **source,
            )
            for filler, source in fillers.items()
            for length in (self.n_ctx // 2, self.n_ctx)
        }

    def batches(self) -> TrainingBatches:
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
        """Train, or resume, or return the finished run."""
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
    """64 rows [row, position] spread evenly over held-out text."""
    starts = np.linspace(0, len(tokens) - length, HELDOUT_ROWS).astype(int)
    return np.stack([tokens[start : start + length] for start in starts]).astype(np.int64)


def train_all(runs: Sequence[StudyRun], *, workers: int = 1, address: str = "") -> Iterator[Path]:
    """Train every run and yield its folder as soon as it has ended; finished ones are not trained again.

    Args:
        workers: processes of this machine; its GPUs are dealt out among them.
        address: of a Dask scheduler to use instead, such as "tcp://host:8786"; its workers see output_dir.

    Raises:
        RuntimeError: after all others have ended, names the runs that failed and why.
    """
    with needs_extra("sweep"):
        from dask import config
        from dask.distributed import Client, LocalCluster, as_completed

    whole("workers", workers, least=1)
    if len({run.name for run in runs}) < len(runs):
        raise refusal(
            "runs", [run.name for run in runs], legal="runs of different names", step="Drop the twins."
        )
    local = {"processes": True, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    daemon = {"distributed.worker.daemon": False}  # a run starts processes that load data
    failed = {}
    with (
        config.set(daemon),
        nullcontext(address) if address else LocalCluster(n_workers=workers, **local) as cluster,
        Client(cluster) as client,
    ):
        futures = {
            client.submit(_train, run, key=run.name, priority=-place): run for place, run in enumerate(runs)
        }
        for done in as_completed(futures):
            if done.status == "error":
                failed[futures[done].name] = repr(done.exception())
            else:
                yield Path(done.result())
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(runs)} runs failed: {failed}")


def _train(run: StudyRun) -> str:
    """In a worker process: take one of the machine's GPUs, then train."""
    from dask.distributed import get_worker

    torch.set_num_threads(1)
    name, n_gpus = str(get_worker().name), torch.cuda.device_count()
    if n_gpus > 1 and name.isdigit():  # a number in a cluster of this machine
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", str(int(name) % n_gpus))
    return str(run.run().folder)


def expand(base: StudyRun, variants: Iterable[dict[str, Any]], seeds: Iterable[int]) -> list[StudyRun]:
    """Every variant with every seed, seeds outermost, so that an early end leaves whole rounds."""
    variants = list(variants)
    return [replace(base, **variant, seed=seed) for seed in seeds for variant in variants]
