"""`trace.sisa`: every score of a trace, one head at a time, labelled."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from sisa_viz.trace import scores as maths
from sisa_viz.trace.axes import DERIVED, HEADS, axis_attrs
from sisa_viz.trace.check import check_lam_scale, check_span, check_spans, check_trace
from sisa_viz.trace.store import save_trace
from sisa_viz.trace.weights import SHARE, TERMS, ScoreForm, Weighing, score_form, share


@xr.register_dataset_accessor("sisa")
class SISAAccessor:
    """Scores and summaries of one trace; `layer` and `head` are coordinate values, zero-based."""

    def __init__(self, trace: xr.Dataset) -> None:
        self._trace = check_trace(trace)

    @property
    def config(self) -> dict[str, Any]:
        """The model's own configuration, untouched: `SISAConfig.from_dict` reads it."""
        return json.loads(self._trace.attrs["config"])

    @property
    def score(self) -> ScoreForm:
        """What the score is: kind of weights, bias, names of its terms, state channels."""
        return score_form(json.loads(self._trace.attrs["score"]))

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Named half-open spans in token positions."""
        return check_spans(json.loads(self._trace.attrs["spans"]), self._trace.sizes["position"])

    @property
    def is_plain(self) -> bool:
        """True for attention alone (d_state = 0), as in a plain transformer: there is no importance term."""
        return self.score.d_state == 0

    @property
    def is_state_space(self) -> bool:
        """True where weights are one signed term, without content, softmax and λ."""
        return self.score.state_space

    @property
    def has_lam(self) -> bool:
        """True where λ scales a term of the score: neither attention alone nor a state space."""
        return not (self.is_plain or self.is_state_space)

    @property
    def terms(self) -> dict[str, str]:
        """What this mixer calls the two terms of its score."""
        return dict(self.score.terms)

    @property
    def weighing(self) -> Weighing:
        """How a head turns a row of scores into weights: by softmax, by sigmoid, or as they are."""
        return self.score.weighing

    def content(self, *, layer: int, head: int, query: int | None = None) -> xr.DataArray:
        """q_i·k_j / sqrt(d_head) in nats, (query, key), NaN above the diagonal; `query` keeps one row."""
        return self._map("content", layer, head, query, maths.content)

    def importance(self, *, layer: int, head: int, query: int | None = None) -> xr.DataArray:
        """λ · exp(ĝ_i − ĝ_j) · c_rot_i·b_rot_j in nats, shaped like `content`."""
        return self._map("importance", layer, head, query, maths.importance)

    def scores(self, *, layer: int, head: int, query: int | None = None) -> xr.DataArray:
        """content + importance in nats, shaped like `content`."""
        return self._map(
            "scores", layer, head, query, lambda f, rows: maths.content(f, rows) + maths.importance(f, rows)
        )

    def pattern(
        self, *, layer: int, head: int, query: int | None = None, lam_scale: float = 1.0
    ) -> xr.DataArray:
        """softmax_j(content + lam_scale · importance), probability, shaped like `content`.

        In a mixer without softmax, what it weighs values by instead (`trace.weights`), named as such.
        """
        return self._map("pattern", layer, head, query, _pattern_rows(lam_scale))

    def half_life(self) -> xr.DataArray:
        """(layer, head) tokens after which a head keeps half: ln 2 / mean_t(−log α_t)."""
        rate = abs(self._decay("log_decay").mean("position"))
        with np.errstate(divide="ignore", over="ignore"):  # a head that hardly decays lives for ever
            return _labelled("half_life", (rate**-1 * np.log(2)).astype("float32"))

    def retention(self, *, origin: int = 0) -> xr.DataArray:
        """(layer, head, position) what is left of token `origin`: exp(ĝ_t − ĝ_origin), NaN before it."""
        start = self._query(origin)
        g = self._decay("anchored_decay")
        left = (g - g.isel(position=start)).where(g["position"] >= start)
        return _labelled("retention", xr.apply_ufunc(np.exp, left).astype("float32"))

    def span_mass(
        self, *, span: str | Sequence[int] = "needle", query: int = -1, lam_scale: float = 1.0
    ) -> xr.DataArray:
        """(layer, head) attention mass that one query puts on the visible keys of a span, probability.

        Without a softmax weights have no such sum, so there it is the span's share of the absolute weights.
        """
        inside = self._inside(span, query)
        mass = self._each_head("span_mass", query, _pattern_rows(lam_scale), lambda row: share(row, inside))
        return mass if self.weighing.score == "softmax" else mass.assign_attrs(SHARE.attrs)

    def span_advantage(
        self, part: str, *, span: str | Sequence[int] = "needle", query: int = -1
    ) -> xr.DataArray:
        """(layer, head) mean score of one query on the span minus that on its other visible keys, nats.

        `part` is "content" or "importance". ValueError if no other key is visible.
        """
        if part not in TERMS:
            raise ValueError(f"part is {part!r}; legal: {', '.join(TERMS)}")
        inside = self._inside(span, query)
        outside = ~inside & (np.arange(inside.size) <= self._query(query))
        if not outside.any():
            raise ValueError(
                f"query {self._query(query)} sees only the span {span!r}; choose a later query or a shorter "
                f"span"
            )
        rows = maths.content if part == "content" else maths.importance
        advantage = self._each_head(
            "span_advantage", query, rows, lambda row: row[inside].mean() - row[outside].mean()
        )
        return advantage.assign_attrs(units=self.weighing.kind.score_units)

    def clamp_count(self) -> xr.DataArray:
        """(layer, head) positions where the clamp acts and decay is lost; 0 in attention alone."""
        if self.is_plain:
            zeros = xr.zeros_like(self._trace["q"].isel(position=0, d_head=0, drop=True), dtype=np.int64)
            return _labelled("clamp_count", zeros)
        return _labelled("clamp_count", self._trace["clamped"].sum("position").astype(np.int64))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one NetCDF file, aside and then renamed; open it with sisa_viz.open_trace."""
        return save_trace(self._trace, path)

    def factors(self, *, layer: int, head: int) -> maths.Head:
        """The factors of one head as float32 numpy arrays; reads only that head from a file."""
        picked = self._trace.isel(layer=self._index("layer", layer), head=self._index("head", head))
        names = ("q", "k") if self.is_plain else ("q", "k", "b_rot", "c_rot", "anchored_decay")
        arrays = {name: picked[name].values.astype(np.float32) for name in names}
        lam = None if self.is_plain else float(picked["lam"])
        return maths.Head(**arrays, lam=lam, weighing=self.weighing)

    def _map(self, name: str, layer: int, head: int, query: int | None, rows: Callable) -> xr.DataArray:
        length = self._trace.sizes["position"]
        queries = np.arange(length) if query is None else np.array([self._query(query)])
        values = rows(self.factors(layer=layer, head=head), queries)
        array = xr.DataArray(values, dims=("query", "key"), coords=self._score_coords(queries, layer, head))
        array = _labelled(name, array).assign_attrs(self._attrs(name))
        return array if query is None else array.isel(query=0)

    def _attrs(self, name: str) -> dict[str, str]:
        """Attributes of a map; a mixer may have names of its own, and no nats."""
        kind = self.weighing.kind
        if name == "pattern":
            return kind.quantity.attrs
        names = {part: f"{term} score" for part, term in self.terms.items()}
        return {"long_name": names.get(name, DERIVED[name].long_name), "units": kind.score_units}

    def _score_coords(self, queries: np.ndarray, layer: int, head: int) -> dict[str, Any]:
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

    def _each_head(self, name: str, query: int, rows: Callable, reduce: Callable) -> xr.DataArray:
        at = np.array([self._query(query)])
        layers, heads = (self._trace[axis].values for axis in HEADS)
        values = [[reduce(rows(self.factors(layer=n, head=h), at)[0]) for h in heads] for n in layers]
        coords = {axis: self._trace[axis] for axis in HEADS}
        return _labelled(name, xr.DataArray(np.array(values, dtype=np.float32), dims=HEADS, coords=coords))

    def _decay(self, name: str) -> xr.DataArray:
        if self.is_plain:
            raise ValueError(
                "this trace is of attention alone (d_state=0): it has no decay; capture a SISA model instead"
            )
        return self._trace[name].astype("float64")

    def _index(self, axis: str, value: int) -> int:
        values = self._trace[axis].values
        if value not in values:
            raise ValueError(f"{axis} is {value!r}; legal: {', '.join(map(str, values))}")
        return int(np.flatnonzero(values == value)[0])

    def _query(self, query: int) -> int:
        length = self._trace.sizes["position"]
        if not -length <= query < length:
            raise ValueError(f"query is {query}; legal: 0 to {length - 1}, or −1 for the last position")
        return query % length

    def _inside(self, span: str | Sequence[int], query: int) -> np.ndarray:
        """[key] bool: the keys of the span that the query sees; ValueError if there is none."""
        length, at = self._trace.sizes["position"], self._query(query)
        if isinstance(span, str) and span not in self.spans:
            raise ValueError(
                f"span is {span!r}; this trace names {sorted(self.spans)}; a (start, stop) pair is legal too"
            )
        start, stop = check_span(self.spans[span] if isinstance(span, str) else span, length)
        if at < start:
            raise ValueError(
                f"query {at} comes before the span [{start}, {stop}) and sees none of it; choose a query >= "
                f"{start}"
            )
        keys = np.arange(length)
        return (keys >= start) & (keys < stop) & (keys <= at)


def _pattern_rows(lam_scale: float) -> Callable[[maths.Head, np.ndarray], np.ndarray]:
    check_lam_scale(lam_scale)
    scale = np.float32(lam_scale)
    return lambda f, rows: f.weighing.weights(
        maths.content(f, rows) + scale * maths.importance(f, rows), rows
    )


def _labelled(name: str, array: xr.DataArray) -> xr.DataArray:
    array = array.rename(name)
    array.attrs = DERIVED[name].attrs
    return array


def answering_query(trace: xr.Dataset) -> int:
    """The position that predicts the answer's first token, if one follows the needle; else the last."""
    spans = trace.sisa.spans
    start, needle = (spans.get(name, (0, 0))[0] for name in ("answer", "needle"))
    return start - 1 if start > needle else trace.sizes["position"] - 1
