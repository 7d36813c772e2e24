"""Sequence mixers, one file each: what stands between a block's first norm and its residual stream.

Which class an architecture uses stands in its record (`model.config.architectures`) and is imported when the
first model of it is built. A mixer is built as Mixer(config, layer), maps batch × position × d_model to the
same shape, and has `initialise(generator)`, `decodes_from_cache`, `scores_watched()`, and for traces
`trace_hooks` (names without "hook_"), `factors(fired)`, which makes trace variables of what those hooks
fired, and `trace_config`. It may name parameters in `no_weight_decay`.
"""

from __future__ import annotations

from model.config.architectures import architecture
from model.config.shape import Shape
from model.mixers.base import Mixer


def build_mixer(config: Shape, layer: int) -> Mixer:
    """Return the mixer of one layer with uninitialised weights, as the architecture's record says.

    Args:
        config: shape of the model; its architecture decides which mixer is built.
        layer: number of the layer, from 0; hybrids build different mixers in different layers.

    Returns:
        The mixer, a module that a block holds as `attn`.

    Raises:
        ValueError: the architecture is not registered; names those that are.

    Example:
        >>> from model import SISAConfig
        >>> [type(build_mixer(SISAConfig.preset("tiny", architecture="jamba"), layer)).__name__
        ...  for layer in range(2)]
        ['Mamba2', 'Attention']
    """
    return architecture(config.architecture).build(config, layer)
