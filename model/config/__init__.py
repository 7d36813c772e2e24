"""One frozen configuration, checked on construction.

Sizes use TransformerLens' names; d_state is the paper's d_s. Source of the presets: arXiv 2606.02332, its
table of model sizes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from data.refusal import one_of, refusal, whole
from model.config.hybrids import OWN, PURE, settle
from model.config.sizes import matched_d_mlp, total

Anchor = Literal["causal", "minimax"]
Rope = Literal["rope", "none", "pi", "ntk", "dynamic_ntk", "yarn"]
SigmoidBias = Literal["log_t", "log_n"]

# architecture: d_state where none is given
STATES = {"transformer": 0, "sisa": 16, "mamba2": 64, "mamba3": 64, "jamba": 64, "hymba": 16}
STATES |= {"adaptive_sisa": 16, "sigmoid_sisa": 16, "fox": 0, "alibi": 0}
STATELESS = tuple(name for name, d_state in STATES.items() if not d_state)
WITHOUT_ROPE = ("fox", "alibi", "mamba2", "mamba3", "jamba")  # their decay tells positions apart
PER_LAYER = ("sisa", "adaptive_sisa", "sigmoid_sisa")  # may have another d_state in every layer

# name: d_model, n_layers, n_heads, d_mlp of the plain transformer, d_vocab, n_ctx
PRESETS = {
    "tiny": (64, 2, 4, 160, 64, 128),
    "small": (384, 6, 6, 1024, 4096, 1024),
    "50m": (512, 6, 8, 2048, 50277, 2048),
    "152m": (768, 12, 12, 3072, 50277, 2048),
    "369m": (1024, 24, 16, 2944, 50277, 2048),
}


@dataclass(frozen=True, kw_only=True)
class SISAConfig:
    """Shape of a model.

    Args:
        d_model: width of the residual stream.
        n_layers: number of blocks.
        n_heads: attention heads; d_head = d_model / n_heads must be even (RoPE rotates pairs).
        d_mlp: hidden width of SwiGLU; 0 leaves the MLPs out (mamba2 and mamba3 alone).
        architecture: which mixer the blocks have; "" is "sisa", or "transformer" where d_state is 0.
        d_state: state size a head, even; 0 is the plain transformer. By default the architecture's own.
        layer_d_state: d_state of every layer of a SISA, even numbers; d_state is then the largest of them.
        rope: position code on q and k: "rope", "none", or a way to stretch RoPE over longer contexts: "pi",
            "ntk", "dynamic_ntk" or "yarn" (`model.mixers.parts.rope`). "" is the architecture's own.
        rope_factor: how many times n_ctx the stretched RoPE is made for.
        sigmoid_bias: of sigmoid_sisa: −log of the number of keys that a query sees, or −log n_ctx.
        d_vocab: number of token ids.
        n_ctx: training context, tokens. Longer inputs are accepted.
        anchor: where the running decay is centred: "causal" never looks ahead, "minimax" is the paper's rule.
        attention_period, attention_offset: jamba alone: layer i has attention where i % period == offset. By
            default every fourth layer, from the third on.
        n_meta, window: hymba alone: learned tokens before the text, n_ctx/16, and how far back its local
            layers look, n_ctx/2.

    Raises:
        ValueError: names the field, the value received and the legal values.
    """

    d_model: int
    n_layers: int
    n_heads: int
    d_mlp: int
    d_vocab: int
    n_ctx: int
    architecture: str = ""
    d_state: int = OWN
    layer_d_state: tuple[int, ...] = ()
    anchor: Anchor = "causal"
    rope: Rope | Literal[""] = ""
    rope_factor: float = 1.0
    sigmoid_bias: SigmoidBias = "log_t"
    attention_period: int = OWN
    attention_offset: int = OWN
    n_meta: int = OWN
    window: int = OWN

    def __new__(cls, *args: Any, **given: Any) -> SISAConfig:
        known = [field.name for field in fields(cls)]
        for name in given.keys() - set(known):
            raise refusal(
                f"SISAConfig field {name}",
                given[name],
                legal=f"the fields {', '.join(known)}",
                step=f"Remove {name}.",
            )
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self._settle()
        empty = ("d_state", "d_mlp") if self.architecture in PURE else ("d_state",)
        for name in ("d_model", "n_layers", "n_heads", "d_mlp", "d_vocab", "n_ctx", "d_state"):
            whole(name, getattr(self, name), least=0 if name in empty else 1)
        if self.d_state % 2:
            raise refusal(
                "d_state",
                self.d_state,
                legal="even numbers, for R rotates pairs",
                step="Use 0 for the plain transformer.",
            )
        if self.d_model % self.n_heads:
            step = "Choose n_heads or d_model so that it divides."
            raise refusal("n_heads", self.n_heads, legal=f"divisors of d_model={self.d_model}", step=step)
        if self.d_head % 2:
            step = "d_head = d_model / n_heads must be even, for RoPE rotates pairs."
            raise refusal(
                "d_model", self.d_model, legal=f"multiples of {2 * self.n_heads} (2·n_heads)", step=step
            )
        one_of("anchor", self.anchor, get_args(Anchor))
        one_of("rope", self.rope, get_args(Rope))
        one_of("sigmoid_bias", self.sigmoid_bias, get_args(SigmoidBias))
        self._check_rope_factor()
        settle(self)

    def _settle(self) -> None:
        """Make architecture, d_state and rope explicit; SISA without a state is the transformer."""
        one_of("architecture", self.architecture, ("", *STATES))
        architecture = self.architecture or ("sisa" if self.d_state else "transformer")
        if architecture == "sisa" and self.d_state == 0:
            architecture = "transformer"
        object.__setattr__(self, "architecture", architecture)
        if not isinstance(self.layer_d_state, list | tuple):
            legal = "even numbers >= 2, one a layer"
            raise refusal("layer_d_state", self.layer_d_state, legal=legal, step="Put them into a tuple.")
        sizes = tuple(whole("layer_d_state", size, least=0) for size in self.layer_d_state)
        object.__setattr__(self, "layer_d_state", sizes)
        if self.d_state == OWN:
            own = max(self.layer_d_state, default=STATES[architecture])
            object.__setattr__(self, "d_state", own)
        if self.rope == "":
            object.__setattr__(self, "rope", "none" if architecture in WITHOUT_ROPE else "rope")
        if self.layer_d_state:
            self._check_layers()
        if architecture in STATELESS and self.d_state:
            step = "Leave d_state out, or name another architecture."
            raise refusal("d_state", self.d_state, legal=f"0, for {architecture} has no state", step=step)
        if architecture == "adaptive_sisa" and self.d_state == 0:
            step = "Without a state there is nothing to gate: set architecture to 'transformer'."
            raise refusal("d_state", 0, legal="even numbers >= 2", step=step)

    def _check_layers(self) -> None:
        if self.architecture not in PER_LAYER:
            step = "Leave layer_d_state out."
            legal = f"(), for only {', '.join(PER_LAYER)} may differ from layer to layer"
            raise refusal("layer_d_state", self.layer_d_state, legal=legal, step=step)
        sizes = self.layer_d_state
        if len(sizes) != self.n_layers or any(size % 2 or size < 2 for size in sizes):
            legal = f"{self.n_layers} even numbers >= 2, one a layer"
            raise refusal("layer_d_state", sizes, legal=legal, step="Name the d_state of every layer.")
        if self.d_state != max(sizes):
            legal = f"{max(sizes)}, the largest of layer_d_state"
            raise refusal("d_state", self.d_state, legal=legal, step="Leave d_state out.")

    def _check_rope_factor(self) -> None:
        if not isinstance(self.rope_factor, int | float) or not 1.0 <= self.rope_factor < math.inf:
            step = "Set the target length as a multiple of n_ctx."
            raise refusal("rope_factor", self.rope_factor, legal="finite numbers >= 1", step=step)
        if self.rope in ("rope", "none") and self.rope_factor != 1.0:
            step = "Set rope to pi, ntk, dynamic_ntk or yarn."
            legal = f"1.0, for rope={self.rope!r} has none"
            raise refusal("rope_factor", self.rope_factor, legal=legal, step=step)
        if self.rope in ("ntk", "dynamic_ntk") and self.d_head < 4:
            legal = "rope, none, pi and yarn, for d_head = 2 is a single pair"
            raise refusal("rope", self.rope, legal=legal, step="Choose fewer heads.")

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    def layer_state(self, layer: int) -> int:
        """d_state of one layer."""
        return self.layer_d_state[layer] if self.layer_d_state else self.d_state

    def to_dict(self) -> dict[str, Any]:
        """Every field, as JSON would hold it."""
        return asdict(self) | {"layer_d_state": list(self.layer_d_state)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SISAConfig:
        """Inverse of to_dict; unknown or missing fields raise a ValueError."""
        missing = {f.name for f in fields(cls) if f.default is MISSING} - set(values)
        if missing:
            legal = f"a mapping that also holds {', '.join(sorted(missing))}"
            raise refusal("config", dict(values), legal=legal, step="Add the missing fields.")
        return cls(**dict(values))

    @classmethod
    def preset(cls, name: str, *, architecture: str = "", d_state: int = OWN, **overrides: Any) -> SISAConfig:
        """A named size; d_mlp is solved so that every architecture has the transformer's parameters.

        Args:
            name: tiny, small (both ours), 50m, 152m or 369m (the paper's).
            architecture, d_state: as in SISAConfig.
            overrides: any other field; a given d_mlp is taken as it is.
        """
        one_of("preset", name, list(PRESETS))
        names = ("d_model", "n_layers", "n_heads", "d_mlp", "d_vocab", "n_ctx")
        sizes: dict[str, Any] = dict(zip(names, PRESETS[name], strict=True)) | overrides
        asked = cls(**sizes, architecture=architecture, d_state=d_state)
        if "d_mlp" in overrides:
            return asked
        transformer = {field: sizes[field] for field in names}
        target = total(cls(**transformer, architecture="transformer"))
        return replace(asked, d_mlp=matched_d_mlp(asked, target=target))
