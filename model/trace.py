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
    hooks = {_hook(n, name) for n, block in enumerate(model.blocks) for name in block.attn.trace_hooks}
    _, cache = model.run_with_cache(
        ids, names_filter=lambda name: name in hooks, return_cache_object=False, return_type=None
    )
    factors = _stacked(
        [
            block.attn.factors({name: cache[_hook(layer, name)] for name in block.attn.trace_hooks})
            for layer, block in enumerate(model.blocks)
        ]
    )
    row = ids[0].tolist()
    return build_trace(
        **factors,
        token_ids=np.asarray(row),
        labels=_labels(model, row) if labels is None else labels,
        config=_config(model, factors),
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


def _hook(layer: int, name: str) -> str:
    return f"blocks.{layer}.attn.hook_{name}"


def _config(model: SISAModel, factors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The model's, what its mixers add, and as d_state the state channels that the trace holds."""
    added = {name: value for block in model.blocks for name, value in block.attn.trace_config.items()}
    d_state = factors["b_rot"].shape[-1] if "b_rot" in factors else 0
    return model.config.to_dict() | added | {"d_state": d_state}


def _stacked(layers: Sequence[Mapping[str, Tensor]]) -> dict[str, np.ndarray]:
    """Every variable that any layer has, first axis layer."""
    names = dict.fromkeys(name for layer in layers for name in layer)
    return {name: _stack([layer.get(name) for layer in layers]) for name in names}


def _stack(parts: Sequence[Tensor | None]) -> np.ndarray:
    """Layers of one variable; zeros where a layer has fewer heads or channels, or nothing of the kind."""
    arrays = [None if t is None else _array(t) for t in parts]
    held = [array for array in arrays if array is not None]
    largest = np.max([array.shape for array in held], axis=0)
    stacked = np.zeros((len(arrays), *largest), held[0].dtype)
    for layer, array in zip(stacked, arrays, strict=True):
        if array is not None:
            layer[tuple(map(slice, array.shape))] = array
    return stacked


def _array(t: Tensor) -> np.ndarray:
    return (t.float() if t.is_floating_point() else t).cpu().numpy()


def _labels(model: SISAModel, ids: list[int]) -> list[str]:
    return list(token_labels(model.tokenizer, ids)) if model.tokenizer else [str(i) for i in ids]
