"""Stretch the RoPE of a trained model over longer contexts, with the same weights."""

from __future__ import annotations

from dataclasses import replace

import torch

from data.refusal import refusal
from model.config import Rope
from model.network.network import SISAModel, uncompiled_name


@torch.no_grad()
def with_rope(model: SISAModel, rope: Rope, factor: float = 1.0) -> SISAModel:
    """Return a copy of a model whose q and k are turned as `model.mixers.parts.rope` says.

    The weights are the same and nothing is trained: this asks how well a model carries over to contexts that
    it has not seen.

    Args:
        model: one with RoPE; it stays as it is.
        rope: "pi", "ntk", "dynamic_ntk" or "yarn"; "rope" is the plain code, "none" takes it away.
        factor: the context that the code is stretched for, as a multiple of n_ctx.

    Raises:
        ValueError: the model was made without RoPE, or rope and factor do not go together.

    Example:
        >>> from model import SISAConfig, with_rope
        >>> model = with_rope(SISAModel(SISAConfig.preset("tiny")), "yarn", factor=4.0)
        >>> model.config.rope, model.config.rope_factor
        ('yarn', 4.0)
    """
    if model.config.rope == "none":
        step = "FoX, ALiBi and state-space models need nothing to be stretched."
        came = f"{model.config.architecture} without RoPE"
        raise refusal("model", came, legal="a model with RoPE", step=step)
    config = replace(model.config, rope=rope, rope_factor=factor)
    copy = SISAModel(config, seed=model.seed, tokenizer=model.tokenizer)
    # clones, so that training or patching the copy leaves the model alone
    tensors = {uncompiled_name(name): t.clone() for name, t in model.state_dict().items()}
    copy.load_state_dict(tensors, assign=True)
    return copy
