"""What a model is, before any tensor: its shape, its architecture, its presets and its number of parameters.

    shape            Shape: every field with its default resolved, and the checks on it
    architectures    Architecture: one record for each kind of mixer, and the register of all
    records          the records of this package's architectures
    placement        which layers of a hybrid attend, how many heads a state space has
    formulas, sizes  parameters of a mixer and of a whole model, d_mlp at equal parameters

`SISAConfig` is a Shape that takes what is left out from the architecture's record. Sizes use TransformerLens'
names; d_state is the paper's d_s. Source of the presets: arXiv 2606.02332, its table of model sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, NamedTuple, NotRequired, TypedDict, Unpack

from data.refusal import one_of, refusal, whole
from model.config import records as records  # registers this package's architectures
from model.config.architectures import Architecture, OwnField, architecture, architectures
from model.config.shape import Anchor, Rope, Shape, SigmoidBias
from model.config.sizes import matched_d_mlp, total

__all__ = ["PRESETS", "Anchor", "Preset", "Rope", "SISAConfig", "Shape", "SigmoidBias"]


class Preset(NamedTuple):
    """Hold the sizes of a named model; d_mlp is that of the plain transformer."""

    d_model: int
    n_layers: int
    n_heads: int
    d_mlp: int
    d_vocab: int
    n_ctx: int


PRESETS = {
    "tiny": Preset(64, 2, 4, 160, 64, 128),
    "small": Preset(384, 6, 6, 1024, 4096, 1024),
    "12m": Preset(384, 6, 6, 1024, 4096, 2048),  # small at the paper's context
    "50m": Preset(512, 6, 8, 2048, 50277, 2048),
    "152m": Preset(768, 12, 12, 3072, 50277, 2048),
    "369m": Preset(1024, 24, 16, 2944, 50277, 2048),
}
# what callers and parameter cells wrote for "the architecture's own" before None did; still understood
FORMER_NUMBER, FORMER_TEXT = -1, ""


# fields whose default no architecture changes
SAME_FOR_ALL = {
    "layer_d_state": (),
    "anchor": "exact",
    "anchor_block": 64,
    "rope_factor": 1.0,
    "sigmoid_bias": "log_t",
}


class Given(TypedDict):
    """Name what `SISAConfig` may be given; None, like leaving it out, asks for the architecture's own."""

    d_model: int
    n_layers: int
    n_heads: int
    d_mlp: int
    d_vocab: int
    n_ctx: int
    architecture: NotRequired[str | None]
    d_state: NotRequired[int | None]
    layer_d_state: NotRequired[Sequence[int]]
    anchor: NotRequired[Anchor]
    anchor_block: NotRequired[int]
    rope: NotRequired[Rope | None]
    rope_factor: NotRequired[float]
    sigmoid_bias: NotRequired[SigmoidBias]
    attention_period: NotRequired[int | None]
    attention_offset: NotRequired[int | None]
    n_meta: NotRequired[int | None]
    window: NotRequired[int | None]


class SISAConfig(Shape):
    """Describe a model: every field is checked, and what is left out is the architecture's own.

    None stands for "left out" and is replaced before the Shape is made, so that a config, what `to_dict`
    saves and a checkpoint hold resolved values only.

    Args:
        d_model: width of the residual stream.
        n_layers: number of blocks.
        n_heads: attention heads; d_head = d_model / n_heads must be even (RoPE rotates pairs).
        d_mlp: hidden width of SwiGLU; 0 leaves the MLPs out, which only mamba2 and mamba3 may.
        d_vocab: number of token ids.
        n_ctx: training context, tokens. Longer inputs are accepted.
        architecture: which mixer the blocks have, a name in `model.config.architectures`; left out it is
            "sisa", or "transformer" where d_state is 0.
        d_state: state size a head, even; 0 is the plain transformer.
        layer_d_state: d_state of every layer of a SISA, even numbers; d_state is then the largest of them.
        anchor: where the running decay is centred (`model.mixers.attention.anchor`): "exact" for every block
            of queries anew, right at any length; "causal" once, right up to 76 nats of decay in all;
            "minimax" is the paper's rule, right up to 22, and looks ahead past that.
        anchor_block: queries that share an anchor of "exact". The decay within a block must fit 76 nats: 64
            holds half-lives down to 0.58 tokens.
        rope: position code on q and k: "rope", "none", or a way to stretch RoPE over longer contexts: "pi",
            "ntk", "dynamic_ntk" or "yarn" (`model.mixers.parts.rope`).
        rope_factor: how many times n_ctx the stretched RoPE is made for.
        sigmoid_bias: of sigmoid_sisa: −log of the number of keys that a query sees ("log_t"), or −log n_ctx.
        attention_period: jamba alone: layers from one with attention to the next, 4 or all layers.
        attention_offset: jamba alone: layer i has attention where i % period == offset; half the period.
        n_meta: hymba alone: learned tokens before the text, n_ctx/16.
        window: hymba alone: how far back its local layers look, tokens, n_ctx/2.

    Raises:
        ValueError: names the field, the value received and the legal values.

    Example:
        >>> config = SISAConfig(d_model=64, n_layers=2, n_heads=4, d_mlp=96, d_vocab=50, n_ctx=512)
        >>> config.architecture, config.d_state, config.rope
        ('sisa', 16, 'rope')
        >>> SISAConfig(d_modle=64)
        Traceback (most recent call last):
        ValueError: SISAConfig field d_modle is 64; legal: the fields d_model, n_layers, ...
    """

    def __init__(self, **given: Unpack[Given]) -> None:
        values = _complete(given)
        record = _architecture(values)
        whole("d_mlp", values["d_mlp"], least=1 if record.needs_mlp else 0)
        layer_d_state = _layer_states(values["layer_d_state"])
        largest = max(layer_d_state, default=record.d_state)
        settled = {
            "architecture": record.name,
            "layer_d_state": layer_d_state,
            "d_state": largest if _is_own(values["d_state"]) else values["d_state"],
            "rope": record.rope if _is_own(values["rope"]) else values["rope"],
        }
        without_own_fields: dict[str, Any] = values | settled | dict.fromkeys(_owners(), 0)
        shape = _with_own_fields(Shape(**without_own_fields), record, given=values)
        record.check_shape(shape)
        super().__init__(**vars(shape))

    def to_dict(self) -> dict[str, Any]:
        """Return every field, as JSON would hold it; `from_dict` is the inverse.

        Example:
            >>> config = SISAConfig.preset("tiny")
            >>> SISAConfig.from_dict(config.to_dict()) == config
            True
        """
        return asdict(self) | {"layer_d_state": list(self.layer_d_state)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SISAConfig:
        """Return the config that `to_dict` wrote; unknown or missing fields raise a ValueError.

        Args:
            values: fields by name; those that an older version did not know take their defaults. What says
                nothing of its anchor was made when there was only "causal", and keeps it.
        """
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
            step = "Pass what to_dict returned."
            raise refusal("config", values, legal="a mapping of fields by name", step=step)
        said: dict[str, Any] = {"anchor": "causal", **values}
        return cls(**said)

    @classmethod
    def preset(
        cls, name: str, *, architecture: str | None = None, d_state: int | None = None, **overrides: Any
    ) -> SISAConfig:
        """Return a named size whose d_mlp is solved so that it has the plain transformer's parameters.

        Args:
            name: tiny, small (both ours), 50m, 152m or 369m (the paper's).
            architecture: as in SISAConfig.
            d_state: as in SISAConfig.
            overrides: any other field; a given d_mlp is taken as it is.

        Raises:
            ValueError: an unknown size or a value that is not legal.

        Example:
            >>> plain = SISAConfig.preset("tiny", architecture="transformer")
            >>> plain.d_mlp, SISAConfig.preset("tiny", architecture="sisa").d_mlp
            (160, 105)
        """
        one_of("preset", name, list(PRESETS))
        sizes: dict[str, Any] = PRESETS[name]._asdict()
        sizes |= overrides
        asked = cls(**sizes, architecture=architecture, d_state=d_state)
        if "d_mlp" in overrides:
            return asked
        transformer = {field: sizes[field] for field in Preset._fields}
        target = total(cls(**transformer, architecture="transformer"))
        return replace(asked, d_mlp=matched_d_mlp(asked, target=target))


def _complete(given: Mapping[str, object]) -> dict[str, object]:
    """All fields of a Shape, None where nothing was given; ValueError for unknown and missing names."""
    known = [field.name for field in fields(Shape)]
    for name in given.keys() - set(known):
        legal = f"the fields {', '.join(known)}"
        raise refusal(f"SISAConfig field {name}", given[name], legal=legal, step=f"Remove {name}.")
    missing = set(Preset._fields) - set(given)
    if missing:
        legal = f"a mapping that also holds {', '.join(sorted(missing))}"
        raise refusal("config", dict(given), legal=legal, step="Add the missing fields.")
    return dict.fromkeys(known) | SAME_FOR_ALL | dict(given)


def _is_own(value: object) -> bool:
    """Whether the architecture's own value is asked for: by None, or as it was written before None was."""
    return value is None or value == FORMER_TEXT or (value == FORMER_NUMBER and not isinstance(value, bool))


def _architecture(values: Mapping[str, Any]) -> Architecture:
    """Return the record that is asked for; SISA without a state is the transformer."""
    asked, stateless = values["architecture"], values["d_state"] == 0
    if _is_own(asked):
        asked = "transformer" if stateless else "sisa"
    record = architecture(asked)
    return architecture(record.without_state) if stateless and record.without_state else record


def _layer_states(sizes: object) -> tuple[int, ...]:
    if not isinstance(sizes, list | tuple):
        legal = "even numbers >= 2, one a layer"
        raise refusal("layer_d_state", sizes, legal=legal, step="Put them into a tuple.")
    return tuple(whole("layer_d_state", size, least=0) for size in sizes)


def _owners() -> dict[str, list[str]]:
    """Field -> the architectures that have it, of all fields that not every architecture has."""
    owners: dict[str, list[str]] = {}
    for record in architectures():
        for own in record.own_fields:
            owners.setdefault(own.name, []).append(record.name)
    return owners


def _with_own_fields(shape: Shape, record: Architecture, *, given: Mapping[str, object]) -> Shape:
    """Return the shape with the architecture's own fields, as given or by default; those of others stay 0."""
    own = [field.name for field in record.own_fields]
    for name, owners in _owners().items():
        value = given[name]
        if name not in own and not _is_own(value) and value != 0:
            step = f"Leave {name} out, or set architecture to {owners[0]!r}."
            raise refusal(name, value, legal=f"0, for only {', '.join(owners)} has it", step=step)
    for field in record.own_fields:  # one after the other, for a default may rest on the field before it
        shape = replace(shape, **{field.name: _own_value(field, shape, given[field.name])})
    return shape


def _own_value(field: OwnField, shape: Shape, value: object) -> int:
    return field.default(shape) if _is_own(value) else whole(field.name, value, least=field.least)
