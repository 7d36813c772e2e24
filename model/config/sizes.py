"""Parameters of every architecture as formulas, and the d_mlp that makes two of them equal.

Source: arXiv 2606.02332, eq. 6, and for the other mixers the papers named in their files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from data.refusal import refusal
from model.config.hybrids import attends, key_heads, state_heads

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
    return projections(config) + importance(config, d_state=config.layer_state(layer))


def adaptive_sisa(config: SISAConfig, layer: int) -> int:
    """A gate for each pair of state channels beside SISA's."""
    return sisa(config, layer) + config.layer_state(layer) // 2


def fox(config: SISAConfig, layer: int = 0) -> int:
    """4·d² and the forget gate, d·h + h (arXiv 2503.02130)."""
    return projections(config) + config.d_model * config.n_heads + config.n_heads


def mamba2(config: SISAConfig, layer: int = 0) -> int:
    """d(2d_i + 2N + H) + (d_i + 2N)(W + 1) + 3H + d_i + d_i·d, with d_i = 2d and W = 4 (arXiv 2405.21060)."""
    d, d_i, N, H = config.d_model, 2 * config.d_model, config.d_state, state_heads(config)
    return d * (2 * d_i + 2 * N + H) + _euler(config) + d_i + d_i * d


def _euler(config: SISAConfig) -> int:
    """Convolution (W = 4, bias), A, D and the bias of Δ."""
    return 5 * (2 * config.d_model + 2 * config.d_state) + 3 * state_heads(config)


def mamba3(config: SISAConfig, layer: int = 0) -> int:
    """d(2d_i + 2N + 3H + S) + 2H + 2HN + 2N + d_i·d, with d_i = 2d and S = N/4 angles (arXiv 2603.15569)."""
    d, d_i, N, H = config.d_model, 2 * config.d_model, config.d_state, state_heads(config)
    return d * (2 * d_i + 2 * N + 3 * H + N // 4) + 2 * H + 2 * H * N + 2 * N + d_i * d


def jamba(config: SISAConfig, layer: int) -> int:
    """Attention in one layer of a period, Mamba-2 in the others (arXiv 2403.19887)."""
    return projections(config) if attends(config, layer) else mamba2(config)


def hymba(config: SISAConfig, layer: int = 0) -> int:
    """d(d + r·d + 2r·d + 2d_i + 2N + H) + convolution, A, D, Δ's bias + 2d_i + d_i·d (arXiv 2411.13676).

    r = key heads / query heads; values are twice as wide as keys.
    """
    d, d_i, N, H = config.d_model, 2 * config.d_model, config.d_state, state_heads(config)
    keys = key_heads(config) * config.d_head
    return d * (d + 3 * keys + 2 * d_i + 2 * N + H) + _euler(config) + 2 * d_i + d_i * d


# parameters of the mixer of one layer, by architecture
MIXER: dict[str, Callable[[SISAConfig, int], int]] = {
    "transformer": lambda config, layer: projections(config),
    "sisa": sisa,
    "adaptive_sisa": adaptive_sisa,
    "sigmoid_sisa": sisa,
    "fox": fox,
    "alibi": lambda config, layer: projections(config),
    "mamba2": mamba2,
    "mamba3": mamba3,
    "jamba": jamba,
    "hymba": hymba,
}


def total(config: SISAConfig) -> int:
    """Parameters of a whole model, the tied embedding counted once."""
    d, norms = config.d_model, 1 + config.n_layers * (2 if config.d_mlp else 1)
    tokens = config.d_vocab + config.n_meta
    return (tokens + norms) * d + _mixers(config) + 3 * d * config.d_mlp * config.n_layers


def matched_d_mlp(config: SISAConfig, *, target: int) -> int:
    """d_mlp, rounded, with which config has target parameters: SwiGLU has 3·d·d_mlp (eq. 6)."""
    d, L = config.d_model, config.n_layers
    fixed = (config.d_vocab + config.n_meta + 1 + 2 * L) * d + _mixers(config)
    d_mlp = round((target - fixed) / (3 * d * L))
    if d_mlp < 1:
        legal = f"what the MLP can pay for ({target:,} parameters in all, {fixed:,} without MLPs)"
        step = "Choose a smaller d_state or a larger size."
        raise refusal("d_state", config.d_state, legal=legal, step=step)
    return d_mlp


def _mixers(config: SISAConfig) -> int:
    return sum(MIXER[config.architecture](config, layer) for layer in range(config.n_layers))
