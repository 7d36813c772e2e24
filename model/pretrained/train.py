"""Train the checkpoint that comes with the package, measure it on held-out episodes, and write its card.

    python -m model.pretrained.train --corpus CORPUS.npz --out FOLDER

CORPUS is the file that `data.build_corpus` writes. On one H100 it takes a few minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import pandas as pd
import torch

from data import NIAHTask, TokenCorpus, TrainingBatches, summarise
from data.commands import one_line
from model import SISAConfig, fit, load, save
from model.analysis.evaluation import evaluate
from model.network.versions import versions
from model.training.recipe import TrainingConfig
from model.training.run import write_json

CHECKPOINT_NAME = "niah"
LENGTHS = (128, 256, 384, 512)
N_CTX = 512
TEST_SEED, TEST_EPISODES = 20_261_123, 2_000


class Card(TypedDict):
    """Name what stands in the file beside the weights: how they came about and what they can do."""

    config: dict[str, object]
    seconds: int
    corpus_sha256: str
    weights_sha256: str
    versions: dict[str, str]
    gpu: str | None
    heldout_loss: float
    test_seed: int
    by_length: list[dict[str, object]]
    all: dict[str, object]


def tasks(corpus: TokenCorpus) -> tuple[NIAHTask, NIAHTask]:
    """Return the task that is learned and the task that is measured.

    Training episodes have many lengths, so that the model does not know where a text ends; test episodes lie
    in text that was held out by document.

    Args:
        corpus: natural text with its tokenizer.

    Example:
        >>> from data import topics_corpus
        >>> learn, test = tasks(topics_corpus())
        >>> learn.split, len(learn.lengths), test.split, test.lengths
        ('train', 15, 'heldout', (128, 256, 384, 512))
    """
    learn = NIAHTask(
        filler="corpus",
        value_length=4,
        corpus=corpus,
        lengths=tuple(range(64, N_CTX + 1, 32)),
        split="train",
    )
    return learn, replace(learn, lengths=LENGTHS, split="heldout")


def train_and_measure(corpus: TokenCorpus, *, out: Path, steps: int, seed: int, device: str) -> Card:
    """Train the checkpoint, measure it, and save out/niah.safetensors and out/niah.json; return its card.

    What is measured is the saved file, so that rounding to float16 is part of the figures. Called again after
    a kill, it resumes.

    Args:
        corpus: natural text, whose held-out documents are not trained on.
        out: folder of the two files, and of the run in out/run.
        steps: optimiser steps.
        seed: of initial weights and batches.
        device: "auto", "cpu" or "cuda".

    Example:
        >>> from data import topics_corpus
        >>> train_and_measure(topics_corpus(), out=Path("out"), steps=0, seed=0, device="cpu")
        Traceback (most recent call last):
        ValueError: steps is 0; legal: whole numbers >= 1. Set steps to such a number.
    """
    learn, test = tasks(corpus)
    began = time.monotonic()
    run = fit(
        SISAConfig(
            d_model=256, n_layers=6, n_heads=8, d_mlp=576, d_vocab=corpus.d_vocab, n_ctx=N_CTX, d_state=16
        ),
        folder=out / "run",
        batches=TrainingBatches(task=learn, corpus=corpus, batch_size=64, n_ctx=N_CTX, episode_fraction=0.25),
        training=TrainingConfig(
            steps=steps, lr=1.5e-3, evaluate_every=100, checkpoint_every=500, n_episodes=256
        ),
        evaluations={"niah": test},
        heldout=corpus.split("heldout")[: 64 * N_CTX].reshape(64, N_CTX),
        tokenizer=corpus.tokenizer,
        seed=seed,
        device=device,
    )
    seconds = time.monotonic() - began
    save(run.model(), out / f"{CHECKPOINT_NAME}.safetensors", dtype=torch.float16)
    shipped = load(
        out / f"{CHECKPOINT_NAME}.safetensors", device="cuda" if run.config["device"] == "cuda" else "cpu"
    )
    scores = evaluate(shipped, test.build(TEST_SEED, n_episodes=TEST_EPISODES))
    card: Card = {
        "config": run.config,
        "seconds": round(seconds),
        "corpus_sha256": corpus.sha256,
        "weights_sha256": hashlib.sha256((out / f"{CHECKPOINT_NAME}.safetensors").read_bytes()).hexdigest(),
        "versions": versions(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "heldout_loss": float(run.metrics.query("name == 'val/loss'").value.iloc[-1]),
        "test_seed": TEST_SEED,
        "by_length": _records(summarise(scores)),
        "all": _records(summarise(scores, by=()))[0],
    }
    write_json(out / f"{CHECKPOINT_NAME}.json", card)
    return card


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows of a table as JSON holds them."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _main() -> None:
    """Read the command line, train, and print what the checkpoint can do."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    corpus = TokenCorpus.load(given.corpus)
    card = train_and_measure(corpus, out=given.out, steps=given.steps, seed=given.seed, device=given.device)
    print(pd.DataFrame(card["by_length"]).to_string())
    print(card["all"])


if __name__ == "__main__":
    with one_line("python -m model.pretrained.train"):
        _main()
