"""Number of parameters of one layer's mixer, a formula for each kind.

Source: arXiv 2606.02332, eq. 6, and for the other mixers the papers named in their records. Symbols: d is
d_model, h the attention heads, d_s the state size of SISA; in a state space d_i = 2d is the inner width, N
the state size, H the number of heads and W = 4 the width of the convolution.
"""

from __future__ import annotations

from model.config.placement import attends, key_heads, state_heads
from model.config.shape import Shape


def attention(shape: Shape, layer: int = 0) -> int:
    """Return 4·d², the parameters of W_Q, W_K, W_V and W_O.

    Args:
        shape: of a model with plain attention, ALiBi's too, whose slopes are fixed.
        layer: number of the layer; all are alike.

    Example:
        >>> from model.config import SISAConfig
        >>> attention(SISAConfig.preset("tiny"))
        16384
    """
    return 4 * shape.d_model**2


def _importance(shape: Shape, d_state: int) -> int:
    """W_B, W_C, then w_α with b_α, then W_θ, then λ_raw: 2·d·h·d_s + (d·h + h) + d·h·d_s/2 + h (eq. 6)."""
    d, h = shape.d_model, shape.n_heads
    return 2 * d * h * d_state + (d * h + h) + d * h * d_state // 2 + h if d_state else 0


def sisa(shape: Shape, layer: int = 0) -> int:
    """Return attention's 4·d² and what the importance term adds (eq. 6).

    W_B and W_C have 2·d·h·d_s, the decay d·h + h, the angles W_θ d·h·d_s/2, and λ one a head.

    Args:
        shape: of a SISA; d_state 0 leaves attention alone.
        layer: number of the layer, for layers may differ in d_state.

    Example:
        >>> from model.config import SISAConfig
        >>> tiny = SISAConfig.preset("tiny")
        >>> sisa(tiny) - attention(tiny) == 2*64*4*16 + (64*4 + 4) + 64*4*16//2 + 4
        True
    """
    return attention(shape) + _importance(shape, shape.layer_state(layer))


def widened(shape: Shape, layer: int = 0) -> int:
    """Return attention's 4·d², the 2·d·h·d_s of W_B and W_C, and λ one a head.

    Args:
        shape: of a transformer with widened heads.
        layer: number of the layer, for layers may differ in d_state.

    Example:
        >>> from model.config import SISAConfig
        >>> tiny = SISAConfig.preset("tiny", architecture="widened")
        >>> widened(tiny) - attention(tiny) == 2*64*4*16 + 4
        True
    """
    width = 2 * shape.d_model * shape.layer_state(layer)
    return attention(shape, layer) + shape.n_heads * (width + 1)


def adaptive_sisa(shape: Shape, layer: int = 0) -> int:
    """Return SISA's parameters and a gate for each of its d_s/2 pairs of state channels.

    Args:
        shape: of an adaptive SISA.
        layer: number of the layer, for layers may differ in d_state.

    Example:
        >>> from model.config import SISAConfig
        >>> tiny = SISAConfig.preset("tiny", architecture="adaptive_sisa")
        >>> adaptive_sisa(tiny) - sisa(tiny)
        8
    """
    return sisa(shape, layer) + shape.layer_state(layer) // 2


def fox(shape: Shape, layer: int = 0) -> int:
    """Return attention's 4·d² and the forget gate's d·h + h (arXiv 2503.02130).

    Args:
        shape: of a FoX.
        layer: number of the layer; all are alike.

    Example:
        >>> from model.config import SISAConfig
        >>> tiny = SISAConfig.preset("tiny", architecture="fox")
        >>> fox(tiny) - attention(tiny)
        260
    """
    return attention(shape) + shape.d_model * shape.n_heads + shape.n_heads


def _convolution_and_decay(shape: Shape) -> int:
    """Convolution with bias (W + 1 = 5 a channel of x, B and C), then A, D and the bias of Δ, one a head."""
    return 5 * (2 * shape.d_model + 2 * shape.d_state) + 3 * state_heads(shape)


def mamba2(shape: Shape, layer: int = 0) -> int:
    """Return d(2d_i + 2N + H) + (d_i + 2N)(W + 1) + 3H + d_i + d_i·d (arXiv 2405.21060).

    In order: the input projection, the convolution, A with D and Δ's bias, the norm, the output projection.

    Args:
        shape: of a model with Mamba-2 layers.
        layer: number of the layer; all are alike.

    Example:
        >>> from model.config import SISAConfig
        >>> mamba2(SISAConfig.preset("tiny", architecture="mamba2"))
        34310
    """
    d, d_i, N, H = shape.d_model, 2 * shape.d_model, shape.d_state, state_heads(shape)
    return d * (2 * d_i + 2 * N + H) + _convolution_and_decay(shape) + d_i + d_i * d


def mamba3(shape: Shape, layer: int = 0) -> int:
    """Return d(2d_i + 2N + 3H + S) + 2H + 2HN + 2N + d_i·d with S = N/4 angles (arXiv 2603.15569).

    There is no convolution; B and C have norms and a bias in every head instead.

    Args:
        shape: of a Mamba-3.
        layer: number of the layer; all are alike.

    Example:
        >>> from model.config import SISAConfig
        >>> mamba3(SISAConfig.preset("tiny", architecture="mamba3"))
        34564
    """
    d, d_i, N, H = shape.d_model, 2 * shape.d_model, shape.d_state, state_heads(shape)
    return d * (2 * d_i + 2 * N + 3 * H + N // 4) + 2 * H + 2 * H * N + 2 * N + d_i * d


def jamba(shape: Shape, layer: int) -> int:
    """Return attention's parameters in one layer of a period, Mamba-2's in the others (arXiv 2403.19887).

    Args:
        shape: of a Jamba.
        layer: number of the layer.

    Example:
        >>> from model.config import SISAConfig
        >>> tiny = SISAConfig.preset("tiny", architecture="jamba")
        >>> [jamba(tiny, layer) == attention(tiny) for layer in range(2)]
        [False, True]
    """
    return attention(shape) if attends(shape, layer) else mamba2(shape)


def hymba(shape: Shape, layer: int = 0) -> int:
    """Return d(d + 3r·d + 2d_i + 2N + H) + convolution, A, D, Δ's bias + 2d_i + d_i·d (arXiv 2411.13676).

    r is the number of key heads over that of query heads. Keys have r·d channels; values are twice as wide as
    keys, so both have 3r·d. Each of the two branches has a norm of d_i.

    Args:
        shape: of a Hymba.
        layer: number of the layer; all are alike.

    Example:
        >>> from model.config import SISAConfig
        >>> hymba(SISAConfig.preset("tiny", architecture="hymba"))
        35116
    """
    d, d_i, N, H = shape.d_model, 2 * shape.d_model, shape.d_state, state_heads(shape)
    keys = key_heads(shape) * shape.d_head
    return d * (d + 3 * keys + 2 * d_i + 2 * N + H) + _convolution_and_decay(shape) + 2 * d_i + d_i * d
