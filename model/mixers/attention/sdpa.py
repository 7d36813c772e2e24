"""One call of PyTorch's scaled_dot_product_attention (SDPA), with the kernels chosen and sizes padded for it.

No kernel chosen here builds a query × key tensor, so memory grows with the length and not with its square.

| symbol | variable | shape                     |
| ------ | -------- | ------------------------- |
| Q̂      | q_hat    | batch head query width    |
| K̂      | k_hat    | batch head key width      |
| V      | v        | batch head key d_head     |
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.mixers.parts.masks import lower_right_mask


def fused_attention(
    q_hat: Float[Tensor, "batch head query width"],
    k_hat: Float[Tensor, "batch head key width"],
    v: Float[Tensor, "batch head key d_head"],
) -> Float[Tensor, "batch head query d_head"]:
    """Return the values' mean by the softmax of all scores, causal, from one SDPA call.

        Y = softmax(Q̂ K̂ᵀ / sqrt(d_h)) V                              (arXiv 2606.02332, eq. 5)

    Q̂ and K̂ may be wider than V, because they carry a second term of the score beside q and k.

    Args:
        q_hat: the queries; they are the last of the keys' positions.
        k_hat: the keys, those of a cache among them.
        v: values; d_h is their width.

    Returns:
        Y in the dtype of v.

    Example:
        >>> import torch
        >>> q = k = torch.zeros(1, 1, 3, 4)  # equal scores, hence running means
        >>> fused_attention(q, k, torch.tensor([[[[3.0, 0.0], [5.0, 0.0], [1.0, 0.0]]]]))[0, 0, :, 0].tolist()
        [3.0, 4.0, 3.0]
    """
    d_head, query, key = v.shape[-1], q_hat.shape[-2], k_hat.shape[-2]
    mask = lower_right_mask(query, key, v.device) if 1 < query < key else None
    causal = query == key
    # The default scale is 1/sqrt(width of Q̂). At d_h = 64 and d_s = 16 it would be 1/8.94 instead of 1/8 and
    # every score a tenth too small.
    scale = 1 / math.sqrt(d_head)
    if q_hat.is_cuda:
        # Kernels of 16 bits want a width that is a multiple of 8: the 68 channels of FoX with d_h = 64 become
        # 72. Zeros add nothing to a product. cuDNN is the fastest kernel that takes a V narrower than Q̂.
        missing = -q_hat.shape[-1] % 8
        q_hat, k_hat = F.pad(q_hat, (0, missing)), F.pad(k_hat, (0, missing))
        kernels = [SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
        if (
            mask is not None
        ):  # there cuDNN is fast and wrong: off by 5 where values are of size 1 (torch 2.11)
            kernels = kernels[1:]
        with sdpa_kernel(kernels, set_priority=True):
            return F.scaled_dot_product_attention(
                q_hat, k_hat, v, attn_mask=mask, is_causal=causal, scale=scale
            )
    # On a CPU unequal widths would fall back to the kernel that builds query × key: 64 MiB a head in float32
    # at 4,096 positions. V gets columns of zeros (64 → 80 with d_s = 16), which are cut off again.
    padded = F.pad(v, (0, q_hat.shape[-1] - d_head))
    y = F.scaled_dot_product_attention(q_hat, k_hat, padded, attn_mask=mask, is_causal=causal, scale=scale)
    return y[..., :d_head]


def wide_value_attention(
    q: Float[Tensor, "batch head position d_head"],
    k: Float[Tensor, "batch head position d_head"],
    v: Float[Tensor, "batch head position channel"],
    *,
    mask: Bool[Tensor, "position key"] | None,
) -> Float[Tensor, "batch head position channel"]:
    """Return the values' mean by the softmax of q·k / sqrt(d_h), where values are wider than keys.

    So it is in Hymba, whose values have twice the channels of its keys.

    Args:
        q: queries of all positions.
        k: keys, one a query head.
        v: values, at least as wide as q and k.
        mask: True where a query may look; None for the plain causal mask, which kernels know by themselves.

    Returns:
        The mean, as wide as v.

    Example:
        >>> import torch
        >>> q = k = torch.zeros(1, 1, 2, 2)
        >>> v = torch.tensor([[[[1.0, 0, 0, 0], [3.0, 0, 0, 0]]]])
        >>> wide_value_attention(q, k, v, mask=None)[0, 0, :, 0].tolist()
        [1.0, 2.0]
    """
    d_head = q.shape[-1]
    # Every kernel takes equal widths, few take others. q and k get columns of zeros, which add 0 to q·k.
    missing = v.shape[-1] - d_head
    q, k = F.pad(q, (0, missing)), F.pad(k, (0, missing))
    kernels = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    with sdpa_kernel(kernels, set_priority=True):
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, scale=1 / math.sqrt(d_head)
        )
