"""One attention layer from its projections on, fused or explicit; arXiv 2606.02332, eqs. 2 and 5."""

import math
from typing import Any

import numpy as np
import torch

from model.mixers.attention.anchor import Clamp, anchored_decay, clamp_of
from model.mixers.attention.blocks import Keys, attention_by_blocks
from model.mixers.attention.sdpa import fused_attention
from model.mixers.attention.sisa_score import Importance
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


def clamp_in(inputs, *, anchor, dtype=torch.float32, block=128) -> Clamp:
    """What the clamp does to the decay of these inputs."""
    g = running_sum(inputs["log_decay"])
    return clamp_of(g, anchor=anchor, dtype=dtype, anchor_block=block)


def attend(inputs, *, anchor, explicit, dtype=torch.float32, block=128):
    """The output of one attention layer, from its projections on; dtype is that of the fused score.

    The anchor "none" is the score as it is defined, e^{g_i − g_j} without any clamp, which only the explicit
    twin can do.
    """
    q, k, v, B, C, log_decay, theta, lam_raw = inputs.values()
    lam = torch.nn.functional.softplus(lam_raw)
    angle = rope_phase(q.shape[-2], plain_frequencies(q.shape[-1], device=q.device))
    q, k = rotate(q, angle), rotate(k, angle)
    g, phase = running_sum(log_decay), running_sum(theta.mT).mT
    g_hat = (
        g if anchor == "none" else anchored_decay(*clamp_in(inputs, anchor=anchor, dtype=dtype, block=block))
    )
    term = Importance(rotate(C, phase), rotate(B, phase), g_hat, lam)
    if explicit:
        return softmax_pattern(content_scores(q, k) + term.scores()) @ v
    q, k, v = (t.to(dtype) if dtype == torch.float16 else t for t in (q, k, v))
    if anchor == "exact":
        keys = Keys(k, v, term.b_rot, g_hat)
        return attention_by_blocks(q, keys, term, anchor_block=block, attend=fused_attention)
    return fused_attention(*term.widen(q, k), v)


def with_gradients(inputs, *, anchor, explicit, dtype, score=torch.float32, block=128) -> dict[str, Any]:
    """Output and gradients; leaves are in `dtype`, the fused score in `score`."""
    leaves = {name: t.detach().to(dtype, copy=True).requires_grad_() for name, t in inputs.items()}
    out = attend(leaves, anchor=anchor, explicit=explicit, dtype=score, block=block)
    weight = torch.tensor(np.random.default_rng(0).standard_normal(out.shape)).to(out)
    ((out * weight).sum() / math.sqrt(out.numel())).backward()
    return {"output": out.detach()} | {name: t.grad for name, t in leaves.items()}
