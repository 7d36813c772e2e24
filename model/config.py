"""One frozen configuration, checked on construction.

Sizes use TransformerLens' names; d_state is the paper's d_s. Source: arXiv 2606.02332, eq. 6 (parameter
matching) and its table of model sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from data.refusal import one_of, refusal, whole

Anchor = Literal["causal", "minimax"]

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
    """Shape of a SISA model.

    Args:
        d_model: width of the residual stream.
        n_layers: number of blocks.
        n_heads: attention heads; d_head = d_model / n_heads must be even (RoPE rotates pairs).
        d_mlp: hidden width of SwiGLU.
        d_state: state size a head of the importance term, even; 0 is the plain transformer.
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
    d_state: int = 16
    anchor: Anchor = "causal"

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

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    @property
    def architecture(self) -> str:
        """ "transformer" when d_state is 0, else "sisa"."""
        return "sisa" if self.d_state else "transformer"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SISAConfig:
        """Inverse of to_dict; unknown or missing fields raise a ValueError."""
        missing = {f.name for f in fields(cls)} - {"d_state", "anchor"} - set(values)
        if missing:
            legal = f"a mapping that also holds {', '.join(sorted(missing))}"
            raise refusal("config", dict(values), legal=legal, step="Add the missing fields.")
        return cls(**dict(values))

    @classmethod
    def preset(cls, name: str, *, d_state: int = 16, **overrides: Any) -> SISAConfig:
        """A named size; d_mlp is solved so that SISA has the parameters of the transformer of that size.

        Args:
            name: tiny, small (both ours), 50m, 152m or 369m (the paper's).
            d_state: 0 for the plain transformer.
            overrides: any other field; a given d_mlp is taken as it is.
        """
        one_of("preset", name, list(PRESETS))
        whole("d_state", d_state, least=0)
        d_model, n_layers, n_heads, d_mlp, d_vocab, n_ctx = PRESETS[name]
        sizes: dict[str, Any] = dict(
            d_model=d_model, n_layers=n_layers, n_heads=n_heads, d_mlp=d_mlp, d_vocab=d_vocab, n_ctx=n_ctx
        )
        sizes |= overrides
        if "d_mlp" not in overrides:
            sizes["d_mlp"] = matched_d_mlp(cls(**sizes, d_state=0), d_state=d_state)
        return cls(**sizes, d_state=d_state)


def importance_parameters(config: SISAConfig, *, d_state: int) -> int:
    """Parameters a layer that the importance term adds (arXiv 2606.02332, eq. 6).

    W_B, W_C, then w_α with b_α, then W_θ, then λ_raw: 2·d·h·d_s + (d·h + h) + d·h·d_s/2 + h.
    """
    d, h, d_s = config.d_model, config.n_heads, d_state
    return 2 * d * h * d_s + (d * h + h) + d * h * d_s // 2 + h if d_s else 0


def matched_d_mlp(transformer: SISAConfig, *, d_state: int) -> int:
    """d_mlp that pays for the importance term, rounded: SwiGLU has 3·d·d_mlp parameters (eq. 6)."""
    d_mlp = round(
        transformer.d_mlp - importance_parameters(transformer, d_state=d_state) / (3 * transformer.d_model)
    )
    if d_mlp < 1:
        legal = f"what the MLP can pay for (d_mlp={transformer.d_mlp}, d_model={transformer.d_model})"
        raise refusal("d_state", d_state, legal=legal, step="Choose a smaller d_state or a larger d_mlp.")
    return d_mlp
