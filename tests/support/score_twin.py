"""One attention layer from its projections on, fused or explicit; arXiv 2606.02332, eqs. 2 and 5."""

import math
from typing import Any

import numpy as np
import torch

from model.mixers.attention.sdpa import fused_attention
from model.mixers.attention.sisa_score import anchored_decay, augmented, clamped_positions, importance_scores
from model.mixers.attention.softmax import content_scores, softmax_pattern
from model.mixers.parts.rope import plain_frequencies, rope_phase
from model.mixers.parts.rotation import rotate
from model.mixers.parts.running_sum import running_sum

NAMES = ("q", "k", "v", "B", "C", "log_decay", "theta", "lam_raw")


def draw(seed, *, batch=1, head=2, length=64, d_head=16, d_state=8, total_decay=10.0):
    """Inputs whose q·k/sqrt(d_h) and C·B have unit variance; their decay adds up to about total_decay."""
    rng = np.random.default_rng(seed)
    shapes = [(batch, head, length, d) for d in (d_head, d_head, d_head, d_state, d_state)]
    gains = (1, 1, 1, d_state**-0.25, d_state**-0.25)
    values = [gain * rng.standard_normal(shape) for gain, shape in zip(gains, shapes, strict=True)]
    values += [-rng.uniform(0, 2 * total_decay / length, (batch, head, length))]
    values += [0.1 * rng.standard_normal((batch, head, length, d_state // 2)), rng.uniform(-2, 1, head)]
    return {name: torch.tensor(value, dtype=torch.float32) for name, value in zip(NAMES, values, strict=True)}


def attend(inputs, *, anchor, explicit):
    """The output of one attention layer, from its projections on."""
    q, k, v, B, C, log_decay, theta, lam_raw = inputs.values()
    lam = torch.nn.functional.softplus(lam_raw)
    angle = rope_phase(q.shape[-2], plain_frequencies(q.shape[-1], device=q.device))
    q, k = rotate(q, angle), rotate(k, angle)
    g, phase = running_sum(log_decay), running_sum(theta.mT).mT
    centred, clamped, bound = clamped_positions(g, anchor=anchor, dtype=torch.float32)
    g_hat = anchored_decay(centred, clamped, bound=bound)
    b_rot, c_rot = rotate(B, phase), rotate(C, phase)
    if explicit:
        return softmax_pattern(content_scores(q, k) + importance_scores(c_rot, b_rot, g_hat, lam)) @ v
    return fused_attention(augmented(q, c_rot, g_hat, lam), augmented(k, b_rot, -g_hat, lam), v)


def with_gradients(inputs, *, anchor, explicit, dtype) -> dict[str, Any]:
    leaves = {name: t.detach().to(dtype, copy=True).requires_grad_() for name, t in inputs.items()}
    out = attend(leaves, anchor=anchor, explicit=explicit)
    weight = torch.tensor(np.random.default_rng(0).standard_normal(out.shape)).to(out)
    ((out * weight).sum() / math.sqrt(out.numel())).backward()
    return {"output": out.detach()} | {name: t.grad for name, t in leaves.items()}
