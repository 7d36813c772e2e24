"""Capture: one forward pass, its factors kept as a labelled trace of O(position) size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from data import token_labels
from data.refusal import refusal
from model.network import SISAModel
from model.versions import versions
from sisa_viz.trace import build_trace


@torch.no_grad()
def capture(
    model: SISAModel,
    tokens: str | Sequence[int] | np.ndarray | Tensor,
    labels: Sequence[str] | None = None,
    *,
    spans: Mapping[str, Sequence[int]] | None = None,
    dtype: str = "float32",
) -> xr.Dataset:
    """Run model once over one sequence and keep the factors of every score.

    Args:
        tokens: text (the model needs a tokenizer), or token ids [position] or [1, position].
        labels: a string a position; by default from the tokenizer, or the ids where there is none.
        spans: half-open token spans worth marking, for example {"needle": [3, 9], "answer": [60, 64]}.
        dtype: "float16" halves q, k, b_rot and c_rot.

    Returns:
        the Dataset of `sisa_viz.build_trace`: scores come from `trace.sisa`.
    """
    ids = _ids(model, tokens)
    variables = model.blocks[0].attn.trace_hooks
    hooks = {
        f"blocks.{layer}.attn.hook_{hook}"
        for layer in range(model.config.n_layers)
        for hook in variables.values()
    }
    _, cache = model.run_with_cache(
        ids, names_filter=lambda name: name in hooks, return_cache_object=False, return_type=None
    )
    factors = {name: _stack(model, cache, hook) for name, hook in variables.items()}
    factors |= {name: factors[name].swapaxes(1, 2) for name in ("q", "k")}  # to (head, position, channel)
    row = ids[0].tolist()
    return build_trace(
        **factors,
        token_ids=np.asarray(row),
        labels=_labels(model, row) if labels is None else labels,
        config=model.config.to_dict(),
        seed=model.seed,
        versions=versions(),
        text=model.tokenizer.decode(row, skip_special_tokens=False) if model.tokenizer else None,
        spans=spans,
        dtype=dtype,
    )


def _ids(model: SISAModel, tokens: Any) -> Tensor:
    ids = model.to_tokens(tokens) if isinstance(tokens, str) else torch.as_tensor(tokens, device=model.device)
    ids = ids[None] if ids.ndim == 1 else ids
    if ids.ndim != 2 or len(ids) != 1:
        came = f"shape {tuple(ids.shape)}"
        raise refusal(
            "tokens", came, legal="one sequence: [position] or [1, position]", step="Capture rows one by one."
        )
    return ids


def _stack(model: SISAModel, cache: dict[str, Tensor], hook: str) -> np.ndarray:
    """Layers of one hook, first axis layer, batch dropped; λ has no batch."""
    layers = [cache[f"blocks.{layer}.attn.hook_{hook}"] for layer in range(model.config.n_layers)]
    stacked = torch.stack(layers if hook == "lam" else [t[0] for t in layers])
    return (stacked.float() if stacked.is_floating_point() else stacked).cpu().numpy()


def _labels(model: SISAModel, ids: list[int]) -> list[str]:
    return list(token_labels(model.tokenizer, ids)) if model.tokenizer else [str(i) for i in ids]
