"""Where the heads and layers of state-space models and hybrids lie, as functions of the shape.

In a hybrid attention and state-space heads are equal in number. Mixers and the formulas for parameters both
ask here, so that they cannot disagree.
"""

from __future__ import annotations

from model.config.architectures import architecture
from model.config.shape import Shape


def state_heads(shape: Shape) -> int:
    """Return the number of state-space heads of a layer; together they have 2·d_model channels.

    A head has the channels that the architecture's record says: 64 in a Mamba (arXiv 2405.21060), twice
    d_head in a hybrid, so that a hybrid has as many state-space heads as attention heads.

    Args:
        shape: of a model with state-space layers.

    Example:
        >>> from model.config import SISAConfig
        >>> [state_heads(SISAConfig.preset("50m", architecture=name)) for name in ("mamba2", "jamba")]
        [16, 8]
    """
    channels = architecture(shape.architecture).state_head or 2 * shape.d_head
    return 2 * shape.d_model // channels


def key_heads(shape: Shape) -> int:
    """Return the number of key and value heads of a Hymba layer, each shared by several query heads.

    It is the largest divisor of the number of query heads that is at most a third of it.

    Args:
        shape: of a Hymba.

    Example:
        >>> from model.config import SISAConfig
        >>> published = SISAConfig(d_model=1600, n_layers=32, n_heads=25, d_mlp=5504, d_vocab=32001,
        ...                        n_ctx=2048, architecture="hymba")
        >>> key_heads(published)
        5
    """
    most = max(1, shape.n_heads // 3)
    return max(count for count in range(1, most + 1) if shape.n_heads % count == 0)


def attends(shape: Shape, layer: int) -> bool:
    """Return whether a layer of a Jamba has attention: layer % attention_period == attention_offset.

    Args:
        shape: of a Jamba.
        layer: number of the layer, from 0.

    Example:
        >>> from model.config import SISAConfig
        >>> jamba = SISAConfig.preset("50m", architecture="jamba")
        >>> [attends(jamba, layer) for layer in range(6)]
        [False, False, True, False, False, False]
    """
    return layer % shape.attention_period == shape.attention_offset


def sees_everything(shape: Shape, layer: int) -> bool:
    """Return whether a layer of a Hymba looks at all positions, as the first, middle and last layer do.

    The other layers see the last `window` positions and the meta tokens.

    Args:
        shape: of a Hymba.
        layer: number of the layer, from 0.

    Example:
        >>> from model.config import SISAConfig
        >>> hymba = SISAConfig.preset("50m", architecture="hymba")
        >>> [layer for layer in range(6) if sees_everything(hymba, layer)]
        [0, 2, 5]
    """
    return layer in (0, (shape.n_layers - 1) // 2, shape.n_layers - 1)
