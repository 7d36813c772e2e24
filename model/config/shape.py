"""Shape: every number and choice that fixes which tensors a model has, and the checks on them.

A Shape knows nothing of architectures but their names. What one architecture allows and another does not
(a state, a rotation of q and k, fields of its own) stands in its record, see `model.config.architectures`;
`model.config.SISAConfig` is a Shape whose defaults were taken from that record.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from data.refusal import as_number, one_of, refusal, whole

Anchor = Literal["exact", "causal", "minimax"]
Rope = Literal["rope", "none", "pi", "ntk", "dynamic_ntk", "yarn"]
SigmoidBias = Literal["log_t", "log_n"]

UNSTRETCHED = ("rope", "none")  # position codes that know no target length
FROM_ONE = ("d_model", "n_layers", "n_heads", "d_vocab")
POSITIONS = ("n_ctx", "anchor_block")
MOST_POSITIONS = (
    2**53
)  # up to here float64, in which angles and their positions are counted, has every number
FROM_ZERO = ("d_mlp", "d_state", "attention_period", "attention_offset", "n_meta", "window")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Hold the shape of a model with every default resolved, checked on construction.

    The fields are those of `model.config.SISAConfig`, where each is explained. The formulas of
    `model.config.sizes` and the mixers read a Shape and nothing else.

    Raises:
        ValueError: names the field, the value received and the legal values.

    Example:
        >>> from model.config import SISAConfig
        >>> shape = SISAConfig.preset("tiny")
        >>> isinstance(shape, Shape), shape.d_head, shape.layer_state(0)
        (True, 16, 16)
    """

    d_model: int
    n_layers: int
    n_heads: int
    d_mlp: int
    d_vocab: int
    n_ctx: int
    architecture: str
    d_state: int
    layer_d_state: tuple[int, ...]
    anchor: Anchor
    anchor_block: int
    rope: Rope
    rope_factor: float
    sigmoid_bias: SigmoidBias
    attention_period: int
    attention_offset: int
    n_meta: int
    window: int

    def __post_init__(self) -> None:
        for name in FROM_ONE:
            self._keep(name, whole(name, getattr(self, name), least=1))
        for name in POSITIONS:
            self._keep(name, whole(name, getattr(self, name), least=1, most=MOST_POSITIONS))
        for name in FROM_ZERO:
            self._keep(name, whole(name, getattr(self, name), least=0))
        if self.layer_d_state:
            self._check_layer_states()
        if self.d_state % 2:
            legal, step = "even numbers, for R rotates pairs", "Use 0 for the plain transformer."
            raise refusal("d_state", self.d_state, legal=legal, step=step)
        self._check_heads()
        one_of("anchor", self.anchor, get_args(Anchor))
        one_of("rope", self.rope, get_args(Rope))
        one_of("sigmoid_bias", self.sigmoid_bias, get_args(SigmoidBias))
        for name in ("architecture", "anchor", "rope", "sigmoid_bias"):  # numpy has texts of its own, too
            object.__setattr__(self, name, str(getattr(self, name)))
        self._check_rope_factor()

    def _keep(self, name: str, value: float) -> None:
        """Keep a field as a plain number, which JSON can hold, where one of numpy was given."""
        object.__setattr__(self, name, value)

    def _check_heads(self) -> None:
        if self.d_model % self.n_heads:
            legal, step = (
                f"divisors of d_model={self.d_model}",
                "Choose n_heads or d_model so that it divides.",
            )
            raise refusal("n_heads", self.n_heads, legal=legal, step=step)
        if self.d_head % 2:
            legal = f"multiples of {2 * self.n_heads} (2·n_heads)"
            step = "d_head = d_model / n_heads must be even, for RoPE rotates pairs."
            raise refusal("d_model", self.d_model, legal=legal, step=step)

    def _check_rope_factor(self) -> None:
        factor = as_number(self.rope_factor)
        if factor is None or not 1.0 <= factor < math.inf:
            step = "Set the target length as a multiple of n_ctx."
            raise refusal("rope_factor", self.rope_factor, legal="finite numbers >= 1", step=step)
        self._keep("rope_factor", factor)
        if factor * self.n_ctx > MOST_POSITIONS:  # NTK takes a power of it, which leaves the range of floats
            legal = f"finite numbers >= 1 whose product with n_ctx={self.n_ctx} is at most {MOST_POSITIONS:,}"
            raise refusal("rope_factor", factor, legal=legal, step="Usual are 2 to 64.")
        if self.rope in UNSTRETCHED and self.rope_factor != 1.0:
            step = "Set rope to pi, ntk, dynamic_ntk or yarn."
            legal = f"1.0, for rope={self.rope!r} has none"
            raise refusal("rope_factor", self.rope_factor, legal=legal, step=step)
        # NTK's exponent is d_head / (d_head − 2): with d_head = 2 there is one pair and nothing to share
        if self.rope in ("ntk", "dynamic_ntk") and self.d_head < 4:
            legal = "rope, none, pi and yarn, for d_head = 2 is a single pair"
            raise refusal("rope", self.rope, legal=legal, step="Choose fewer heads.")

    def _check_layer_states(self) -> None:
        sizes = self.layer_d_state
        if len(sizes) != self.n_layers or any(size % 2 or size < 2 for size in sizes):
            legal = f"{self.n_layers} even numbers >= 2, one a layer"
            raise refusal("layer_d_state", sizes, legal=legal, step="Name the d_state of every layer.")
        if self.d_state != max(sizes):
            legal = f"{max(sizes)}, the largest of layer_d_state"
            raise refusal("d_state", self.d_state, legal=legal, step="Leave d_state out.")

    @property
    def d_head(self) -> int:
        """Width of q, k and v of one attention head: d_model / n_heads."""
        return self.d_model // self.n_heads

    def layer_state(self, layer: int) -> int:
        """Return d_state of one layer: its own where layers differ, otherwise that of all."""
        return self.layer_d_state[layer] if self.layer_d_state else self.d_state
