"""Batches in order, from any step on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class Stream(IterableDataset):
    """build(seed, start), build(seed, start + 1), … without end, in order: worker w of n makes every n-th."""

    def __init__(self, batches: Any, *, seed: int, start: int) -> None:
        self.batches, self.seed, self.start = batches, seed, start

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in count(self.start + first, stride):
            tokens, labels = self.batches.build(self.seed, step)
            yield torch.from_numpy(tokens), torch.from_numpy(labels)


def loader(batches: Any, *, seed: int, start: int, workers: int) -> DataLoader:
    """A loader whose next batch is number start."""
    return DataLoader(
        Stream(batches, seed=seed, start=start), batch_size=None, num_workers=workers, pin_memory=workers > 0
    )
