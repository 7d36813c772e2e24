"""Parameters of whole models, and the d_mlp with which two architectures have equally many (eq. 6)."""

from __future__ import annotations

from data.refusal import refusal, whole
from model.config.architectures import architecture
from model.config.shape import Shape

MOST_LAYERS = 100_000  # each is counted for itself, since layers of a hybrid differ


def mixers(shape: Shape) -> int:
    """Return the parameters of the mixers of all layers, as the architecture's record counts them.

    Args:
        shape: of the model.

    Returns:
        The sum over layers.

    Raises:
        ValueError: there are more than 100,000 layers.

    Example:
        >>> from model.config import SISAConfig
        >>> mixers(SISAConfig.preset("tiny", architecture="transformer")) == 2 * 4 * 64**2
        True
    """
    of_layer = architecture(shape.architecture).parameters
    n_layers = whole("n_layers", shape.n_layers, least=1, most=MOST_LAYERS)
    return sum(of_layer(shape, layer) for layer in range(n_layers))


def total(shape: Shape) -> int:
    """Return the parameters of a whole model, the tied embedding counted once.

    These are d_vocab·d of the embedding, d a norm (two a layer, one without an MLP, and one at the end), the
    mixers, 3·d·d_mlp a layer of SwiGLU, and d for each meta token of a Hymba.

    Args:
        shape: of the model.

    Returns:
        The number of trained numbers.

    Example:
        >>> from model.config import SISAConfig
        >>> f'{total(SISAConfig.preset("152m", d_state=32)):,}'
        '151,878,432'
    """
    norms_of_layer = 2 if shape.d_mlp else 1
    vectors = shape.d_vocab + shape.n_meta + 1 + shape.n_layers * norms_of_layer
    return vectors * shape.d_model + mixers(shape) + 3 * shape.d_model * shape.d_mlp * shape.n_layers


def matched_d_mlp(shape: Shape, *, target: int) -> int:
    """Return the d_mlp with which a model comes closest to a number of parameters.

    SwiGLU has 3·d·d_mlp parameters a layer, so d_mlp = (target − all others) / (3·d·L), rounded (eq. 6). The
    rounding leaves at most 1.5·d·L parameters of difference.

    Args:
        shape: of the model; its own d_mlp does not count.
        target: parameters wanted in all.

    Returns:
        The hidden width of every MLP.

    Raises:
        ValueError: the mixers alone have more parameters than that.

    Example:
        >>> from model.config import SISAConfig
        >>> transformer = SISAConfig.preset("50m", architecture="transformer")
        >>> matched_d_mlp(SISAConfig.preset("50m", architecture="fox"), target=total(transformer))
        2045
    """
    vectors = shape.d_vocab + shape.n_meta + 1 + 2 * shape.n_layers
    fixed = vectors * shape.d_model + mixers(shape)
    d_mlp = round((target - fixed) / (3 * shape.d_model * shape.n_layers))
    if d_mlp < 1:
        legal = f"what the MLP can pay for ({target:,} parameters in all, {fixed:,} without MLPs)"
        step = "Choose a smaller d_state or a larger size."
        raise refusal("d_state", shape.d_state, legal=legal, step=step)
    return d_mlp
