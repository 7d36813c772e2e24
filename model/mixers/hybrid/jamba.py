"""Jamba: attention in one block of several, a state space in the others (arXiv 2403.19887).

Layer i has attention where i % attention_period == attention_offset. It has no position code: the blocks
before it know the order. Published Jamba has Mamba-1 elsewhere; here it is Mamba-2, as in later hybrids of
this kind, because its decay allows matrix products, with as many heads as attention has. No experts.
"""

from __future__ import annotations

from model.config import SISAConfig
from model.config.placement import attends
from model.mixers.attention.attention import Attention
from model.mixers.state_space.mamba2 import Mamba2


def jamba(config: SISAConfig, layer: int = 0) -> Attention | Mamba2:
    """Return the mixer of one layer: attention in one of several, Mamba-2 in the others.

    Args:
        config: shape of a Jamba; attention_period and attention_offset say where attention stands.
        layer: number of the layer, from 0.

    Example:
        >>> config = SISAConfig.preset("tiny", architecture="jamba")
        >>> [type(jamba(config, layer)).__name__ for layer in range(2)]
        ['Mamba2', 'Attention']
    """
    return Attention(config, layer) if attends(config, layer) else Mamba2(config, layer)
