"""Parameters that keep at least float32, whatever the module is cast to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class KeepsFloat32(nn.Module):
    """A module whose own parameters (not its children's) follow devices but never drop below float32.

    bfloat16 cannot hold a small AdamW step on a value of size one: λ_raw, norms and decay parameters would
    stay where they began.
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
    """A linear map computed in float32 (or float64), also under autocast."""

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.to(self.weight.dtype))
