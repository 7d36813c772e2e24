"""Small models that many tests share."""

from typing import Any

import torch

SMALL: dict[str, Any] = dict(d_model=16, n_layers=2, n_heads=2, d_mlp=24, d_vocab=11, n_ctx=32)


def lively(model, *, half_life=None):
    """Weights of unit gain, so that every part of the score matters; half_life, in tokens, sets the decay."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 2:
                p.copy_(torch.randn(p.shape, generator=generator) / p.shape[1] ** 0.5)
            if half_life and name.endswith(("to_decay.bias", "to_forget.bias")):
                log_alpha = torch.tensor(0.693147 / half_life).expm1().log()
                p.fill_(log_alpha if name.endswith("to_decay.bias") else -log_alpha)
    return model


def mixers(model) -> list[Any]:
    """A model's mixers, whose own layers no type checker knows."""
    return [block.attn for block in model.blocks]


def moved_by_later_tokens(model, *, length, cut, seed) -> float:
    """The largest change of an earlier logit when later tokens change, and when they are not there."""
    d_vocab, generator = model.config.d_vocab, torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, d_vocab, (1, length), generator=generator)
    kept = min(length - 1, max(1, round(cut * length)))
    changed = tokens.clone()
    changed[:, kept:] = torch.randint(0, d_vocab, (1, length - kept), generator=generator)
    full = model(tokens)[:, :kept]
    others = (model(changed)[:, :kept], model(tokens[:, :kept]))
    return max((full - other).abs().max().item() for other in others)
