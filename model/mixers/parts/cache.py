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
    """Past of one layer.

    Args:
        k_hat: batch head position width.
        v: batch head position d_head.
        cum_decay: g of the last position, batch head 1; None where nothing decays.
        phase: Φ of the last position, batch head 1 pair; None where nothing turns.
    """

    k_hat: Tensor | None = None
    v: Tensor | None = None
    cum_decay: Tensor | None = None
    phase: Tensor | None = None

    @property
    def length(self) -> int:
        """Positions held."""
        return 0 if self.k_hat is None else self.k_hat.shape[-2]

    def extend(self, k_hat: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append positions and return all of them."""
        if self.k_hat is not None and self.v is not None:
            k_hat, v = torch.cat((self.k_hat, k_hat), dim=-2), torch.cat((self.v, v), dim=-2)
        self.k_hat, self.v = k_hat, v
        return k_hat, v

    def continue_decay(self, cum_decay: Tensor) -> Tensor:
        """g of the new positions, that of the past added."""
        cum_decay = cum_decay if self.cum_decay is None else self.cum_decay + cum_decay
        self.cum_decay = cum_decay[..., -1:]
        return cum_decay

    def continue_phase(self, phase: Tensor) -> Tensor:
        """Φ of the new positions, that of the past added."""
        phase = phase if self.phase is None else self.phase + phase
        self.phase = phase[..., -1:, :]
        return phase
