"""Products with the vocabulary: logits, and the training loss without the logits of all positions at once.

    logits_t = W x_t ,   loss = Σ_t share_t · (log Σ_v e^{logits_tv} − logits_{t, target_t})

| symbol | variable | shape           |
| ------ | -------- | --------------- |
| x      | x        | token d_model   |
| W      | weight   | d_vocab d_model |

A vocabulary of 50,277 tokens leaves rows that do not start where a GPU can load them in one piece, and its
libraries fall back to kernels that take four times as long. So the product is made with rows of zeros up to a
multiple of 128, and what they give is left out afterwards.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from data.niah.episodes import IGNORED
from model.mixers.parts.hooks import at_least_float32

ALIGNMENT = 128  # rows of a product on a GPU
TOKENS_AT_ONCE = 4096  # whose logits are in memory together: 0.4 GB of bfloat16 for 50,277 tokens


def aligned_rows(weight: Float[Tensor, "row column"]) -> Float[Tensor, "aligned column"]:
    """Return a matrix with rows of zeros below it, up to a multiple of 128.

    Args:
        weight: of a linear map, one row an output.

    Example:
        >>> aligned_rows(torch.ones(130, 2)).shape, aligned_rows(torch.ones(256, 2)).shape
        (torch.Size([256, 2]), torch.Size([256, 2]))
    """
    missing = -len(weight) % ALIGNMENT
    return F.pad(weight, (0, 0, 0, missing)) if missing else weight


def logits_of(
    x: Float[Tensor, "*dims d_model"], weight: Float[Tensor, "d_vocab d_model"]
) -> Float[Tensor, "*dims d_vocab"]:
    """Return W x, on a GPU by way of aligned rows.

    Args:
        x: the residual stream after the last norm.
        weight: W, one row a token of the vocabulary.

    Example:
        >>> logits_of(torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])).tolist()
        [[2.0, 1.0, 3.0]]
    """
    return F.linear(x, aligned_rows(weight))[..., : len(weight)] if x.is_cuda else F.linear(x, weight)


def next_token_loss(
    logits: Float[Tensor, "batch position d_vocab"], labels: Int[Tensor, "batch position"]
) -> Float[Tensor, ""]:
    """Return the mean −log p(labels[t] | tokens before t) over the scored positions, in nats.

    Args:
        logits: position t holds those of token t + 1.
        labels: tokens to be predicted, −100 where none is scored; the shift by one is made here.

    Example:
        >>> logits = torch.zeros(1, 3, 8)  # uniform over 8 tokens: every token costs log 8 = 2.079 nats
        >>> round(next_token_loss(logits, torch.tensor([[0, 4, -100]])).item(), 3)
        2.079
    """
    # sums of exp in bfloat16 would keep 3 digits; float32 keeps 7
    return F.cross_entropy(
        at_least_float32(logits[:, :-1].flatten(0, 1)), labels[:, 1:].flatten().long(), ignore_index=IGNORED
    )


def vocabulary_loss(
    x: Float[Tensor, "token d_model"],
    weight: Float[Tensor, "d_vocab d_model"],
    targets: Int[Tensor, " token"],
    share: Float[Tensor, " token"],
) -> Float[Tensor, ""]:
    """Return Σ_t share_t · (−log p(target_t)), nats, with gradients of x and of W.

    Its twin is the cross-entropy of `logits_of`. At 16,384 tokens and 50,277 words their logits are 3.3 GB in
    float32; here there are those of 4,096 tokens at a time, and their gradients are made beside them, so that
    none is kept or made twice. Gradients are there once: they have none themselves.

    Args:
        x: what the logits are of. Under autocast products are in its dtype, sums in at least float32.
        weight: W.
        targets: tokens to be predicted; where share is 0, any one of the vocabulary.
        share: what each token counts.

    Example:
        >>> x, weight = torch.zeros(3, 2), torch.ones(8, 2)  # uniform over 8 tokens: log 8 = 2.079 nats each
        >>> share = torch.tensor([0.5, 0.5, 0.0])
        >>> round(vocabulary_loss(x, weight, torch.tensor([1, 7, 0]), share).item(), 3)
        2.079
    """
    return _VocabularyLoss.apply(x, weight, targets, share)


class _VocabularyLoss(torch.autograd.Function):
    """The loss and both gradients, some tokens after the others."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, targets: Tensor, share: Tensor) -> Tensor:
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
        with torch.autocast(device, enabled=False):
            narrow, rows = x.to(dtype), weight.to(dtype)
            rows = aligned_rows(rows) if x.is_cuda else rows
            d_rows = torch.zeros_like(rows, dtype=at_least_float32(rows[:0]).dtype)
            losses, d_x = [], []
            parts = zip(*(t.split(TOKENS_AT_ONCE) for t in (narrow, targets, share)), strict=True)
            for some, target, counts in parts:
                loss, d_logits = _scored(some @ rows.mT, target, counts, d_vocab=len(weight))
                losses.append(loss)
                d_x.append(d_logits @ rows)
                d_rows += d_logits.mT @ some
            ctx.save_for_backward(torch.cat(d_x), d_rows[: len(weight)])
            ctx.dtypes = x.dtype, weight.dtype
            return torch.stack(losses).sum()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, d_loss: Tensor
    ) -> tuple[Tensor | None, ...]:
        d_x, d_weight = ctx.saved_tensors
        x_dtype, weight_dtype = ctx.dtypes
        return (d_loss * d_x).to(x_dtype), (d_loss * d_weight).to(weight_dtype), None, None


def _scored(logits: Tensor, targets: Tensor, share: Tensor, *, d_vocab: int) -> tuple[Tensor, Tensor]:
    """Return the loss of some tokens and its gradient by their logits, in the dtype of these."""
    wide = at_least_float32(logits)
    if logits.shape[-1] > d_vocab:  # rows of alignment are no tokens
        wide = wide.masked_fill(torch.arange(logits.shape[-1], device=logits.device) >= d_vocab, -torch.inf)
    log_p = wide.log_softmax(-1)
    loss = -(share * log_p.gather(-1, targets[:, None])[:, 0]).sum()
    hit = torch.arange(logits.shape[-1], device=logits.device) == targets[:, None]
    return loss, (share[:, None] * (log_p.exp() - hit.to(log_p.dtype))).to(logits.dtype)
