"""How a row of scores becomes the weights on the values: softmax is one way of three.

    softmax    w_ij = exp(s_ij) / Σ_j exp(s_ij)           probabilities, a row sums to 1
    sigmoid    w_ij = 1 / (1 + exp(−(s_ij + b_i)))        0 to 1 each; b_i a number, or "log_t": −log(i + 1)
    linear     w_ij = s_ij                                a state space's: signed, unnormalised

A trace says which in its attribute "score", a `ScoreForm` as JSON: the kind of weights, b, what the two terms
of s are called, how many state channels they have and whether the mixer is a state space.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from data.refusal import one_of, refusal, whole
from sisa_viz.trace.axes import DERIVED, HEADS, SCORES, Quantity
from sisa_viz.trace.numbers import finite_number

LOG_T = "log_t"
LINEAR = "linear"
SHARE = Quantity(HEADS, "weight mass", "share of |weights|")


@dataclass(frozen=True)
class Kind:
    """Say how plots show one kind of weights.

    Args:
        quantity: what the weights are called, and their unit.
        signed: whether they may be negative, so that colours diverge from zero.
        top: where a colour scale from zero ends; None leaves it to the largest weight shown.
        score_units: the unit of the scores before they become weights; "1" where they are no nats.
    """

    quantity: Quantity
    signed: bool = False
    top: float | None = None
    score_units: str = "nats"


KINDS = {
    "softmax": Kind(DERIVED["pattern"]),
    "sigmoid": Kind(Quantity(SCORES, "sigmoid of score and bias", "weight"), top=1.0),
    "linear": Kind(
        Quantity(SCORES, "mixing weights (signed, unnormalised)", "1"), signed=True, score_units="1"
    ),
}


@dataclass(frozen=True)
class Weighing:
    """Turn the scores of a head into the weights on its values.

    Args:
        score: "softmax", "sigmoid" or "linear"; the equations stand at the top of this file.
        bias: b of the sigmoid in nats, or "log_t" for b_i = −log(i + 1); of no effect on the others.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.trace.weights import Weighing
        >>> scores = np.array([[0.0, 0.0, np.nan]], dtype=np.float32)  # query 1 does not see key 2
        >>> Weighing().weights(scores, np.array([1])).tolist()
        [[0.5, 0.5, nan]]
    """

    score: str = "softmax"
    bias: float | str = 0.0

    @property
    def kind(self) -> Kind:
        """Return how plots show these weights."""
        return KINDS[self.score]

    def weights(self, scores: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Compute the weights of some queries from the rows of their scores.

        Args:
            scores: float32 [query, key], NaN where the key is later than the query.
            queries: positions i [query]; the bias "log_t" depends on them.

        Returns:
            [query, key] like `scores`, NaN where they are NaN. "linear" returns the array it was given.
        """
        if self.score == LINEAR:
            return scores
        if self.score == "sigmoid":
            scores = scores + self._bias(queries)[:, None]
            # exp(−s) overflows float32 at s = −89. With e = exp(−|s|) ≤ 1 nothing does: 1 / (1 + exp(−s)) is
            # 1 / (1 + e) where s ≥ 0 and e / (1 + e) where s < 0, for s = −100 about 4e−44 and no warning.
            small = np.exp(-np.abs(scores))
            return np.where(scores < 0, small, np.float32(1)) / (1 + small)
        # The largest score is subtracted first, which changes no weight: exp(90) would overflow float32,
        # exp(0) is 1. The largest weight before the division is therefore 1, and the sum at least 1.
        weights = np.exp(scores - np.nanmax(scores, axis=-1, keepdims=True))
        return weights / np.nansum(weights, axis=-1, keepdims=True)

    def _bias(self, queries: np.ndarray) -> np.ndarray:
        bias = -np.log(queries + 1) if self.bias == LOG_T else np.full(len(queries), self.bias)
        return bias.astype(np.float32)


SOFTMAX = Weighing()


def share(row: np.ndarray, inside: np.ndarray) -> float:
    """Compute the part of a row's weights that lies on some keys, by size: `Σ_inside |w_j| / Σ_j |w_j|`.

    With softmax this is the probability of those keys. Signed weights have no such sum, and one that cancels
    another still moves values, so their sizes count.

    Args:
        row: weights [key] of one query, NaN where no score exists.
        inside: bool [key], True only where a score exists.

    Returns:
        0 to 1; 0 for a row of zeros.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.trace.weights import share
        >>> share(np.array([0.5, -1.5, 2.0, np.nan]), np.array([True, True, False, False]))
        0.5
    """
    sizes = np.abs(row)
    return float(sizes[inside].sum() / (np.nansum(sizes) or 1))


TERMS = ("content", "importance")


@dataclass(frozen=True, kw_only=True)
class ScoreForm:
    """Say what the score of a trace is, so that no reader has to guess it from the arrays.

    Args:
        kind: how a row of scores becomes weights: "softmax", "sigmoid" or "linear".
        bias: b of the sigmoid in nats, a number, or "log_t" for b_i = −log(i + 1).
        terms: names of the two terms, by "content" and "importance"; a term left out keeps that name.
            λ scales importance.
        d_state: state channels of the importance term; 0 where there is no such term.
        state_space: whether the one term is a state space's, without content, softmax and λ.
        note: what the factors cannot say, as a sentence; empty for most mixers.

    Raises:
        ValueError: a value has another type or is out of range, or a state space is not linear.

    Example:
        >>> from sisa_viz.trace.weights import ScoreForm
        >>> form = ScoreForm(d_state=4, terms={"importance": "decay bias"})
        >>> form.kind, form.terms
        ('softmax', {'content': 'content', 'importance': 'decay bias'})
    """

    kind: str = "softmax"
    bias: float | str = 0.0
    terms: Mapping[str, str] = field(default_factory=dict)
    d_state: int = 0
    state_space: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        one_of("score kind", self.kind, tuple(KINDS))
        object.__setattr__(self, "d_state", whole("score d_state", self.d_state, least=0))
        if isinstance(self.state_space, np.bool_):
            object.__setattr__(self, "state_space", bool(self.state_space))
        if not isinstance(self.state_space, bool):  # 1 == True, so that one_of would let numbers pass
            step = "Leave it out for a mixer that attends."
            raise refusal("score state_space", self.state_space, legal="True, False", step=step)
        if not (isinstance(self.bias, str) and self.bias == LOG_T):
            object.__setattr__(self, "bias", self._number())
        if not isinstance(self.note, str):
            raise refusal("score note", self.note, legal="a string", step="Leave it out if there is none.")
        if self.state_space and (self.kind != LINEAR or self.d_state == 0):
            came = f"True, with kind {self.kind!r} and d_state {self.d_state}"
            step = "A state space mixes values by its signed term alone."
            raise refusal("score state_space", came, legal='kind "linear" and d_state > 0', step=step)
        object.__setattr__(self, "terms", _named_terms(self.terms))

    def _number(self) -> float:
        """Return the bias as a plain float."""
        number = finite_number(self.bias)
        if number is None:
            step = "Leave it out where there is no sigmoid."
            raise refusal("score bias", self.bias, legal=f"a finite number, or {LOG_T!r}", step=step)
        return number

    @property
    def weighing(self) -> Weighing:
        """How a head turns its scores into weights."""
        return Weighing(self.kind, self.bias)

    def to_dict(self) -> dict[str, object]:
        """Return the fields as JSON holds them; `score_form` reads them again."""
        return asdict(self)


def score_form(given: Mapping[str, object]) -> ScoreForm:
    """Read what the attribute "score" of a trace holds.

    Args:
        given: fields of `ScoreForm` by name; each may be left out.

    Raises:
        ValueError: an unknown field, or a value that `ScoreForm` refuses.

    Example:
        >>> from sisa_viz.trace.weights import score_form
        >>> score_form({"kind": "sigmoid", "bias": -3}).weighing
        Weighing(score='sigmoid', bias=-3.0)
    """
    names = [each.name for each in fields(ScoreForm)]
    if not isinstance(given, Mapping) or not set(given) <= set(names):
        legal = f"an object with {', '.join(names)}"
        raise refusal("score", given, legal=legal, step="Leave out what keeps its default.")
    return ScoreForm(**dict(given))  # pyright: ignore[reportArgumentType]  # __post_init__ checks every type


def _named_terms(given: object) -> dict[str, str]:
    if isinstance(given, Mapping) and set(given) <= set(TERMS):
        names = {term: given.get(term, term) for term in TERMS}
        if all(isinstance(name, str) for name in names.values()):
            return names
    step = "Leave a term out to keep its name."
    raise refusal("score terms", given, legal=f"strings for {', '.join(TERMS)}", step=step)
