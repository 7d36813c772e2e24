"""What decoding keeps of the past: K̂ and V, and the two running sums.

The causal anchor makes ĝ of a position independent of what follows, so K̂ of a prefix never changes
(arXiv 2606.02332, eq. 5).
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
        k_hat: widened keys K̂, batch head position width.
        v: values, batch head position d_head.
        cum_decay: g of the last position, batch head 1; None where nothing decays.
        phase: Φ of the last position, batch head 1 pair; None where nothing turns.

    Example:
        >>> cache = LayerCache()
        >>> keys, values = cache.extend(torch.zeros(1, 2, 3, 8), torch.zeros(1, 2, 3, 4))
        >>> keys, values = cache.extend(torch.zeros(1, 2, 1, 8), torch.zeros(1, 2, 1, 4))
        >>> cache.length, tuple(keys.shape)
        (4, (1, 2, 4, 8))
    """

    k_hat: Tensor | None = None
    v: Tensor | None = None
    cum_decay: Tensor | None = None
    phase: Tensor | None = None

    @property
    def length(self) -> int:
        """How many positions it holds."""
        return 0 if self.k_hat is None else self.k_hat.shape[-2]

    def extend(self, k_hat: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append keys and values of new positions and return those of all positions."""
        if self.k_hat is not None and self.v is not None:
            k_hat, v = torch.cat((self.k_hat, k_hat), dim=-2), torch.cat((self.v, v), dim=-2)
        self.k_hat, self.v = k_hat, v
        return k_hat, v

    def continue_decay(self, cum_decay: Tensor) -> Tensor:
        """Add g of the past to that of the new positions and remember the last one."""
        cum_decay = cum_decay if self.cum_decay is None else self.cum_decay + cum_decay
        self.cum_decay = cum_decay[..., -1:]
        return cum_decay

    def continue_phase(self, phase: Tensor) -> Tensor:
        """Add Φ of the past to that of the new positions and remember the last one."""
        phase = phase if self.phase is None else self.phase + phase
        self.phase = phase[..., -1:, :]
        return phase
