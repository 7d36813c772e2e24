"""Weights in the layout that the paper's authors released."""

import torch

from model.weights.paper import LAYER_NAMES, NAMES


def released(model, *, prefix="", dtype=torch.bfloat16):
    """A model's weights under the released names."""
    theirs = {ours: name for name, ours in NAMES.items()}
    for layer in range(model.config.n_layers):
        theirs |= {f"blocks.{layer}.{ours}": f"layers.{layer}.{name}" for name, ours in LAYER_NAMES.items()}
    return {
        prefix + theirs[name]: p.detach().to(torch.float32 if "lam_raw" in name else dtype)
        for name, p in model.named_parameters()
    }
