"""Who says the answer: its logit by who wrote the residual stream, by key within a head, and by layer.

    logit = (x / rms(x)) · (w ⊙ W_U[:, answer]) = Σ_parts part · direction / rms(x)
    of a head: Σ_j A_ij (v_j W_O) · direction / rms(x)

with rms(x) as it was in the run. A under one term alone says what that term made the head look at.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from data.refusal import refusal
from model.analysis.residual_parts import Keep, check_exact, fired_by, parts_before, place, writer_hooks
from model.mixers.attention.attention import Attention
from model.network.network import SISAModel
from model.network.sequence import Sequenced, one_sequence, position_labels
from sisa_viz.trace.axes import head_name

TERM_HOOKS = {  # what weighs the keys under the whole score, and under either term alone
    "whole": ("pattern",),
    "content_alone": ("content_scores",),
    "importance_alone": ("importance_scores", "bias_scores"),
}
SCALE, NORMED = "ln_final.hook_scale", "ln_final.hook_normalized"


@torch.no_grad()
def answer_attribution(
    model: SISAModel, tokens: Sequenced, *, answer: str | int, position: int = -1
) -> pd.DataFrame:
    """Split the logit of an answer by who wrote it and, within a head, by the keys that the head looked at.

    Column `whole` adds up to the logit. The two columns beside it say what the head would have written had
    one term of its score alone decided where to look; heads of one term have no second. The embedding and
    the MLPs have one row each, and so have heads that no attention pattern alone makes: of a state space, or
    of a Hymba, whose heads mix both.

    Args:
        model: of any architecture; its parameters are float32 or float64.
        tokens: text, or token ids of one sequence.
        answer: a token, as text or id.
        position: where the answer is predicted, counted as in a trace: a Hymba's meta tokens come first.

    Returns:
        part ("embed", "L0H3", "L0 MLP"), layer and head, key and key_token (empty where nothing was split),
        whole, content_alone and importance_alone (of FoX and ALiBi: their decay bias alone), all in nats.

    Raises:
        ValueError: no such position, an answer of several tokens, or a logit that the weights do not give.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> table = answer_attribution(model, [5, 3, 7], answer=9)
        >>> bool(abs(table["whole"].sum() - model(torch.tensor([[5, 3, 7]]))[0, -1, 9].item()) < 1e-5)
        True
    """
    ids, at, labels = _placed(model, tokens, position)
    direction = _direction(model, answer).double()
    keeps = writer_hooks(model, [at]) | dict.fromkeys((SCALE, NORMED), lambda t: t[0, at].double())
    for layer, block in enumerate(model.blocks):
        hooks = _key_hooks(block.attn, at) if isinstance(block.attn, Attention) else {}
        keeps |= {f"blocks.{layer}.attn.hook_{name}": keep for name, keep in hooks.items()}
    fired = fired_by(model, ids, keeps)
    direction = direction / fired[SCALE]
    (parts,) = parts_before(model, fired, layer=len(model.blocks), positions=[at])
    shares = dict(zip(parts.names, (parts.written @ direction).tolist(), strict=True))
    tables = [_one_row(parts.names[0], shares)]
    for layer in range(len(model.blocks)):
        tables += _layer_tables(model, fired, layer, shares, direction, labels[: at + 1])
    table = pd.concat(tables, ignore_index=True)
    logit = (fired[NORMED] * fired[SCALE]) @ direction
    check_exact(abs(float(table["whole"].to_numpy().sum()) - logit.item()) / max(1.0, abs(logit.item())))
    return table


@torch.no_grad()
def logit_lens(model: SISAModel, tokens: Sequenced, *, answer: str | int, position: int = -1) -> pd.DataFrame:
    """Read an answer off the residual stream after every mixer and every MLP, through the final norm.

    Args:
        model: of any architecture.
        tokens: text, or token ids of one sequence.
        answer: a token, as text or id.
        position: where the answer is predicted, counted as in a trace: a Hymba's meta tokens come first.

    Returns:
        after ("embed", "L0 mixer", "L0 MLP"), layer, logit and log_prob in nats, and rank, 1 where no other
        token has a larger logit. The last row is the model's own prediction.

    Raises:
        ValueError: no such position, or an answer of several tokens.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> lens = logit_lens(SISAModel(SISAConfig.preset("tiny", n_layers=1)), [5, 3, 7], answer=7)
        >>> lens["after"].tolist(), int(lens["rank"].iloc[0])  # the unembedding is the embedding
        (['embed', 'L0 mixer', 'L0 MLP'], 1)
    """
    ids, at, _ = _placed(model, tokens, position)
    token = model.to_single_token(answer) if isinstance(answer, str) else answer
    _direction(model, token)
    streams: dict[str, tuple[str, int | None]] = {"hook_embed": ("embed", None)}
    for layer in range(len(model.blocks)):
        streams[f"blocks.{layer}.hook_resid_mid"] = (f"L{layer} mixer", layer)
        if model.config.d_mlp:
            streams[f"blocks.{layer}.hook_resid_post"] = (f"L{layer} MLP", layer)
    fired = fired_by(model, ids, dict.fromkeys(streams, lambda t: t[0, at]))
    logits = model.unembed(model.ln_final(torch.stack([fired[name] for name in streams]))).double()
    own = logits[:, token]
    after, layers = zip(*streams.values(), strict=True)
    return pd.DataFrame(
        {
            "after": after,
            "layer": pd.array(layers, dtype="Int64"),
            "logit": own.cpu().numpy(),
            "log_prob": logits.log_softmax(-1)[:, token].cpu().numpy(),
            "rank": 1 + (logits > own[:, None]).sum(-1).cpu().numpy(),
        }
    )


def _placed(model: SISAModel, tokens: Sequenced, position: int) -> tuple[Tensor, int, list[str]]:
    """Return token ids, the position counted from the front, and a label a position."""
    if not isinstance(model, SISAModel):
        raise refusal("model", model, legal="a SISAModel", step='Begin with load("niah").')
    ids = one_sequence(model, tokens)
    labels = position_labels(model, ids[0].tolist())
    return ids, place("position", position, len(labels), least=model.config.n_meta), labels


def _direction(model: SISAModel, answer: str | int) -> Float[Tensor, " d_model"]:
    """Return the direction whose product with the normed stream is the answer's logit."""
    direction = model.tokens_to_residual_directions(answer)
    if direction.ndim != 1:
        step = "Ask for one answer at a time."
        raise refusal("answer", answer, legal="one token, as text or id", step=step)
    return direction


def _key_hooks(mixer: Attention, at: int) -> dict[str, Keep]:
    """Return hooks of one layer's values, and of what they are multiplied by at one query."""

    def row(weights: Tensor) -> Tensor:
        return weights[0, :, at].double()

    def row_alone(scores: Tensor) -> Tensor:
        return row(mixer._weights(scores))

    hooks: dict[str, Keep] = {"v": lambda t: t[0].double(), "pattern": row, "content_scores": row_alone}
    others = [name for name in TERM_HOOKS["importance_alone"] if name in mixer.score_sized]
    return hooks | dict.fromkeys(others, row_alone)


def _layer_tables(
    model: SISAModel,
    fired: Mapping[str, Tensor],
    layer: int,
    shares: Mapping[str, float],
    direction: Float[Tensor, " d_model"],
    labels: list[str],
) -> list[pd.DataFrame]:
    """Return the rows of one layer's heads, by key where a pattern makes them, and of its MLP."""
    mixer = model.blocks[layer].attn
    mlp = [_one_row(f"L{layer} MLP", shares, layer)] if model.config.d_mlp else []
    names = [head_name(layer, head) for head in range(mixer.n_output_heads)]
    if not isinstance(mixer, Attention):
        return [*(_one_row(name, shares, layer, head) for head, name in enumerate(names)), *mlp]
    prefix = f"blocks.{layer}.attn.hook_"
    own = {name.removeprefix(prefix): t for name, t in fired.items() if name.startswith(prefix)}
    said = torch.einsum("jhc,hcm,m->hj", own["v"], mixer.W_O.double(), direction)
    columns = {}
    for column, hooks in TERM_HOOKS.items():
        weights = next((own[name] for name in hooks if name in own), None)
        shown = torch.full_like(said, torch.nan) if weights is None else weights * said
        columns[column] = shown[:, : len(labels)].flatten().cpu().numpy()
    heads, keys = len(names), len(labels)
    head = np.repeat(np.arange(heads), keys)
    each = {"part": np.repeat(names, keys), "layer": layer, "head": head}
    each |= {"key": np.tile(np.arange(keys), heads), "key_token": labels * heads}
    return [pd.DataFrame(each | columns).astype(dict.fromkeys(("layer", "head", "key"), "Int64")), *mlp]


def _one_row(
    name: str, shares: Mapping[str, float], layer: int | None = None, head: int | None = None
) -> pd.DataFrame:
    """Return the row of a part that no attention pattern splits."""
    row = {"part": [name], "layer": [layer], "head": [head], "key": [None], "key_token": [""]}
    numbers = {"whole": [shares[name]], "content_alone": [np.nan], "importance_alone": [np.nan]}
    return pd.DataFrame(row | numbers).astype(dict.fromkeys(("layer", "head", "key"), "Int64"))
