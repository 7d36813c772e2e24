"""Sequence mixers, one file each: what stands between a block's first norm and its residual stream.

Which class an architecture uses stands in its record (`model.config.architectures`) and is imported when the
first model of it is built. `model.mixers.base` says what a mixer must give. Those that attend lie in
attention/, selective state spaces in state_space/, both together in hybrid/, and what several share in
parts/.
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
        TypeError: its record builds something that is no Mixer.

    Example:
        >>> from model import SISAConfig
        >>> [type(build_mixer(SISAConfig.preset("tiny", architecture="jamba"), layer)).__name__
        ...  for layer in range(2)]
        ['Mamba2', 'Attention']
    """
    record = architecture(config.architecture)
    mixer = record.build(config, layer)
    if not isinstance(mixer, Mixer):
        raise TypeError(
            f"the mixer of {record.name} is a {type(mixer).__name__}; legal: a module derived from "
            "model.mixers.base.Mixer. See docs/recipes/add_an_architecture.md"
        )
    return mixer
