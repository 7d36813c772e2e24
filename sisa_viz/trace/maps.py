"""The scores of one head of a trace, labelled: every pair of positions, or the row of one query.

A trace stores factors, O(L) numbers a head, and no L × L array. The methods here multiply them when they are
asked, read from a file only the head in question, and return arrays with dims, coordinates, names and units.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from sisa_viz.trace import scores as maths
from sisa_viz.trace.axes import DERIVED, axis_attrs, head_name
from sisa_viz.trace.check import check_finite, check_spans, check_trace
from sisa_viz.trace.numbers import check_coordinate, check_lam_scale, check_position
from sisa_viz.trace.weights import ScoreForm, Weighing, score_form

LARGEST_PRODUCT = 1e30  # with a lam_scale of up to a million still a number in float32, which ends at 3.4e38
Rows: TypeAlias = Callable[[maths.Head, np.ndarray], np.ndarray]  # of a head at positions: [query, key]


class HeadMaps:
    """Compute the scores of one head at a time; the part of `trace.sisa` that a map needs.

    Args:
        trace: what `build_trace` made.

    Raises:
        ValueError: it is no trace; see `check_trace`.
    """

    def __init__(self, trace: xr.Dataset) -> None:
        self._trace = check_trace(trace)

    @property
    def config(self) -> dict[str, Any]:
        """Return the model's own configuration, untouched: `SISAConfig.from_dict` reads it."""
        return json.loads(self._trace.attrs["config"])

    @property
    def score(self) -> ScoreForm:
        """Return what the score is: kind of weights, bias, names of its terms, state channels."""
        return score_form(json.loads(self._trace.attrs["score"]))

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Return the named spans (start, stop) in token positions, half-open."""
        return check_spans(json.loads(self._trace.attrs["spans"]), self._trace.sizes["position"])

    @property
    def is_plain(self) -> bool:
        """Say whether this is attention alone (d_state = 0), as in a transformer: no importance term."""
        return self.score.d_state == 0

    @property
    def is_state_space(self) -> bool:
        """Say whether the weights are one signed term, without content, softmax and λ."""
        return self.score.state_space

    @property
    def has_lam(self) -> bool:
        """Say whether λ scales a term of the score: neither in attention alone nor in a state space."""
        return not (self.is_plain or self.is_state_space)

    @property
    def terms(self) -> dict[str, str]:
        """Return what this mixer calls the two terms of its score, by "content" and "importance"."""
        return dict(self.score.terms)

    @property
    def weighing(self) -> Weighing:
        """Return how a head turns a row of scores into weights: by softmax, by sigmoid, or as they are."""
        return self.score.weighing

    def content(self, *, layer: int, head: int, query: int | None = None) -> xr.DataArray:
        """Compute the content score q_i·k_j / sqrt(d_head) of every pair of positions.

        Args:
            layer: coordinate of the layer.
            head: coordinate of the head.
            query: the one query position wanted; None computes all L, and L × L numbers.

        Returns:
            (query, key) in nats, or (key) of one query; NaN where the key is later than the query.

        Example:
            >>> from sisa_viz.examples import example_trace
            >>> row = example_trace().sisa.content(layer=0, head=0, query=1)
            >>> row.dims, row.attrs["units"], int(row.isnull().sum())  # query 1 sees keys 0 and 1 of 8
            (('key',), 'nats', 6)
        """
        return self._map("content", layer, head, query, maths.content)

    def importance(self, *, layer: int, head: int, query: int | None = None) -> xr.DataArray:
        """Compute the importance score λ · exp(ĝ_i − ĝ_j) · c_rot_i·b_rot_j of every pair of positions.

        Arguments and shape are those of `content`; zeros in attention alone. A state space has no nats: its
        unit is "1".
        """
        return self._map("importance", layer, head, query, maths.importance)

    def scores(self, *, layer: int, head: int, query: int | None = None) -> xr.DataArray:
        """Compute the whole score, content + importance; arguments and shape are those of `content`."""
        return self._map(
            "scores", layer, head, query, lambda f, rows: maths.content(f, rows) + maths.importance(f, rows)
        )

    def pattern(
        self, *, layer: int, head: int, query: int | None = None, lam_scale: float = 1.0
    ) -> xr.DataArray:
        """Compute the attention pattern softmax_j(content + lam_scale · importance).

        A mixer without softmax weighs its values by a sigmoid or by the score itself (`weights` has the
        equations); then this is what it weighs by, with its own name and unit.

        Args:
            layer: coordinate of the layer.
            head: coordinate of the head.
            query: the one query position wanted; None computes all of them.
            lam_scale: factor on λ: 1 keeps it as trained, 0 shows what content alone would attend to.

        Returns:
            (query, key) probabilities, or (key) of one query; NaN where the key is later than the query.

        Example:
            >>> from sisa_viz.examples import example_trace
            >>> pattern = example_trace().sisa.pattern(layer=0, head=1, lam_scale=0)
            >>> pattern.sum("key").values.round(4).tolist()
            [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
        """
        return self._map("pattern", layer, head, query, pattern_rows(lam_scale))

    def factors(self, *, layer: int, head: int) -> maths.Head:
        """Return the factors of one head as float32 arrays of numpy; a file is read for that head alone.

        They are what `sisa_viz.trace.scores` computes with, where labels would be in the way.

        Raises:
            ValueError: the trace has no such head, or one of its numbers is not finite.
        """
        picked = self._trace.isel(layer=self._index("layer", layer), head=self._index("head", head))
        names = ("q", "k") if self.is_plain else ("q", "k", "b_rot", "c_rot", "anchored_decay")
        arrays = {name: check_finite(picked[name]).values.astype(np.float32) for name in names}
        lam = None if self.is_plain else float(check_finite(picked["lam"]))
        factors = maths.Head(**arrays, lam=lam, weighing=self.weighing)
        _check_size(factors, head_name(layer, head))
        return factors

    def _map(self, name: str, layer: int, head: int, query: int | None, rows: Rows) -> xr.DataArray:
        """Label the rows of one head; `rows` computes them."""
        length = self._trace.sizes["position"]
        layer, head = self._coordinate("layer", layer), self._coordinate("head", head)
        queries = np.arange(length) if query is None else np.array([self._position(query)])
        values = rows(self.factors(layer=layer, head=head), queries)
        array = xr.DataArray(values, dims=("query", "key"), coords=self._score_coords(queries, layer, head))
        array = labelled(name, array).assign_attrs(self._attrs(name))
        return array if query is None else array.isel(query=0)

    def _attrs(self, name: str) -> dict[str, str]:
        """Return the attributes of a map; a mixer may have names of its own, and no nats."""
        kind = self.weighing.kind
        if name == "pattern":
            return kind.quantity.attrs
        names = {part: f"{term} score" for part, term in self.terms.items()}
        return {"long_name": names.get(name, DERIVED[name].long_name), "units": kind.score_units}

    def _score_coords(self, queries: np.ndarray, layer: int, head: int) -> Mapping[str, object]:
        tokens = self._trace["token"].values
        keys = np.arange(tokens.size)
        return {
            "query": ("query", queries, axis_attrs("query")),
            "key": ("key", keys, axis_attrs("key")),
            "query_token": ("query", tokens[queries], axis_attrs("token")),
            "key_token": ("key", tokens, axis_attrs("token")),
            "layer": layer,
            "head": head,
        }

    def _coordinate(self, axis: str, value: int) -> int:
        return check_coordinate(axis, value, self._trace[axis].values)

    def _index(self, axis: str, value: int) -> int:
        return int(np.flatnonzero(self._trace[axis].values == self._coordinate(axis, value))[0])

    def _position(self, value: int, *, name: str = "query") -> int:
        return check_position(value, self._trace.sizes["position"], name=name)


def _check_size(head: maths.Head, name: str) -> None:
    """Refuse factors that are finite each, while their products are not.

    Two numbers of 1e30 are finite in float32, which ends at 3.4e38; their product is infinite, and a softmax
    over it is NaN, which would read as "no score exists here". By Cauchy and Schwarz no product of two rows
    is larger than the product of their lengths, so that O(L) numbers are looked at and not L × L.
    """
    sizes = {"q·k": _longest(head.q) * _longest(head.k)}
    if head.anchored_decay is not None and head.b_rot is not None and head.c_rot is not None:
        g = head.anchored_decay.astype(np.float64)
        rise = float((g - np.minimum.accumulate(g)).max())  # 0 where ĝ never rises, as it should not
        state = _longest(head.b_rot) * _longest(head.c_rot)
        decay = abs(head.lam or 0.0) * float(np.exp(min(rise, 700.0)))  # exp(710) overflows float64
        sizes |= {"c_rot·b_rot": state, "λ · exp(ĝ_i − ĝ_j)": decay, "importance": decay * state}
        sizes |= {"exp(ĝ_i − ĝ_j)": float(np.exp(min(rise, 700.0)))}
    for product, size in sizes.items():
        if size > LARGEST_PRODUCT:
            raise ValueError(
                f"{product} of {name} reaches {size:.3g}, legal: at most {LARGEST_PRODUCT:g}, as float32 "
                "holds no larger scores; a diverged model has no scores to show"
            )


def _longest(rows: np.ndarray) -> float:
    """Return the length of the longest row, in float64, where no square of a float32 overflows."""
    return float(np.sqrt(np.square(rows, dtype=np.float64).sum(axis=-1).max()))


def pattern_rows(lam_scale: float) -> Rows:
    """Make the function that computes rows of weights with λ scaled by a factor.

    It computes softmax_j(content + lam_scale · importance), or what the head weighs by instead of a softmax.

    Args:
        lam_scale: factor on λ, without unit.

    Returns:
        A function of a `Head` and positions [query], which returns weights [query, key].

    Raises:
        ValueError: the factor is not finite.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.trace.maps import pattern_rows
        >>> head = example_trace().sisa.factors(layer=0, head=0)
        >>> pattern_rows(1.0)(head, np.array([0])).tolist()  # the first token sees itself alone
        [[1.0, nan, nan, nan, nan, nan, nan, nan]]
    """
    scale = np.float32(check_lam_scale(lam_scale))
    return lambda head, queries: head.weighing.weights(
        maths.content(head, queries) + scale * maths.importance(head, queries), queries
    )


def labelled(name: str, array: xr.DataArray) -> xr.DataArray:
    """Give an array the name, the words and the unit of one derived quantity.

    Args:
        name: a key of `sisa_viz.trace.axes.DERIVED`, such as "half_life".
        array: the numbers, with their dims; a copy is returned.

    Raises:
        KeyError: `DERIVED` does not have the name.

    Example:
        >>> import xarray as xr
        >>> from sisa_viz.trace.maps import labelled
        >>> labelled("half_life", xr.DataArray([8.0], dims="head")).attrs
        {'long_name': 'half-life', 'units': 'tokens'}
    """
    array = array.rename(name)
    array.attrs = DERIVED[name].attrs
    return array
