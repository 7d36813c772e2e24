"""Mamba-2: a selective state space with one decay a head (arXiv 2405.21060).

    [z, x B C, δ] = W_in u ,   x B C ← SiLU(conv(x B C)) ,   Δ = softplus(δ + b_Δ) ,   a = −Δ e^{A_log}
    S_t = e^{a_t} S_{t−1} + Δ_t x_t B_tᵀ ,   y_t = S_t C_t + D x_t
    out = W_O RMSNorm(y ⊙ SiLU(z))

2·d_model channels in heads of `model.config.placement.state_heads`; B and C are shared by all heads; the
convolution is causal, four wide, one filter a channel. Hooks: `model.mixers.state_space.state_space`;
hook_weight is Δ, and hook_z is what W_O maps, so that hook_result is a head's share of the output.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.config import SISAConfig
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.hooks import at_least_float32
from model.mixers.parts.norm import RMSNorm
from model.mixers.state_space.state_space import StateSpace

FILTER_LENGTH = 4  # positions that the convolution sees
INITIAL_STEPS = (1e-3, 1e-1)  # Δ at the start
NORM_EPS = 1e-5


class CausalConvolution(nn.Module):
    """Filter each channel over its last four positions: bias + Σ_k weight_k x_{t−3+k}."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(FILTER_LENGTH, channels))
        self.bias = nn.Parameter(torch.empty(channels))

    def forward(self, x: Float[Tensor, "batch position channel"]) -> Float[Tensor, "batch position channel"]:
        """Return the filtered x; positions before the first count as zero."""
        padded, y = F.pad(x, (0, 0, FILTER_LENGTH - 1, 0)), self.bias
        for k in range(FILTER_LENGTH):
            y = y + self.weight[k] * padded[:, k : k + x.shape[1]]
        return y.to(x.dtype)


class Mamba2Recurrence(StateSpace):
    """Convolution and recurrence of Mamba-2, between whatever projects in and out."""

    no_weight_decay: ClassVar[tuple[str, ...]] = (*StateSpace.no_weight_decay, "A_log")

    def _add_recurrence(self, config: SISAConfig) -> None:
        self._add_state(config)
        self.sizes = (2 * config.d_model, config.d_state, config.d_state)  # of x, B, C
        self.conv = CausalConvolution(sum(self.sizes))
        self.A_log = nn.Parameter(torch.empty(self.n_state_heads))

    def _initialise_recurrence(self, generator: torch.Generator) -> None:
        """Fill the weights of the recurrence.

        −A is uniform in (1, 16), D = 1, Δ log-uniform in (0.001, 0.1), the convolution uniform in ±1/2.
        """
        for p in self.conv.parameters():
            p.uniform_(-(FILTER_LENGTH**-0.5), FILTER_LENGTH**-0.5, generator=generator)
        self.A_log.uniform_(1, 16, generator=generator).log_()
        initialise_steps(self, generator)

    def _recur(self, channels: Tensor, dt: Tensor) -> Tensor:
        """Return y, batch position head channel, from x, B and C before the convolution, and from δ."""
        x, B, C = F.silu(self.conv(channels)).split(self.sizes, dim=-1)
        x = self.hook_x(x.unflatten(-1, (self.n_state_heads, -1))).transpose(1, 2)
        B, C = self._per_head(self.hook_B, B[:, None]), self._per_head(self.hook_C, C[:, None])
        step = self.hook_dt(F.softplus(at_least_float32(dt) + self.dt_bias).transpose(1, 2))
        a = self._decays(-step * self.A_log.exp()[:, None])
        return self._read_out(x, self.hook_weight(step), a, B, C).transpose(1, 2)


def initialise_steps(mixer: StateSpace, generator: torch.Generator) -> None:
    """Initialise D and the bias of Δ: D = 1, and softplus(b_Δ) log-uniform in (0.001, 0.1).

    The inverse of softplus is Δ + log(1 − e^(−Δ)). `expm1` keeps its digits for small Δ: at Δ = 0.001 the
    difference 1 − e^(−Δ) has lost three of float32's seven.

    Args:
        mixer: its D and dt_bias are overwritten in place.
        generator: draws the steps.

    Example:
        >>> from model.config import SISAConfig
        >>> mixer = Mamba2(SISAConfig.preset("tiny", architecture="mamba2"))
        >>> with torch.no_grad():
        ...     initialise_steps(mixer, torch.Generator().manual_seed(0))
        >>> steps = F.softplus(mixer.dt_bias)
        >>> bool((steps > 0.0009).all() and (steps < 0.11).all())
        True
    """
    mixer.D.fill_(1.0)
    least, most = INITIAL_STEPS
    step = mixer.dt_bias.uniform_(math.log(least), math.log(most), generator=generator).exp()
    mixer.dt_bias.copy_(step + (-torch.expm1(-step)).log())


def initialise_projections(mixer: StateSpace, config: SISAConfig, generator: torch.Generator) -> None:
    """Initialise W_in and W_O uniformly in ±1/sqrt(width of their input).

    W_O is shrunk by the square root of how many branches add to the residual stream, so that the stream's
    variance does not grow with the number of layers: with 8 layers and MLPs there are 16 branches, and W_O is
    a quarter as large.

    Args:
        mixer: its to_in and to_o are overwritten in place.
        config: says how many layers there are and whether they have MLPs.
        generator: draws the weights.

    Example:
        >>> from model.config import SISAConfig
        >>> config = SISAConfig.preset("tiny", architecture="mamba2")
        >>> mixer = Mamba2(config)
        >>> with torch.no_grad():
        ...     initialise_projections(mixer, config, torch.Generator().manual_seed(0))
        >>> bool(mixer.to_in.weight.abs().max() <= config.d_model**-0.5)
        True
    """
    branches = config.n_layers * (2 if config.d_mlp else 1)
    for linear, shrink in ((mixer.to_in, 1.0), (mixer.to_o, branches**-0.5)):
        bound = shrink * linear.in_features**-0.5
        linear.weight.uniform_(-bound, bound, generator=generator)


class Mamba2(Mamba2Recurrence):
    """Mix positions by one selective state space a head.

    Names in the state dict differ from those of the official implementation; `tests/model` maps them.
    """

    no_weight_decay: ClassVar[tuple[str, ...]] = (*Mamba2Recurrence.no_weight_decay, "norm.w")

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__()
        self.config, inner = config, 2 * config.d_model
        self._add_recurrence(config)
        self.widths = (inner, sum(self.sizes), self.n_state_heads)  # of z, x B C, δ
        self.to_in = nn.Linear(config.d_model, sum(self.widths), bias=False)
        self.norm = RMSNorm(inner, eps=NORM_EPS)
        self.to_o = nn.Linear(inner, config.d_model, bias=False)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Fill the weights as the official implementation does."""
        initialise_projections(self, self.config, generator)
        self._initialise_recurrence(generator)

    def forward(
        self, u: Float[Tensor, "batch position d_model"], /, cache: LayerCache | None = None
    ) -> Float[Tensor, "batch position d_model"]:
        """Return W_O RMSNorm(y ⊙ SiLU(z)); the past is computed anew, so the cache is not used."""
        gate, channels, dt = self.to_in(u).split(self.widths, dim=-1)
        y = self._recur(channels, dt).flatten(2)
        z = self.norm((y * F.silu(gate)).to(u.dtype)).unflatten(-1, (self.n_state_heads, -1))
        return self._output(self.hook_z(z))
