"""One frozen configuration, checked on construction.

Sizes use TransformerLens' names; d_state is the paper's d_s. Source of the presets: arXiv 2606.02332, its
table of model sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from data.refusal import one_of, refusal, whole
from model.sizes import matched_d_mlp, total

Anchor = Literal["causal", "minimax"]
Rope = Literal["rope", "none"]

# architecture: d_state where none is given
STATES = {"transformer": 0, "sisa": 16}
STATELESS = tuple(name for name, d_state in STATES.items() if not d_state)
OWN = -1  # d_state that stands for the architecture's own

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
        d_mlp: hidden width of SwiGLU.
        architecture: which mixer the blocks have; "" is "sisa", or "transformer" where d_state is 0.
        d_state: state size a head, even; 0 is the plain transformer. By default the architecture's own.
        rope: position code on q and k: "rope" or "none".
        d_vocab: number of token ids.
        n_ctx: training context, tokens. Longer inputs are accepted.
        anchor: where the running decay is centred: "causal" never looks ahead, "minimax" is the paper's rule.

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
    anchor: Anchor = "causal"
    rope: Rope = "rope"

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
        for name in ("d_model", "n_layers", "n_heads", "d_mlp", "d_vocab", "n_ctx", "d_state"):
            whole(name, getattr(self, name), least=0 if name == "d_state" else 1)
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

    def _settle(self) -> None:
        """Make architecture and d_state explicit; SISA without a state is the transformer."""
        one_of("architecture", self.architecture, ("", *STATES))
        architecture = self.architecture or ("sisa" if self.d_state else "transformer")
        if architecture == "sisa" and self.d_state == 0:
            architecture = "transformer"
        object.__setattr__(self, "architecture", architecture)
        if self.d_state == OWN:
            object.__setattr__(self, "d_state", STATES[architecture])
        if architecture in STATELESS and self.d_state:
            step = "Leave d_state out, or name another architecture."
            raise refusal("d_state", self.d_state, legal=f"0, for {architecture} has no state", step=step)

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

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
