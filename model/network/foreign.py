"""Capture of models that are not ours: what TransformerLens hooks, as traces of plain attention.

q and k are read after their position code. A learned table of positions, RoPE of any width and grouped
queries look alike then: content scores, and no importance. Each layer is checked against the pattern of the
same pass as soon as that pattern is there, so that no more than one is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import xarray as xr
from jaxtyping import Int
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformer_lens import ActivationCache
from transformer_lens.config import TransformerLensConfig
from transformer_lens.model_protocol import TransformerLensModel

from data import token_labels
from data.refusal import one_of, refusal
from model.config import SISAConfig
from model.network.inputs import checked_tokens
from model.network.plain_attention import LEGAL, Queries, plain_factors
from model.network.sequence import Sequenced, checked_strings, one_sequence
from model.network.versions import versions
from sisa_viz.trace import build_trace
from sisa_viz.trace.weights import ScoreForm

NEEDED = ("q", "k", "pattern")
READ = ("q", "k", "rot_q", "rot_k", "cos", "sin", "pattern")  # each as blocks.{layer}.attn.hook_{name}
RECORDED = (
    "model_name",
    "architecture",
    "positional_embedding_type",
    "n_layers",
    "n_heads",
    "n_key_value_heads",
)
RECORDED += ("d_model", "d_head", "d_vocab", "n_ctx")
Seen = Mapping[str, Tensor]  # what the hooks of one attention fired, with a batch of one row


class ForeignReader(NamedTuple):
    """Read texts for a TransformerLens model, and label what it reads.

    Args:
        model: the model. Its tokenizer, if it has one, is of Hugging Face or of the `tokenizers` library.
    """

    model: TransformerLensModel

    @property
    def tokenizer(self) -> Any:
        """The model's own tokenizer, or None."""
        return getattr(self.model, "tokenizer", None)

    @property
    def device(self) -> torch.device:
        """The device that the configuration names."""
        return torch.device(self.model.cfg.device or "cpu")

    def to_tokens(self, text: str, /) -> Int[Tensor, "batch position"]:
        """Return the token ids of a text, behind a first token of its own where the model's default is one.

        Raises:
            ValueError: the model has no tokenizer.
        """
        if self.tokenizer is None:
            step = "Set model.tokenizer, or pass token ids."
            raise refusal("tokens", text, legal="token ids, for a model without a tokenizer", step=step)
        return self.model.to_tokens(text, truncate=False)

    def labels(self, ids: Sequence[int]) -> list[str]:
        """Return one label a token: its text with nothing invisible in it, or its id without a tokenizer."""
        if self.tokenizer is None:
            return [str(token_id) for token_id in ids]
        fast = getattr(self.tokenizer, "backend_tokenizer", self.tokenizer)
        if isinstance(fast, Tokenizer):
            return token_labels(fast, ids)
        return [self.tokenizer.decode([token_id]) for token_id in ids]

    def text(self, ids: Sequence[int]) -> str | None:
        """Return the text of the ids, or None where there is no tokenizer."""
        return None if self.tokenizer is None else self.tokenizer.decode(ids, skip_special_tokens=False)


@torch.no_grad()
def capture_foreign(
    source: TransformerLensModel | ActivationCache,
    tokens: Sequenced,
    labels: Sequence[str] | None = None,
    *,
    spans: Mapping[str, Sequence[int]] | None = None,
    dtype: str = "float32",
    part: str | None = None,
) -> xr.Dataset:
    """Return a trace of a TransformerLens model, or of what one run of it left in a cache.

    `model.capture` is the way here; it says what the arguments mean.

    Args:
        source: a TransformerBridge, or an ActivationCache of one text with hook_q, hook_k, hook_pattern and,
            where q and k are turned, hook_rot_q and hook_rot_k, or hook_cos and hook_sin.
        tokens: text or token ids; for a cache those that it was made from, because it does not hold them.
        labels: a string a position.
        spans: half-open token spans.
        dtype: "float32" or "float16".
        part: "attention", or None for the same.

    Raises:
        ValueError: the tokens are not one sequence, or an attention is no causal softmax of q·k.

    Example:
        >>> from transformer_lens.model_bridge.sources.native import boot
        >>> model = boot(dict(d_model=8, d_head=4, n_layers=1, n_ctx=9, d_vocab=5, act_fn="gelu", seed=0))
        >>> capture_foreign(model, [3, 1, 4])["q"].sizes
        Frozen({'layer': 1, 'head': 2, 'position': 3, 'd_head': 4})
    """
    one_of("part", part, (None, "attention"))
    model = _model_of(source)
    reader = ForeignReader(model)
    ids = checked_tokens(one_sequence(reader, tokens), model.cfg)
    row = ids[0].tolist()
    if len(row) > model.cfg.n_ctx:
        legal, step = f"at most {model.cfg.n_ctx} (n_ctx)", "The model knows no later position."
        raise refusal("tokens", f"{len(row)} positions", legal=legal, step=step)
    factors = content_factors(source, ids)
    trace = build_trace(
        q=_stacked([q for q, _ in factors.values()]),
        k=_stacked([k for _, k in factors.values()]),
        token_ids=row,
        labels=reader.labels(row) if labels is None else checked_strings(labels, len(row)),
        config={name: getattr(model.cfg, name, None) for name in RECORDED},
        score=ScoreForm(),
        seed=getattr(model.cfg, "seed", None),
        versions=versions(),
        text=reader.text(row),
        spans=spans,
        dtype=dtype,
    )
    return trace.assign_coords(layer=("layer", list(factors), trace["layer"].attrs))


@torch.no_grad()
def content_factors(
    source: TransformerLensModel | ActivationCache, ids: Int[Tensor, "1 position"]
) -> dict[int, tuple[Queries, Queries]]:
    """Return the queries and keys of every layer that has attention, in the precision of the model.

    Args:
        source: a TransformerLens model, which is run once, or the cache of such a run.
        ids: token ids, one row.

    Returns:
        q and k [head, position, d_head] by layer; q·k over sqrt(d_head) is the score.

    Raises:
        ValueError: no attention is hooked, or one is no causal softmax of q·k.

    Example:
        >>> from transformer_lens.model_bridge.sources.native import boot
        >>> model = boot(dict(d_model=8, d_head=4, n_layers=1, n_ctx=9, d_vocab=5, act_fn="gelu", seed=0))
        >>> {layer: q.shape for layer, (q, k) in content_factors(model, torch.tensor([[3, 1, 4]])).items()}
        {0: torch.Size([2, 3, 4])}
    """
    model = _model_of(source)
    _check_config(model.cfg)
    found: dict[int, tuple[Queries, Queries]] = {}
    seen: dict[int, dict[str, Tensor]] = {}

    def keep(tensor: Tensor, hook: object = None, *, layer: int, name: str) -> None:
        of_layer = seen.setdefault(layer, {})
        of_layer[name] = tensor
        if set(NEEDED) <= set(of_layer):  # the pattern comes last
            found[layer] = _factors(model, layer, seen.pop(layer), ids.shape[1])

    if isinstance(source, ActivationCache):
        hooked = source.cache_dict
        for name, layer, full in _hooks(model, hooked):
            keep(hooked[full] if source.has_batch_dim else hooked[full][None], layer=layer, name=name)
    else:
        hooked = getattr(model, "hook_dict", {})
        listeners = [
            (full, partial(keep, layer=layer, name=name)) for name, layer, full in _hooks(model, hooked)
        ]
        model.run_with_hooks(ids, fwd_hooks=listeners, return_type=None)
    if not found:
        came = f"a {type(source).__name__} without them"
        legal = "hook_q, hook_k and hook_pattern of one attention at least, as blocks.0.attn.hook_q"
        step = "Run with a cache of everything; a model whose attention is not hooked cannot be traced."
        raise refusal("hooks", came, legal=legal, step=step)
    return found


def _model_of(source: TransformerLensModel | ActivationCache) -> TransformerLensModel:
    """Return the model itself, or that of a cache."""
    model = source.model if isinstance(source, ActivationCache) else source
    if isinstance(getattr(model, "config", None), SISAConfig):
        step = "Pass the model itself: capture(model, tokens)."
        raise refusal("model", "the cache of a SISAModel", legal="a SISAModel", step=step)
    if not isinstance(model, TransformerLensModel) or not isinstance(model.cfg, TransformerLensConfig):
        legal = "a SISAModel, a TransformerLens model, or an ActivationCache of the latter"
        raise refusal("model", model, legal=legal, step='Begin with load("niah").')
    return model


def _check_config(cfg: TransformerLensConfig) -> None:
    """Refuse what the configuration alone says, for a pattern of small scores would hardly show it."""
    cap = getattr(cfg, "attn_scores_soft_cap", -1.0)
    said = {
        f"scores capped at {cap:g} by tanh (attn_scores_soft_cap)": cap > 0,
        "scores with a bias by distance, ALiBi (positional_embedding_type)": (
            cfg.positional_embedding_type == "alibi"
        ),
        "bidirectional (attention_dir)": getattr(cfg, "attention_dir", "causal") != "causal",
    }
    for came, true in said.items():
        if true:
            step = "A trace of it would show other scores than the model's own."
            raise refusal("attention", came, legal=LEGAL, step=step)


def _hooks(model: TransformerLensModel, there: Mapping[str, object]) -> list[tuple[str, int, str]]:
    """Return name, layer and full name of every hook to read that is there, a layer's pattern last."""
    every = [
        (name, layer, f"blocks.{layer}.attn.hook_{name}")
        for layer in range(model.cfg.n_layers)
        for name in READ
    ]
    return [hook for hook in every if hook[-1] in there]


def _factors(model: TransformerLensModel, layer: int, seen: Seen, length: int) -> tuple[Queries, Queries]:
    """Return q and k of one layer, turned and checked."""
    name = f"attention of layer {layer}"
    shapes = {needed: tuple(seen[needed].shape) for needed in NEEDED}
    q_shape, k_shape, pattern_shape = shapes.values()
    one_text = q_shape[:2] == k_shape[:2] == (1, length) and pattern_shape[2:] == (length, length)
    if not one_text or len(q_shape) != 4 or len(k_shape) != 4:
        legal = f"q and k [1, {length}, head, d_head] and a pattern [1, head, {length}, {length}]"
        raise refusal(name, shapes, legal=legal, step="Run the model on these tokens alone.")
    attention = cast("nn.Module", model).get_submodule(f"blocks.{layer}.attn")
    q, k = _turned(seen, getattr(attention, "original_component", None))
    q, k = q[0].transpose(0, 1), k[0].transpose(0, 1)
    if q.shape[-1] != k.shape[-1] or len(q) % len(k):
        legal = "queries and keys of one size, and heads that share keys in equal groups"
        raise refusal(name, shapes, legal=legal, step="This attention cannot be traced.")
    return plain_factors(q, k, seen["pattern"][0], name=name)


def _turned(seen: Seen, original: object) -> tuple[Tensor, Tensor]:
    """Return q and k [1, position, head, d_head] after RoPE, where there is any.

    TransformerLens hooks them behind it in most architectures. In GPT-NeoX's it hooks the cosines and sines
    instead, and its own small models (`boot_native`) keep the turn as a module without a hook.
    """
    if "rot_q" in seen:
        return seen["rot_q"], seen["rot_k"]
    q, k = seen["q"], seen["k"]
    if "cos" in seen:
        return _turn_halves(q, seen["cos"], seen["sin"]), _turn_halves(k, seen["cos"], seen["sin"])
    rotary = getattr(original, "rotary", None)
    if rotary is None:
        return q, k
    q, k = rotary.apply_rope(q.transpose(1, 2), k.transpose(1, 2))
    return q.transpose(1, 2), k.transpose(1, 2)


def _turn_halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn x [1, position, head, d_head] by angles [1, position, turned], channel c with c + turned/2."""
    turned, kept = x.split([cos.shape[-1], x.shape[-1] - cos.shape[-1]], dim=-1)
    first, second = turned.chunk(2, dim=-1)
    quarter_turn = torch.cat([-second, first], dim=-1)
    return torch.cat([turned * cos[:, :, None] + quarter_turn * sin[:, :, None], kept], dim=-1)


def _stacked(layers: Sequence[Tensor]) -> np.ndarray:
    """Stack one factor of all layers as float32."""
    sizes = {tuple(of_layer.shape) for of_layer in layers}
    if len(sizes) > 1:
        step = "A trace has one number of heads and one d_head."
        raise refusal("q", f"of shapes {sorted(sizes)}", legal="the same in every layer", step=step)
    return torch.stack([of_layer.float() for of_layer in layers]).cpu().numpy()
