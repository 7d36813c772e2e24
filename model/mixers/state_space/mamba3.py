"""Mamba-3, SISO, as released in March 2026: trapezoidal rule, rotated state (arXiv 2603.15569).

    [z, x, B, C, δ, κ, τ, ϑ] = W_in u ,   Δ = softplus(δ + b_Δ) ,   a = −Δ max(softplus(κ), 10⁻⁴)
    λ = σ(τ) ,   Φ_t = Σ_{k ≤ t} π tanh(ϑ_k) Δ_k
    B̄ = R(Φ)(RMSNorm(B) + b_B) ,   C̄ = R(Φ)(RMSNorm(C) + b_C)
    S_t = e^{a_t} S_{t−1} + (1−λ_t) Δ_t e^{a_t} x_{t−1} B̄_{t−1}ᵀ + λ_t Δ_t x_t B̄_tᵀ
    y_t = S_t C̄_t + D x_t ,   out = W_O (y ⊙ SiLU(z))

A token enters with weight γ_t = λ_t Δ_t and from the next position on counts ν_t = (1−λ_{t+1}) Δ_{t+1} more:
y is the strict linear core with weights w = γ + ν, and γ_t C̄_t·B̄_t x_t of the position itself.

Hooks: `model.mixers.state_space.state_space`, with hook_weight w and hook_B, hook_C before the rotation, and

| symbol   | hook                   | shape                       |
| -------- | ---------------------- | --------------------------- |
| B̄, C̄     | hook_rot_B, hook_rot_C | batch head position d_state |
| Φ        | hook_phase             | batch head position angle   |
| λ        | hook_trapezoid         | batch head position         |

The first half of the state channels is rotated, in interleaved pairs: d_state/4 angles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.config import SISAConfig
from model.mixers.base import TraceConfig
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.hooks import at_least_float32, hook_points
from model.mixers.parts.norm import RMSNorm
from model.mixers.parts.rotation import rotate
from model.mixers.parts.running_sum import running_sum
from model.mixers.state_space.mamba2 import NORM_EPS, initialise_projections, initialise_steps
from model.mixers.state_space.state_space import StateSpace

LEAST_DECAY_RATE = 1e-4  # of −A, nats a unit of Δ


class Mamba3(StateSpace):
    """The whole mixer; the norm of y that the release offers as an option is left out, as by its default."""

    no_weight_decay: ClassVar[tuple[str, ...]] = (
        *StateSpace.no_weight_decay,
        *("bias_B", "bias_C", "norm_B.w", "norm_C.w"),
    )

    trace_hooks: ClassVar[tuple[str, ...]] = (*("rot_B", "rot_C"), *StateSpace.trace_hooks[2:], "phase")

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__()
        self._add_state(config)
        self.config, inner, N, H = config, 2 * config.d_model, config.d_state, self.n_state_heads
        self.widths = (inner, inner, N, N, H, H, H, N // 4)  # of z, x, B, C, δ, κ, τ, ϑ
        self.to_in = nn.Linear(config.d_model, sum(self.widths), bias=False)
        self.norm_B, self.norm_C = RMSNorm(N, eps=NORM_EPS), RMSNorm(N, eps=NORM_EPS)
        self.bias_B, self.bias_C = nn.Parameter(torch.empty(H, N)), nn.Parameter(torch.empty(H, N))
        self.to_o = nn.Linear(inner, config.d_model, bias=False)
        self.hook_rot_B, self.hook_rot_C, self.hook_phase, self.hook_trapezoid = hook_points(4, pos_dim=2)

    @property
    def trace_config(self) -> TraceConfig:
        """The score is linear, and its diagonal has ν_t, which the model adds from t + 1 on."""
        diagonal = "as if ν_t were there already: M_tt is smaller than the importance by ν_t C̄_t·B̄_t"
        return {**super().trace_config, "diagonal": diagonal}

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return those of any state space; none can hold ν of the diagonal, see trace_config."""
        phase = fired["phase"][0]
        return super().factors(fired) | {"phase": F.pad(phase, (0, phase.shape[-1]))}

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Fill the weights: b_B = b_C = 1, the rest as Mamba-2."""
        initialise_projections(self, self.config, generator)
        initialise_steps(self, generator)
        self.bias_B.fill_(1.0)
        self.bias_C.fill_(1.0)

    def forward(
        self, u: Float[Tensor, "batch position d_model"], /, cache: LayerCache | None = None
    ) -> Float[Tensor, "batch position d_model"]:
        """Return W_O (y ⊙ SiLU(z)); the past is computed anew, so the cache is not used."""
        gate, x, B, C, dt, decay, trapezoid, theta = self.to_in(u).split(self.widths, dim=-1)
        x = self.hook_x(x.unflatten(-1, (self.n_state_heads, -1))).transpose(1, 2)
        step = self.hook_dt(F.softplus(at_least_float32(dt) + self.dt_bias).transpose(1, 2))
        B, C = self._rotated(self._biased(B, C), self._phase(theta, step))
        rate = F.softplus(at_least_float32(decay)).clamp(min=LEAST_DECAY_RATE).transpose(1, 2)
        gamma, nu = self._step_weights(step, trapezoid)
        y = self._read_out(x, self.hook_weight(gamma + nu), self._decays(-rate * step), B, C, gamma)
        z = y.transpose(1, 2) * F.silu(gate).unflatten(-1, (self.n_state_heads, -1))
        return self._output(self.hook_z(z.to(u.dtype)))

    def _biased(self, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
        """Return B and C after RMSNorm and bias, batch head position d_state, at least float32."""
        return (
            self.hook_B(at_least_float32(self.norm_B(B))[:, None] + self.bias_B[:, None]),
            self.hook_C(at_least_float32(self.norm_C(C))[:, None] + self.bias_C[:, None]),
        )

    def _phase(self, theta: Tensor, step: Tensor) -> Tensor:
        """Return Φ, batch head position angle, in float64; ϑ is shared by the heads, Δ is not."""
        turn = math.pi * torch.tanh(at_least_float32(theta))[:, None] * step[..., None]
        return self.hook_phase(running_sum(turn.mT).mT)

    def _rotated(self, factors: tuple[Tensor, Tensor], phase: Tensor) -> tuple[Tensor, Tensor]:
        turned = 2 * phase.shape[-1]
        B, C = [torch.cat((rotate(x[..., :turned], phase), x[..., turned:]), dim=-1) for x in factors]
        return self.hook_rot_B(B), self.hook_rot_C(C)

    def _step_weights(self, step: Tensor, trapezoid: Tensor) -> tuple[Tensor, Tensor]:
        """Return γ and ν, batch head position; the last position has no successor, ν = 0."""
        lam = self.hook_trapezoid(torch.sigmoid(at_least_float32(trapezoid)).transpose(1, 2))
        return lam * step, F.pad(((1 - lam) * step)[..., 1:], (0, 1))
