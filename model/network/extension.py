"""A trained model with another position code: the same weights, RoPE stretched over longer contexts."""

from __future__ import annotations

from dataclasses import replace

import torch

from data.refusal import refusal
from model.config import Rope
from model.network.network import SISAModel


@torch.no_grad()
def with_rope(model: SISAModel, rope: Rope, factor: float = 1.0) -> SISAModel:
    """A copy of model whose q and k are turned as `model.mixers.parts.rope` says.

    Args:
        rope: "pi", "ntk", "dynamic_ntk" or "yarn"; "rope" is the plain code, "none" takes it away.
        factor: the context that the code is stretched for, as a multiple of n_ctx.

    Raises:
        ValueError: model was made without RoPE, or rope and factor do not go together.
    """
    if model.config.rope == "none":
        step = "FoX, ALiBi and state-space models need nothing to be stretched."
        came = f"{model.config.architecture} without RoPE"
        raise refusal("model", came, legal="a model with RoPE", step=step)
    config = replace(model.config, rope=rope, rope_factor=factor)
    copy = SISAModel(config, seed=model.seed, tokenizer=model.tokenizer)
    copy.load_state_dict({name: t.clone() for name, t in model.state_dict().items()}, assign=True)
    return copy
