"""Give a trained model another position code or anchor, with the same weights."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import torch

from data.refusal import one_of, refusal
from model.config import Anchor, Rope, SISAConfig
from model.config.architectures import architecture
from model.network.network import SISAModel, uncompiled_name


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
    _check_model(model)
    one_of("rope", rope, get_args(Rope))
    if model.config.rope == "none":
        step = "FoX, ALiBi and state-space models need nothing to be stretched."
        came = f"{model.config.architecture} without RoPE"
        raise refusal("model", came, legal="a model with RoPE", step=step)
    return _with_config(model, replace(model.config, rope=rope, rope_factor=factor))


def with_anchor(model: SISAModel, anchor: Anchor, *, block: int | None = None) -> SISAModel:
    """Return a copy of a model whose decay has another anchor (`model.mixers.attention.anchor`).

    The weights are the same and nothing is trained: "exact" shows what they say without a clamp, "causal" and
    "minimax" what a clamp does to them.

    Args:
        model: one with an importance term; it stays as it is.
        anchor: "exact", "causal" or "minimax".
        block: queries that share an anchor of "exact"; the model's own by default.

    Raises:
        ValueError: the model has no importance term, or there is no such anchor.

    Example:
        >>> from model import SISAConfig, with_anchor
        >>> with_anchor(SISAModel(SISAConfig.preset("tiny")), "causal").config.anchor
        'causal'
    """
    _check_model(model)
    if not architecture(model.config.architecture).has_lam or not model.config.d_state:
        came, step = model.config.architecture, "Nothing of it is anchored."
        raise refusal("model", came, legal="a model with an importance term", step=step)
    chosen = model.config.anchor_block if block is None else block
    return _with_config(model, replace(model.config, anchor=anchor, anchor_block=chosen))


def _check_model(model: object) -> None:
    """Refuse what is no model; one through torch.compile is."""
    if not isinstance(getattr(model, "_orig_mod", model), SISAModel):
        raise refusal("model", model, legal="a SISAModel", step='Begin with load("niah").')


@torch.no_grad()
def _with_config(model: SISAModel, config: SISAConfig) -> SISAModel:
    """Return a model of another config with the same weights."""
    copy = SISAModel(config, seed=model.seed, tokenizer=model.tokenizer)
    # clones, so that training or patching the copy leaves the model alone
    tensors = {uncompiled_name(name): t.clone() for name, t in model.state_dict().items()}
    copy.load_state_dict(tensors, assign=True)
    return copy
