"""Weights in the layout that the paper's authors released."""

import torch

from model.weights.paper import released_name


def released(model, *, prefix="", dtype=torch.bfloat16):
    """A model's weights under the released names."""
    return {
        prefix + released_name(name): p.detach().to(torch.float32 if "lam_raw" in name else dtype)
        for name, p in model.named_parameters()
    }
