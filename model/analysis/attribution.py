"""Why a head looks there: the score of one query and key, split by who wrote both and by its factors.

    s_ij = q_i·k_j / sqrt(d_h) + λ e^{ĝ_i − ĝ_j} (R(Φ_i)C_i)·(R(Φ_j)B_j)          (arXiv 2606.02332, eq. 2)

q, k, B and C are linear in the normed residual stream, RoPE and R are linear too, and the stream is a sum of
parts. With the scale of the norm, the decay and the angles as they were in the run, each term is therefore a
sum over pairs (who wrote the query, who wrote the key):

    q_i·k_j = Σ_{p, r} q_i^p·k_j^r ,   q_i^p = R_i W_Q (w ⊙ x_i^p / rms(x_i))

| symbol  | variable           | shape                       |
| ------- | ------------------ | --------------------------- |
| x^p     | Parts.written      | part d_model                |
| q^p, C^p, … | q, C, k, B     | head part channel           |
| Φ, ĝ    | phase, g_hat       | head pair, head             |
| gate    | gate               | pair, of AdaptiveSISA alone |
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from data.refusal import one_of, refusal
from model.analysis.residual_parts import Keep, check_exact, fired_by, parts_before, place, writer_hooks
from model.config import SISAConfig
from model.mixers.attention.attention import ScoredHeads
from model.mixers.attention.sisa import SISAAttention
from model.mixers.parts.rope import frequencies, rope_phase, temperature
from model.mixers.parts.rotation import rotate
from model.network.block import Block
from model.network.network import SISAModel
from model.network.sequence import Sequenced, one_sequence, position_labels

COLUMNS = ("layer", "head", "term", "split", "query_part", "key_part", "factor", "pair", "nats")
DECAY_BIAS = "decay bias"


@torch.no_grad()
def attribution(
    model: SISAModel,
    tokens: Sequenced,
    *,
    query: int,
    key: int,
    layer: int | None = None,
    head: int | None = None,
) -> pd.DataFrame:
    """Split the score of one query and key, of every head, into parts that add up to it.

    Rows of split "writers" say who wrote the query and who wrote the key: the embedding, an earlier head or
    an earlier MLP. They add up to the score. A decay bias (FoX, ALiBi) depends on the tokens between, and is
    one part by itself. Rows of split "factors" add up to the importance term alone: first C·B as if nothing
    turned or faded, then what the rotation, a gate, the decay and λ change of it, each by pair of state
    channels. Positions count as in a trace: a Hymba's meta tokens come first.

    Args:
        model: one with attention scores; its parameters are float32 or float64.
        tokens: text, or token ids of one sequence.
        query: position that looks; −1 is the last.
        key: position that is looked at, the query or one before.
        layer: the only one to split.
        head: the only one of each layer to split.

    Returns:
        layer, head, term ("content", "importance" or "decay bias"), split, query_part and key_part (empty in
        split "factors"), factor and pair (empty in split "writers"), nats; and, the same in all rows of a
        head, score (what hook_attn_scores fired), attention (hook_pattern), query, key and their tokens.

    Raises:
        ValueError: no such position, layer or head, a key after the query, a model without scores, or scores
            that its weights do not give: of 16 bits, or edited by hooks.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> table = attribution(model, [5, 3, 7], query=2, key=0, layer=1, head=0)
        >>> writers = table[table["split"] == "writers"]
        >>> bool(abs(writers["nats"].sum() - writers["score"].iloc[0]) < 1e-5)
        True
        >>> writers["query_part"].unique().tolist()
        ['embed', 'L0H0', 'L0H1', 'L0H2', 'L0H3', 'L0 MLP']
    """
    shown = _shown(model, layer, head)
    ids = one_sequence(model, tokens)
    labels = position_labels(model, ids[0].tolist())
    i, j = place("query", query, len(labels)), place("key", key, len(labels))
    if j > i:
        step = "A head looks at its own position and those before."
        raise refusal("key", key, legal=f"positions up to the query's, {i}", step=step)
    keeps = writer_hooks(model, [i, j])
    for at in shown:
        keeps |= {f"blocks.{at}.{name}": keep for name, keep in _score_hooks(model.blocks[at], i, j).items()}
    fired = fired_by(model, ids, keeps)
    tables = [_layer_table(model, fired, at, (i, j), len(labels)) for at in shown]
    table = pd.concat(tables, ignore_index=True)
    if head is not None:
        table = table.loc[table["head"] == head].reset_index(drop=True)
    _check_sums(table)
    return table.assign(query=i, key=j, query_token=labels[i], key_token=labels[j])


def margins(table: pd.DataFrame) -> pd.DataFrame:
    """Sum the parts of scores over either side: by who wrote the query, and by who wrote the key.

    Args:
        table: of `attribution`.

    Returns:
        layer, head, term, side ("query" or "key"), part and nats; the parts of a side add up to the score.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> table = attribution(model, [5, 3, 7], query=2, key=0, layer=0, head=0)
        >>> margins(table)[["term", "side", "part"]].values.tolist()[:2]
        [['content', 'query', 'embed'], ['importance', 'query', 'embed']]
    """
    writers = table.loc[table["split"] == "writers"]
    sides = [
        writers.groupby(["layer", "head", "term", f"{side}_part"], sort=False)["nats"]
        .sum()
        .rename_axis(index={f"{side}_part": "part"})
        .reset_index()
        .assign(side=side)
        for side in ("query", "key")
    ]
    columns = ["layer", "head", "term", "side", "part", "nats"]
    return pd.concat(sides, ignore_index=True).loc[:, columns]


def _shown(model: SISAModel, layer: int | None, head: int | None) -> list[int]:
    """Return the layers to split, or refuse what this model does not have."""
    if not isinstance(model, SISAModel):
        raise refusal("model", model, legal="a SISAModel", step='Begin with load("niah").')
    scored = [at for at, block in enumerate(model.blocks) if isinstance(block.attn, ScoredHeads)]
    if not scored:
        step = "A state space computes no scores of queries and keys."
        raise refusal("model", model.config.architecture, legal="one with attention scores", step=step)
    if layer is not None:
        one_of("layer", layer, scored)
    if head is not None:
        one_of("head", head, list(range(model.config.n_heads)))
    return scored if layer is None else [layer]


def _score_hooks(block: Block, i: int, j: int) -> dict[str, Keep]:
    """Return the hooks of one block that a split reads, and what to keep of them at query i and key j."""

    def pair(t: Tensor) -> Tensor:
        return t[0, :, i, j].double()

    def both(t: Tensor) -> Tensor:
        return t[0, :, [i, j]].double()

    def all_of_it(t: Tensor) -> Tensor:
        return t.double()

    wanted: dict[str, Keep] = {"attn_scores": pair, "pattern": pair, "bias_scores": pair}
    wanted |= {"phase": both, "anchored_decay": both, "lam": all_of_it, "gate": all_of_it}
    hooks = {
        f"attn.hook_{name}": keep for name, keep in wanted.items() if hasattr(block.attn, f"hook_{name}")
    }
    return hooks | {"ln1.hook_scale": lambda t: t[0, [i, j]].double()}


def _layer_table(
    model: SISAModel, fired: Mapping[str, Tensor], layer: int, at: tuple[int, int], length: int
) -> pd.DataFrame:
    """Return all rows of one layer, head by head."""
    block, prefix = model.blocks[layer], f"blocks.{layer}."
    mixer = block.attn
    assert isinstance(mixer, ScoredHeads)  # chosen so
    own = {name.removeprefix(prefix): t for name, t in fired.items() if name.startswith(prefix)}
    of_query, of_key = parts_before(model, fired, layer=layer, positions=at)
    x_query, x_key = [
        block.ln1.w.double() * parts.written / scale
        for parts, scale in zip((of_query, of_key), own["ln1.hook_scale"], strict=True)
    ]
    q = _positioned(_projected(x_query, mixer.W_Q), model.config, at[0], length)
    k = _positioned(_projected(x_key, mixer.W_K), model.config, at[1], length)
    names = of_query.names, of_key.names
    tables = [_writer_rows("content", q @ k.mT / math.sqrt(q.shape[-1]), *names)]
    if isinstance(mixer, SISAAttention):
        C, B = _projected(x_query, mixer.W_C), _projected(x_key, mixer.W_B)
        by_writer, steps = _importance(C, B, own)
        tables += [_writer_rows("importance", by_writer, *names), _factor_rows(steps)]
    if "attn.hook_bias_scores" in own:
        bias = own["attn.hook_bias_scores"][:, None, None]
        tables.append(_writer_rows(DECAY_BIAS, bias, [DECAY_BIAS], [DECAY_BIAS]))
    table = pd.concat(tables, ignore_index=True).sort_values("head", kind="stable", ignore_index=True)
    by_head = {"score": own["attn.hook_attn_scores"], "attention": own["attn.hook_pattern"]}
    numbers = {name: t.cpu().numpy()[table["head"]] for name, t in by_head.items()}
    return table.assign(layer=layer, **numbers).loc[:, [*COLUMNS, *numbers]]


def _projected(
    x: Float[Tensor, "part d_model"], weight: Float[Tensor, "head d_model channel"]
) -> Float[Tensor, "head part channel"]:
    return x @ weight.double()


def _positioned(
    x: Float[Tensor, "head part d_head"], config: SISAConfig, position: int, length: int
) -> Float[Tensor, "head part d_head"]:
    """Return queries or keys of one position of a text turned as the run turned them."""
    if config.rope == "none":
        return x
    frequency = frequencies(config, length=length, device=x.device)
    return temperature(config) * rotate(x, rope_phase(1, frequency, start=position))


def _importance(
    C: Float[Tensor, "head part d_state"],
    B: Float[Tensor, "head writer d_state"],
    own: Mapping[str, Tensor],
) -> tuple[Float[Tensor, "head part writer"], dict[str, Float[Tensor, "head pair"]]]:
    """Return the importance by writers, and by pairs of channels after each of its factors in turn."""
    phase, g_hat, lam = [own[f"attn.hook_{name}"] for name in ("phase", "anchored_decay", "lam")]
    gate = own.get("attn.hook_gate", torch.ones_like(phase[0, 0]))
    c_rot, b_rot = rotate(C, phase[:, :1]), rotate(B, phase[:, 1:])
    decay = (g_hat[:, 0] - g_hat[:, 1]).exp()
    gain = (lam * decay)[:, None, None]
    by_writer = gain * (c_rot * gate.repeat_interleave(2)) @ b_rot.mT
    steps = {"C·B": _by_pair(C, B), "rotation": _by_pair(c_rot, b_rot)}
    gated = gate * steps["rotation"]
    if "attn.hook_gate" in own:
        steps["gate"] = gated
    steps |= {"decay": decay[:, None] * gated, "λ": gain[..., 0] * gated}
    return by_writer, steps


def _by_pair(
    C: Float[Tensor, "head part d_state"], B: Float[Tensor, "head writer d_state"]
) -> Float[Tensor, "head pair"]:
    """Return the product of both sums of parts, pair by pair of channels."""
    return (C.sum(1) * B.sum(1)).unflatten(-1, (-1, 2)).sum(-1)


def _writer_rows(
    term: str, nats: Float[Tensor, "head part writer"], query_parts: Sequence[str], key_parts: Sequence[str]
) -> pd.DataFrame:
    heads, _, n_keys = nats.shape
    pairs = {
        "query_part": np.tile(np.repeat(query_parts, n_keys), heads),
        "key_part": np.tile(key_parts, heads * len(query_parts)),
    }
    each = {"head": np.repeat(np.arange(heads), len(query_parts) * n_keys), "term": term, "split": "writers"}
    none = {"factor": "", "pair": pd.array([pd.NA] * nats.numel(), dtype="Int64")}
    return pd.DataFrame(each | pairs | none | {"nats": nats.flatten().cpu().numpy()})


def _factor_rows(steps: Mapping[str, Float[Tensor, "head pair"]]) -> pd.DataFrame:
    """Return what each factor changes of the importance: what stands after it less what stood before."""
    after = torch.stack(list(steps.values()), dim=1)
    changes = torch.diff(after, dim=1, prepend=torch.zeros_like(after[:, :1]))
    heads, _, pairs = changes.shape
    index = pd.MultiIndex.from_product([range(heads), steps, range(pairs)], names=["head", "factor", "pair"])
    table = pd.DataFrame({"nats": changes.flatten().cpu().numpy()}, index=index).reset_index()
    none = {"query_part": "", "key_part": ""}
    return table.assign(term="importance", split="factors", **none).astype({"pair": "Int64"})


def _check_sums(table: pd.DataFrame) -> None:
    """Refuse a split that misses the score, for then something beside the weights made the score."""
    sums = (
        table.loc[table["split"] == "writers"]
        .groupby(["layer", "head"])
        .agg({"nats": "sum", "score": "first"})
    )
    check_exact(float(((sums["nats"] - sums["score"]).abs() / sums["score"].abs().clip(lower=1)).max()))
