"""Small models with state spaces that many tests share."""

from typing import Any

import torch
from small_models import lively

from model import SISAConfig, SISAModel

ARCHITECTURES = ("mamba2", "mamba3", "jamba", "hymba")
# two heads of a pure state space; four layers, so that a Hymba has a local one
SIZES: dict[str, Any] = dict(d_model=64, n_layers=4, n_heads=4, d_mlp=16, d_vocab=11, n_ctx=32, d_state=8)


def small_config(architecture, **changes):
    return SISAConfig(**SIZES | {"architecture": architecture} | changes)


def small_model(architecture, **changes):
    """Weights of unit gain everywhere, also in convolutions."""
    model = lively(SISAModel(small_config(architecture, **changes)))
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("conv.weight"):
                p.copy_(torch.randn(p.shape, generator=generator) / 2)
            if name.endswith(("norm.w", "norm_state.w", "norm_attention.w", "norm_B.w", "norm_C.w", ".D")):
                p.copy_(1 + torch.randn(p.shape, generator=generator) / 4)
    return model


def some_tokens(length=40, rows=2):
    return torch.randint(0, SIZES["d_vocab"], (rows, length), generator=torch.Generator().manual_seed(0))


def some_input(length=40, rows=2, dtype=torch.float32):
    """What a mixer is given: batch position d_model of unit size."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, length, SIZES["d_model"], generator=generator, dtype=dtype)
