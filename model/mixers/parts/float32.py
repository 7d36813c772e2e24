"""Parameters that keep at least float32, whatever the module is cast to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class KeepsFloat32(nn.Module):
    """Keep a module's own parameters (not its children's) in at least float32, whatever it is cast to.

    They follow devices all the same. bfloat16 has 8 significant bits, so next to 1.0 its values are 0.0078
    apart. An AdamW step of 6e-4 is lost in that gap: λ_raw, norms and decay parameters would stay where they
    began.

    Example:
        >>> from model.mixers.parts.norm import RMSNorm
        >>> RMSNorm(4).to(torch.bfloat16).w.dtype
        torch.float32
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        def guarded(t: Tensor) -> Tensor:
            out = fn(t)
            narrow = out.is_floating_point() and out.dtype not in (torch.float32, torch.float64)
            return t.to(out.device, torch.float32) if narrow else out

        for child in self.children() if recurse else ():
            child._apply(fn)
        return super()._apply(guarded, recurse=False)


class Float32Linear(nn.Linear, KeepsFloat32):
    """Apply a linear map in float32 (or float64), also under autocast.

    The decay's gate takes it: its output is summed over all positions, and an error would enter every later
    score.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return W x + b in the dtype of W."""
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.to(self.weight.dtype))
