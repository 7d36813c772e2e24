"""The records of this package's architectures, registered when `model.config` is imported.

One record holds every fact about its architecture; see `model.config.architectures` for what each field says.
"""

from __future__ import annotations

from data.refusal import refusal
from model.config import formulas
from model.config.architectures import Architecture, OwnField, register
from model.config.shape import Shape

MAMBA_HEAD = 64  # channels of a state-space head, arXiv 2405.21060


def _check_attention_offset(shape: Shape) -> None:
    """Refuse a Jamba without any attention: its offset lies beyond the period, or beyond the last layer."""
    reach = min(shape.attention_period, shape.n_layers)
    if shape.attention_offset >= reach:
        legal = f"0 to {reach - 1}, so that some layer has attention"
        raise refusal("attention_offset", shape.attention_offset, legal=legal, step="Choose a smaller one.")


TRANSFORMER = register(
    Architecture(
        name="transformer",
        label="transformer",
        level="attention alone",
        what="softmax of q·k, RoPE tells positions apart",
        arxiv="1706.03762",
        mixer="model.mixers.attention.attention:Attention",
        parameters=formulas.attention,
    )
)

SISA = register(
    Architecture(
        name="sisa",
        label="SISA",
        level="score",
        what="state-space term λ·C̄·B̄ added to q·k inside one softmax",
        arxiv="2606.02332",
        mixer="model.mixers.attention.sisa:SISAAttention",
        parameters=formulas.sisa,
        d_state=16,
        d_state_multiple=2,
        without_state="transformer",
        d_state_by_layer=True,
        has_lam=True,
        has_decay=True,
    )
)

MAMBA2 = register(
    Architecture(
        name="mamba2",
        label="Mamba-2",
        level="state space alone",
        what="decaying sum of inputs, read out by C·B",
        arxiv="2405.21060",
        mixer="model.mixers.state_space.mamba2:Mamba2",
        parameters=formulas.mamba2,
        d_state=64,
        d_state_multiple=2,
        state_head=MAMBA_HEAD,
        rope="none",
        turns_q_and_k=False,
        needs_mlp=False,
        has_decay=True,
        decodes_from_cache=False,
        score="linear",
    )
)

MAMBA3 = register(
    Architecture(
        name="mamba3",
        label="Mamba-3",
        level="state space alone",
        what="the same with rotation, trapezoidal rule, no convolution",
        arxiv="2603.15569",
        mixer="model.mixers.state_space.mamba3:Mamba3",
        parameters=formulas.mamba3,
        d_state=64,
        d_state_multiple=4,
        state_head=MAMBA_HEAD,
        rope="none",
        turns_q_and_k=False,
        needs_mlp=False,
        has_decay=True,
        decodes_from_cache=False,
        score="linear",
    )
)

JAMBA = register(
    Architecture(
        name="jamba",
        label="Jamba",
        level="block",
        what="some layers attend, the others are state spaces",
        arxiv="2403.19887",
        mixer="model.mixers.hybrid.jamba:jamba",
        parameters=formulas.jamba,
        d_state=64,
        d_state_multiple=2,
        rope="none",
        has_decay=True,
        decodes_from_cache=False,
        own_fields=(
            OwnField(name="attention_period", default=lambda shape: min(4, shape.n_layers), least=1),
            OwnField(name="attention_offset", default=lambda shape: shape.attention_period // 2, least=0),
        ),
        check=_check_attention_offset,
    )
)

HYMBA = register(
    Architecture(
        name="hymba",
        label="Hymba",
        level="head",
        what="both side by side in every layer, mean of their normed outputs",
        arxiv="2411.13676",
        mixer="model.mixers.hybrid.hymba:Hymba",
        parameters=formulas.hymba,
        d_state=16,
        d_state_multiple=2,
        has_decay=True,
        decodes_from_cache=False,
        own_fields=(
            # published for n_ctx = 2048: 128 meta tokens, a window of 1024
            OwnField(name="n_meta", default=lambda shape: shape.n_ctx // 16, least=0),
            OwnField(name="window", default=lambda shape: max(1, shape.n_ctx // 2), least=1),
        ),
    )
)

ADAPTIVE_SISA = register(
    Architecture(
        name="adaptive_sisa",
        label="adaptive SISA",
        level="score",
        what="SISA with a learned gate on every pair of state channels",
        arxiv="2606.02332",
        mixer="model.mixers.attention.adaptive:AdaptiveSISA",
        parameters=formulas.adaptive_sisa,
        d_state=16,
        d_state_multiple=2,
        d_state_by_layer=True,
        has_lam=True,
        has_decay=True,
    )
)

SIGMOID_SISA = register(
    Architecture(
        name="sigmoid_sisa",
        label="sigmoid SISA",
        level="score",
        what="SISA's score under a sigmoid, no softmax",
        arxiv="2606.02332, 2409.04431",
        mixer="model.mixers.attention.sigmoid:sigmoid_sisa",
        parameters=formulas.sisa,
        d_state=16,
        d_state_multiple=2,
        without_state="sigmoid_sisa",
        d_state_by_layer=True,
        has_lam=True,
        has_decay=True,
        score="sigmoid",
    )
)

WIDENED = register(
    Architecture(
        name="widened",
        label="widened heads",
        level="attention alone",
        what="SISA's term without decay and rotation: plain channels more, a control",
        arxiv="2606.02332",
        mixer="model.mixers.attention.widened:WidenedAttention",
        parameters=formulas.widened,
        d_state=16,
        d_state_multiple=2,
        without_state="transformer",
        d_state_by_layer=True,
        has_lam=True,
        has_decay=True,
    )
)

FOX = register(
    Architecture(
        name="fox",
        label="FoX",
        level="bias of the score",
        what="learned forget gates, summed between key and query",
        arxiv="2503.02130",
        mixer="model.mixers.attention.fox:FoXAttention",
        parameters=formulas.fox,
        rope="none",
        has_decay=True,
    )
)

ALIBI = register(
    Architecture(
        name="alibi",
        label="ALiBi",
        level="bias of the score",
        what="a fixed slope a head times the distance",
        arxiv="2108.12409",
        mixer="model.mixers.attention.alibi:ALiBiAttention",
        parameters=formulas.attention,
        rope="none",
        has_decay=True,
    )
)
