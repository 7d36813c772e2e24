"""The residual block: x += W_O Y(RMSNorm x); x += SwiGLU(RMSNorm x) (arXiv 2606.02332)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.config import SISAConfig
from model.mixers import build_mixer
from model.mixers.base import Mixer
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.hooks import watched
from model.mixers.parts.norm import RMSNorm

Residual = Float[Tensor, "batch position d_model"]


class SwiGLU(nn.Module):
    """Transform every position for itself: W_down (SiLU(W_gate x) ⊙ W_up x).

    hook_post fires what W_down maps, batch position d_mlp.
    """

    def __init__(self, config: SISAConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.d_model, config.d_mlp, bias=False)
        self.up = nn.Linear(config.d_model, config.d_mlp, bias=False)
        self.down = nn.Linear(config.d_mlp, config.d_model, bias=False)
        self.hook_post = HookPoint()

    def forward(self, x: Residual) -> Residual:
        """Return what is added to the residual stream."""
        return self.down(self.hook_post(F.silu(self.gate(x)) * self.up(x)))


class Block(nn.Module):
    """Add a mixer's output to the residual stream, then that of a SwiGLU unless d_mlp = 0.

    Each reads the stream through an RMSNorm of its own. The mixer is named `attn` whatever it is, because
    TransformerLens' tools look for that name.

    Args:
        config: shape of the model; it says which mixer is built.
        layer: number of the block, from 0.
    """

    hook_out_is_single_residual_stream = True  # read by TransformerLens' logit lens

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__()
        self.ln1 = RMSNorm(config.d_model)
        self.attn: Mixer = build_mixer(config, layer)
        self.hook_resid_pre, self.hook_resid_mid, self.hook_resid_post = HookPoint(), HookPoint(), HookPoint()
        self.hook_attn_out, self.hook_mlp_out = HookPoint(), HookPoint()
        if config.d_mlp:
            self.ln2, self.mlp = RMSNorm(config.d_model), SwiGLU(config)

    def initialise(self, generator: torch.Generator) -> None:
        """Fill the weights: norms one, SwiGLU normal(0, 0.02), the rest as the mixer says."""
        for module in self.modules():
            if isinstance(module, RMSNorm):
                module.w.fill_(1.0)
        self.attn.initialise(generator)
        if hasattr(self, "mlp"):
            for linear in (self.mlp.gate, self.mlp.up, self.mlp.down):
                linear.weight.normal_(std=0.02, generator=generator)

    def forward(self, x: Residual, cache: LayerCache | None = None) -> Residual:
        """Return the residual stream after this block; with a cache, x holds the positions after its own."""
        return self.after_mlp(self.after_mixer(x, cache))

    def after_mixer(self, x: Residual, cache: LayerCache | None = None) -> Residual:
        """Return the residual stream between mixer and SwiGLU, where positions have met."""
        x = self.hook_resid_pre(x)
        return self.hook_resid_mid(x + self.hook_attn_out(self.attn(self.ln1(x), cache)))

    def after_mixer_at_last(self, x: Residual, n: int) -> Float[Tensor, "batch last d_model"]:
        """Return after_mixer(x)[:, -n:], at the cost of those positions where that is possible.

        Args:
            x: the residual stream before this block, all positions.
            n: number of positions at its end.
        """
        if watched(self.hook_attn_out) or watched(
            self.hook_resid_mid
        ):  # what is put there has every position
            return self.after_mixer(x)[:, -n:]
        x = self.hook_resid_pre(x)
        return x[:, -n:] + self.attn.last_outputs(self.ln1(x), n)

    def after_mlp(self, x: Residual) -> Residual:
        """Return the residual stream after the SwiGLU, which takes every position by itself."""
        if hasattr(self, "mlp"):
            x = x + self.hook_mlp_out(self.mlp(self.ln2(x)))
        return self.hook_resid_post(x)
