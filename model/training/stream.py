"""The batches of a run in the order of their numbers, starting at any of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from model.training.recipe import Batches


class Stream(IterableDataset):
    """Yield the batches of a seed without end: number start, start + 1, and so on.

    With n workers, worker w makes batches start + w, start + w + n, …; the loader takes one of each worker in
    turn, so that the order does not depend on how many workers there are.

    Args:
        batches: what builds them.
        seed: of every batch.
        start: number of the first one; a resumed run passes those that it has seen.
    """

    def __init__(self, batches: Batches, *, seed: int, start: int) -> None:
        self.batches, self.seed, self.start = batches, seed, start

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield tokens and labels, row × position, that this worker has to make."""
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in count(self.start + first, stride):
            tokens, labels = self.batches.build(self.seed, step)
            yield torch.from_numpy(tokens), torch.from_numpy(labels)


def loader(batches: Batches, *, seed: int, start: int, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return a DataLoader whose first batch is the one with number `start`.

    Args:
        batches: what builds them, a pure function of (seed, number).
        seed: of every batch.
        start: number of the first batch.
        workers: processes that build ahead; 0 builds in this one. Tensors are pinned only where there are
            workers, because only then is there a GPU to copy to.

    Example:
        >>> from data import NIAHTask, TrainingBatches
        >>> batches = TrainingBatches(task=NIAHTask(lengths=(16,)), batch_size=2)
        >>> tokens, labels = next(iter(loader(batches, seed=0, start=7, workers=0)))
        >>> (tokens.numpy() == batches.build(0, 7)[0]).all().item()
        True
    """
    return DataLoader(
        Stream(batches, seed=seed, start=start), batch_size=None, num_workers=workers, pin_memory=workers > 0
    )
