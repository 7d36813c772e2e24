"""What every state-space mixer has: hooks, the read-out, and its equivalent attention matrix.

    y = M x + D x ,   M_ts = w_s e^{a_{s+1} + … + a_t} C_t·B_s for s < t ,   γ_t C_t·B_t for s = t

where γ is w but in Mamba-3.

| symbol         | hook                           | shape                       |
| -------------- | ------------------------------ | --------------------------- |
| x              | hook_x                         | batch position head channel |
| Δ, w           | hook_dt, hook_weight           | batch head position         |
| B, C           | hook_B, hook_C                 | batch head position d_state |
| a, running sum | hook_log_decay, hook_cum_decay | batch head position         |
| M              | hook_implicit_attention        | batch head query key        |

M is signed and not normalised: no softmax made it. It is built only while somebody watches it; the layer
then computes y from it, so that an edit reaches the logits. An edit of the running sum does so likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.config.placement import state_heads
from model.config.shape import Shape
from model.mixers.base import Mixer, PartName, TraceConfig, TracedPart
from model.mixers.parts.hooks import at_least_float32, hook_points, watched
from model.mixers.parts.running_sum import running_sum
from model.mixers.state_space.ssd import chunked, implicit_attention


class StateSpace(Mixer):
    """A selective state space behind hooks; derive and give `forward` and `initialise`."""

    score_sized: ClassVar[tuple[str, ...]] = ("implicit_attention",)
    no_weight_decay: ClassVar[tuple[str, ...]] = ("D", "dt_bias")
    trace_hooks: ClassVar[tuple[str, ...]] = ("B", "C", "weight", "log_decay", "cum_decay")

    D: nn.Parameter
    dt_bias: nn.Parameter
    to_in: nn.Linear

    def _add_state(self, config: Shape) -> None:
        """Parameters and hooks that all have."""
        self.n_state_heads = state_heads(config)
        self.D = nn.Parameter(torch.empty(self.n_state_heads))
        self.dt_bias = nn.Parameter(torch.empty(self.n_state_heads))
        self.hook_x, self.hook_z, self.hook_result = hook_points(3, pos_dim=1)
        self.hook_dt, self.hook_weight, self.hook_B, self.hook_C = hook_points(4, pos_dim=2)
        self.hook_log_decay, self.hook_cum_decay, self.hook_implicit_attention = hook_points(3, pos_dim=2)

    @property
    def trace_config(self) -> TraceConfig:
        """The score is the weight itself: no softmax makes a pattern of it."""
        return {"score": "linear"}

    def parts(self, length: int) -> dict[PartName, TracedPart]:
        """Return the state space, which a trace can show at any length."""
        return {"ssm": self.as_part()}

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """M as the importance of a trace: C_t·(w_s B_s) under the running sum of a, unclamped; q = k = 0."""
        B, C, weight, log_decay, g = [fired[name][0] for name in self.trace_hooks[:5]]
        none = torch.zeros_like(C[..., :1])
        decay = {"log_decay": log_decay, "cum_decay": g, "anchored_decay": g, "clamped": none[..., 0].bool()}
        lam = torch.ones_like(weight[:, 0])
        return decay | {"q": none, "k": none, "c_rot": C, "b_rot": weight[..., None] * B, "lam": lam}

    def _per_head(self, hook: HookPoint, x: Tensor) -> Tensor:
        """Return what all heads share (batch 1 position channel), a copy a head where somebody watches."""
        return hook(x.expand(-1, self.n_state_heads, -1, -1).clone()) if watched(hook) else x

    def _decays(self, log_decay: Tensor) -> Tensor:
        """log_decay through its hooks, batch head position."""
        a = self.hook_log_decay(log_decay)
        if not watched(self.hook_cum_decay):
            return a
        sums = self.hook_cum_decay(running_sum(a))
        return torch.diff(sums, dim=-1, prepend=torch.zeros_like(sums[..., :1])).to(a.dtype)

    def _read_out(
        self, x: Tensor, weight: Tensor, a: Tensor, B: Tensor, C: Tensor, at_once: Tensor | None = None
    ) -> Tensor:
        """y, batch head position channel, from x of that shape; at_once is γ, by default w."""
        skip = self.D[:, None, None]
        if watched(self.hook_implicit_attention):
            return self._from_matrix(implicit_attention(weight, a, B, C, at_once), x) + skip * x
        u = (weight[..., None] * x).to(x.dtype)
        if at_once is None:
            return chunked(u, a, B, C) + skip * x
        # w_t = γ_t + ν_t, and ν_t is decided by token t + 1. So the strict core leaves x_t out of y_t, and
        # γ_t x_t is added here. To let w_t x_t in and subtract ν_t x_t would be equal on paper, but then the
        # rounding of y_t would tell of t + 1: in float32 (0.1 + 1000) − 1000 = 0.09998, (0.1 + 0) − 0 = 0.1.
        return chunked(u, a, B, C, strict=True) + (skip + (at_once * (B * C).sum(-1))[..., None]) * x

    def _from_matrix(self, M: Tensor, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.hook_implicit_attention(M) @ at_least_float32(x)

    @property
    def n_output_heads(self) -> int:
        """Heads that W_O maps: those of the state space."""
        return self.n_state_heads
