"""Sequence mixers, one file each: what stands between a block's first norm and its residual stream.

A mixer is built as Mixer(config, layer), maps batch × position × d_model to the same shape, and has
`initialise(generator)`, `decodes_from_cache`, `scores_watched()`, and for traces `trace_hooks` (names without
"hook_"), `factors(fired)`, which makes trace variables of what those hooks fired, and `trace_config`. It may
name parameters in `no_weight_decay`.
"""

from __future__ import annotations

from typing import Any

from model.config import SISAConfig
from model.mixers.attention.adaptive import AdaptiveSISA
from model.mixers.attention.alibi import ALiBiAttention
from model.mixers.attention.attention import Attention
from model.mixers.attention.fox import FoXAttention
from model.mixers.attention.sigmoid import sigmoid_sisa
from model.mixers.attention.sisa import SISAAttention
from model.mixers.hybrid.hymba import Hymba
from model.mixers.hybrid.jamba import jamba
from model.mixers.state_space.mamba2 import Mamba2
from model.mixers.state_space.mamba3 import Mamba3

MIXERS: dict[str, Any] = {
    "transformer": Attention,
    "sisa": SISAAttention,
    "adaptive_sisa": AdaptiveSISA,
    "sigmoid_sisa": sigmoid_sisa,
    "fox": FoXAttention,
    "alibi": ALiBiAttention,
    "mamba2": Mamba2,
    "mamba3": Mamba3,
    "jamba": jamba,
    "hymba": Hymba,
}


def build_mixer(config: SISAConfig, layer: int) -> Any:
    """The mixer of one layer, with uninitialised weights."""
    return MIXERS[config.architecture](config, layer)
