"""Capture: one forward pass, its factors kept as a labelled trace of O(position) size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from transformer_lens import ActivationCache
from transformer_lens.model_protocol import TransformerLensModel

from data.refusal import refusal
from model.config import SISAConfig
from model.mixers.base import PartName, TraceConfig, TracedPart
from model.network.foreign import capture_foreign
from model.network.sequence import Capturable, Sequenced, one_sequence, position_labels
from model.network.versions import versions
from sisa_viz.trace import build_trace
from sisa_viz.trace.weights import ScoreForm

STATE_SPACE: PartName = "ssm"
TRACED_PARTS: tuple[PartName, ...] = ("attention", STATE_SPACE)


@torch.no_grad()
def capture(
    model: Capturable | TransformerLensModel | ActivationCache,
    tokens: Sequenced,
    labels: Sequence[str] | None = None,
    *,
    spans: Mapping[str, Sequence[int]] | None = None,
    dtype: str = "float32",
    part: str | None = None,
) -> xr.Dataset:
    """Run a model once over one sequence and return the factors of every score as a trace.

    A trace holds q, k, B̄, C̄, λ and the decay of each position rather than the query × key matrices that they
    give, so it grows with the length of the text and not with its square. `SISAModel.capture` is the same.

    Args:
        model: a SISAModel of any architecture; or a TransformerLens model whose attention is a causal softmax
            of q·k, or the ActivationCache of one run of it. These give traces of content alone.
        tokens: text (the model needs a tokenizer), or token ids [position] or [1, position].
        labels: a string a position; by default from the tokenizer, or the ids where there is none.
        spans: half-open token spans worth marking, for example {"needle": [3, 9], "answer": [60, 64]}.
        dtype: "float16" halves q, k, b_rot and c_rot.
        part: "attention" or "ssm", the state space, of a model that has both; by default attention where
            there is any.

    Returns:
        the Dataset of `sisa_viz.build_trace`: scores come from `trace.sisa`. Layers without that part, or
        whose window hides some of the text, are left out, and `layer` names those that are there. Meta tokens
        come first, as positions of their own. A state space's equivalent attention is all importance, to be
        read without softmax (`trace.sisa.score.kind` is "linear").

    Raises:
        ValueError: the tokens are not one sequence, the model has no such part, or the scores of a
            TransformerLens model are more than q·k.

    Example:
        >>> from model import SISAConfig, SISAModel, capture
        >>> trace = capture(SISAModel(SISAConfig.preset("tiny")), [5, 3, 5, 7])
        >>> trace.sisa.pattern(layer=0, head=1).shape
        (4, 4)
    """
    if isinstance(model, ActivationCache) or not isinstance(getattr(model, "config", None), SISAConfig):
        foreign = cast("TransformerLensModel | ActivationCache", model)
        return capture_foreign(foreign, tokens, labels, spans=spans, dtype=dtype, part=part)
    model = cast("Capturable", model)  # as its config says
    ids = one_sequence(model, tokens)
    row, n_meta = ids[0].tolist(), model.config.n_meta
    labels = position_labels(model, row, labels)
    part, shown = _shown(model, part, len(labels))
    hooks = {_hook(layer, name) for layer, mixer in shown.items() for name in mixer.trace_hooks}
    _, cache = model.run_with_cache(
        ids, names_filter=lambda name: name in hooks, return_cache_object=False, return_type=None
    )
    factors = _stacked(
        [
            mixer.factors({name: cache[_hook(layer, name)] for name in mixer.trace_hooks})
            for layer, mixer in shown.items()
        ]
    )
    trace = build_trace(
        **factors,
        token_ids=np.asarray([-1] * n_meta + row),
        labels=labels,
        config=model.config.to_dict(),
        score=_score(shown, factors, state_space=part == STATE_SPACE),
        seed=model.seed,
        versions=versions(),
        text=model.tokenizer.decode(row, skip_special_tokens=False) if model.tokenizer else None,
        spans=_shifted(spans or {}, by=n_meta),
        dtype=dtype,
    )
    return trace.assign_coords(layer=("layer", list(shown), trace["layer"].attrs))


def _shown(model: Capturable, part: str | None, length: int) -> tuple[PartName, dict[int, TracedPart]]:
    """Return the part that is meant, and what is traced of each layer that has it."""
    parts = {layer: block.attn.parts(length) for layer, block in enumerate(model.blocks)}
    found: list[PartName] = [
        name for name in TRACED_PARTS if any(name in of_layer for of_layer in parts.values())
    ]
    chosen: PartName | None = next((name for name in found if part in (None, name)), None)
    if chosen is None:
        step = f"A {model.config.architecture} has no other."
        raise refusal("part", part, legal=", ".join(map(repr, found)), step=step)
    return chosen, {layer: of_layer[chosen] for layer, of_layer in parts.items() if chosen in of_layer}


def _hook(layer: int, name: str) -> str:
    """Return the full name of a mixer's hook."""
    return f"blocks.{layer}.attn.hook_{name}"


def _shifted(spans: Mapping[str, Sequence[int]], *, by: int) -> Mapping[str, Sequence[int]]:
    """Return spans in positions that count the meta tokens too."""
    return {name: [edge + by for edge in span] for name, span in spans.items()} if by else spans


def _score(
    shown: Mapping[int, TracedPart], factors: Mapping[str, np.ndarray], *, state_space: bool
) -> ScoreForm:
    """Return what the mixers say of their score, and the state channels that the trace holds."""
    said = TraceConfig()
    for mixer in shown.values():
        said.update(mixer.trace_config)
    return ScoreForm(
        kind=said.get("score", "softmax"),
        bias=said.get("score_bias", 0.0),
        terms=said.get("score_terms", {}),
        d_state=factors["b_rot"].shape[-1] if "b_rot" in factors else 0,
        state_space=state_space,
        note=said.get("diagonal", ""),
    )


def _stacked(layers: Sequence[Mapping[str, Tensor]]) -> dict[str, np.ndarray]:
    """Return every variable that any layer has, its first axis the layer."""
    names = dict.fromkeys(name for layer in layers for name in layer)
    return {name: _stack([layer.get(name) for layer in layers]) for name in names}


def _stack(parts: Sequence[Tensor | None]) -> np.ndarray:
    """Stack one variable of all layers; zeros where a layer has fewer heads or channels, or none at all.

    Zeros change no score: a factor of zero adds nothing to a product of factors.
    """
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
