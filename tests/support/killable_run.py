"""A short run that other processes start, to be killed; what the server of those processes imports once."""

from typing import Any

import torch

from data import NIAHTask, TrainingBatches
from model import SISAConfig, fit
from model.training.recipe import TrainingConfig
from model.training.run import Run

TASK = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
CONFIG = SISAConfig(d_model=16, n_layers=2, n_heads=2, d_mlp=24, d_vocab=16, n_ctx=16, d_state=4)


class Interrupting:
    """Batches that stop the run at one step."""

    def __init__(self, inner, *, at, error):
        self.inner, self.at, self.error = inner, at, error

    def build(self, seed, step):
        if step == self.at:
            raise self.error
        return self.inner.build(seed, step)

    def spec(self):
        return self.inner.spec()


def same(first: Run, second: Run) -> bool:
    """Return whether two finished runs have the same weights and the same tables, to the last bit."""
    weights = [run.model().state_dict() for run in (first, second)]
    tables = ("metrics.csv", "heads.csv")
    texts = [[(run.folder / name).read_text() for name in tables] for run in (first, second)]
    equal = [torch.equal(weights[0][name], weights[1][name]) for name in weights[0]]
    return texts[0] == texts[1] and all(equal)


def train(folder, *, steps=20, batches=None, tasks=True, heldout=None, seed=0, device="cpu", **changes):
    """Twenty steps by default, with evaluations, log rows and checkpoints at steps that do not coincide."""
    settings: dict[str, Any] = dict(
        steps=steps, lr=3e-3, evaluate_every=8, checkpoint_every=6, log_every=4, n_episodes=8
    )
    return fit(
        CONFIG,
        folder=folder,
        batches=batches or TrainingBatches(task=TASK, batch_size=4),
        training=TrainingConfig(**settings | changes),
        evaluations={"niah": TASK} if tasks else None,
        heldout=heldout,
        seed=seed,
        device=device,
    )


def train_long(folder):
    """Long enough to be killed in the middle; for a process of its own."""
    torch.set_num_threads(1)
    train(folder, steps=24)
