"""Parameters of every architecture as formulas, and the d_mlp that makes two of them equal.

Source: arXiv 2606.02332, eq. 6, and for the other mixers the papers named in their files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from data.refusal import refusal

if TYPE_CHECKING:
    from model.config import SISAConfig


def projections(config: SISAConfig) -> int:
    """W_Q, W_K, W_V, W_O: 4·d²."""
    return 4 * config.d_model**2


def importance(config: SISAConfig, *, d_state: int) -> int:
    """W_B, W_C, then w_α with b_α, then W_θ, then λ_raw: 2·d·h·d_s + (d·h + h) + d·h·d_s/2 + h (eq. 6)."""
    d, h, d_s = config.d_model, config.n_heads, d_state
    return 2 * d * h * d_s + (d * h + h) + d * h * d_s // 2 + h if d_s else 0


def sisa(config: SISAConfig, layer: int) -> int:
    return projections(config) + importance(config, d_state=config.d_state)


# parameters of the mixer of one layer, by architecture
MIXER: dict[str, Callable[[SISAConfig, int], int]] = {
    "transformer": lambda config, layer: projections(config),
    "sisa": sisa,
}


def total(config: SISAConfig) -> int:
    """Parameters of a whole model, the tied embedding counted once."""
    d, norms = config.d_model, 1 + config.n_layers * (2 if config.d_mlp else 1)
    return config.d_vocab * d + norms * d + _mixers(config) + 3 * d * config.d_mlp * config.n_layers


def matched_d_mlp(config: SISAConfig, *, target: int) -> int:
    """d_mlp, rounded, with which config has target parameters: SwiGLU has 3·d·d_mlp (eq. 6)."""
    d, L = config.d_model, config.n_layers
    fixed = config.d_vocab * d + (1 + 2 * L) * d + _mixers(config)
    d_mlp = round((target - fixed) / (3 * d * L))
    if d_mlp < 1:
        legal = f"what the MLP can pay for ({target:,} parameters in all, {fixed:,} without MLPs)"
        step = "Choose a smaller d_state or a larger size."
        raise refusal("d_state", config.d_state, legal=legal, step=step)
    return d_mlp


def _mixers(config: SISAConfig) -> int:
    return sum(MIXER[config.architecture](config, layer) for layer in range(config.n_layers))
