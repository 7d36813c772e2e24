"""What decoding keeps of the past: what queries look at, and the two running sums.

A key of a prefix never changes, for its ĝ does not depend on what follows. Where one anchor serves the whole
text that key is K̂ (arXiv 2606.02332, eq. 5); with an anchor a block of queries it is k and R(Φ)B beside ĝ,
and every step scales them anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class LayerCache:
    """Hold the past of one layer while tokens are generated one by one.

    A fresh cache is empty; each forward pass of the layer appends to it.

    Args:
        kept: what queries look at, such as K̂ and v, each batch head position channel.
        cum_decay: g, batch head position; None where nothing decays.
        phase: Φ of the last position, batch head 1 pair; None where nothing turns.

    Example:
        >>> cache = LayerCache()
        >>> keys, values = cache.extend(torch.zeros(1, 2, 3, 8), torch.zeros(1, 2, 3, 4))
        >>> keys, values = cache.extend(torch.zeros(1, 2, 1, 8), torch.zeros(1, 2, 1, 4))
        >>> cache.length, tuple(keys.shape)
        (4, (1, 2, 4, 8))
    """

    kept: tuple[Tensor, ...] = ()
    cum_decay: Tensor | None = None
    phase: Tensor | None = None

    @property
    def length(self) -> int:
        """How many positions it holds."""
        return self.kept[0].shape[-2] if self.kept else 0

    def extend(self, *new: Tensor) -> tuple[Tensor, ...]:
        """Append what belongs to new positions and return that of all positions, in the same order."""
        if self.kept:
            new = tuple(torch.cat(pair, dim=-2) for pair in zip(self.kept, new, strict=True))
        self.kept = new
        return new

    def continue_decay(self, cum_decay: Tensor) -> Tensor:
        """Add g of the past to that of the new positions and remember all of it."""
        if self.cum_decay is None:
            self.cum_decay = cum_decay
            return cum_decay
        cum_decay = self.cum_decay[..., -1:] + cum_decay
        self.cum_decay = torch.cat((self.cum_decay, cum_decay), dim=-1)
        return cum_decay

    def continue_phase(self, phase: Tensor) -> Tensor:
        """Add Φ of the past to that of the new positions and remember the last one."""
        phase = phase if self.phase is None else self.phase + phase
        self.phase = phase[..., -1:, :]
        return phase
