"""Train the checkpoint that comes with the package, measure it on held-out episodes, and write its card.

    python -m model.pretrained.train --corpus CORPUS.npz --out FOLDER

CORPUS is the file that `data.build_corpus` writes. On one H100 it takes a few minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from data import NIAHTask, TokenCorpus, TrainingBatches, summarise
from model import SISAConfig, fit, load, save
from model.analysis.evaluation import evaluate
from model.network.versions import versions
from model.training.recipe import TrainingConfig
from model.training.run import write_json

NAME = "niah"
LENGTHS = (128, 256, 384, 512)
CONFIG: dict[str, Any] = dict(d_model=256, n_layers=6, n_heads=8, d_mlp=576, n_ctx=512, d_state=16)
TEST_SEED, TEST_EPISODES = 20_261_123, 2_000


def tasks(corpus: TokenCorpus) -> tuple[NIAHTask, NIAHTask]:
    """Training episodes of many lengths, and test episodes in text that was held out by document."""
    shared: dict[str, Any] = dict(filler="corpus", value_length=4, corpus=corpus)
    return (
        NIAHTask(**shared, lengths=tuple(range(64, 513, 32)), split="train"),
        NIAHTask(**shared, lengths=LENGTHS, split="heldout"),
    )


def train(corpus: TokenCorpus, *, out: Path, steps: int, seed: int, device: str) -> dict[str, Any]:
    """Fit, measure, and save out/niah.safetensors and out/niah.json; returns the card's figures."""
    learn, test = tasks(corpus)
    began = time.monotonic()
    run = fit(
        SISAConfig(**CONFIG, d_vocab=corpus.d_vocab),
        folder=out / "run",
        batches=TrainingBatches(task=learn, corpus=corpus, batch_size=64, n_ctx=512, episode_fraction=0.25),
        training=TrainingConfig(
            steps=steps, lr=1.5e-3, evaluate_every=100, checkpoint_every=500, n_episodes=256
        ),
        evaluations={"niah": test},
        heldout=corpus.split("heldout")[: 64 * 512].reshape(64, 512),
        tokenizer=corpus.tokenizer,
        seed=seed,
        device=device,
    )
    seconds = time.monotonic() - began
    save(run.model(), out / f"{NAME}.safetensors", dtype=torch.float16)
    shipped = load(out / f"{NAME}.safetensors", device="cuda" if run.config["device"] == "cuda" else "cpu")
    scores = evaluate(shipped, test.build(TEST_SEED, n_episodes=TEST_EPISODES))
    card = {
        "config": run.config,
        "seconds": round(seconds),
        "corpus_sha256": corpus.sha256,
        "weights_sha256": hashlib.sha256((out / f"{NAME}.safetensors").read_bytes()).hexdigest(),
        "versions": versions(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "heldout_loss": float(run.metrics.query("name == 'val/loss'").value.iloc[-1]),
        "test_seed": TEST_SEED,
        "by_length": summarise(scores).to_dict("records"),
        "all": summarise(scores, by=()).to_dict("records")[0],
    }
    write_json(out / f"{NAME}.json", card)
    return card


def main() -> None:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    corpus = TokenCorpus.load(given.corpus)
    card = train(corpus, out=given.out, steps=given.steps, seed=given.seed, device=given.device)
    print(pd.DataFrame(card["by_length"]).to_string())
    print(card["all"])


if __name__ == "__main__":
    main()
