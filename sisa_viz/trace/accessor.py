"""`trace.sisa`: what a trace says about its heads, as labelled arrays.

The scores of one head are computed by `HeadMaps`; here stand the numbers that compare all heads.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from data.refusal import brief
from sisa_viz.trace import scores as maths
from sisa_viz.trace.axes import HEADS
from sisa_viz.trace.check import check_finite, check_span
from sisa_viz.trace.maps import HeadMaps, Rows, labelled, pattern_rows
from sisa_viz.trace.store import save_trace
from sisa_viz.trace.weights import SHARE, TERMS, share


@xr.register_dataset_accessor("sisa")
class SISAAccessor(HeadMaps):
    """Compute the scores and summaries of one trace.

    Everywhere `layer` and `head` are coordinate values, zero-based, and positions count tokens from 0; −1 is
    the last position. A value that the trace does not have raises ValueError, which names the legal ones.

    Raises:
        ValueError: the Dataset is no trace; see `check_trace`.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> trace = example_trace()
        >>> trace.sisa.pattern(layer=1, head=0).dims
        ('query', 'key')
        >>> trace.sisa.half_life().values.astype(int).tolist()  # log α = −0.1 λ
        [[13, 6], [4, 3]]
    """

    def half_life(self) -> xr.DataArray:
        """Compute after how many tokens each head keeps half: ln 2 / mean_t(−log α_t).

        Returns:
            (layer, head) in tokens; infinite where a head does not decay at all.

        Raises:
            ValueError: attention alone has no decay.
        """
        rate = abs(self._decay("log_decay").mean("position"))
        with np.errstate(divide="ignore", over="ignore"):  # a head that hardly decays lives for ever
            return labelled("half_life", (rate**-1 * np.log(2)).astype("float32"))

    def retention(self, *, origin: int = 0) -> xr.DataArray:
        """Compute what is left of one token's state at every later one: exp(ĝ_t − ĝ_origin).

        Args:
            origin: position of that token.

        Returns:
            (layer, head, position), 1 at `origin` and falling after it; NaN before it.

        Raises:
            ValueError: attention alone has no decay.
        """
        start = self._position(origin, name="origin")
        g = self._decay("anchored_decay")
        left = (g - g.isel(position=start)).where(g["position"] >= start)
        return labelled("retention", xr.apply_ufunc(np.exp, left).astype("float32"))

    def span_mass(
        self, *, span: str | Sequence[int] = "needle", query: int = -1, lam_scale: float = 1.0
    ) -> xr.DataArray:
        """Compute the attention mass that one query puts on a span, for every head.

        Without a softmax weights have no such sum, so there it is the span's share of the absolute weights.

        Args:
            span: name of a span of the trace, or (start, stop). Keys later than the query do not count.
            query: position of the query.
            lam_scale: factor on λ, as in `pattern`.

        Returns:
            (layer, head) probability, 0 to 1.

        Raises:
            ValueError: the trace has no such span, or the query sees none of it.

        Example:
            >>> from sisa_viz.examples import example_trace
            >>> example_trace().sisa.span_mass(span=(0, 8)).values.round(4).tolist()  # all keys: all mass
            [[1.0, 1.0], [1.0, 1.0]]
        """
        inside = self._inside(span, query)
        mass = self._each_head("span_mass", query, pattern_rows(lam_scale), lambda row: share(row, inside))
        return mass if self.weighing.score == "softmax" else mass.assign_attrs(SHARE.attrs)

    def span_advantage(
        self, part: str, *, span: str | Sequence[int] = "needle", query: int = -1
    ) -> xr.DataArray:
        """Compare a term of the score on a span with the same term on all other keys, for every head.

        The result is the mean score of one query over the keys of the span, minus its mean over the
        other keys that the query sees. By so many nats the term alone favours the span.

        Args:
            part: the term, "content" or "importance".
            span: name of a span of the trace, or (start, stop).
            query: position of the query.

        Returns:
            (layer, head) in nats; in the scores' own unit in a state space.

        Raises:
            ValueError: there is no such term or span, or the query sees no key inside, or none outside.
        """
        if not isinstance(part, str) or part not in TERMS:
            raise ValueError(f"part is {brief(part)}; legal: {', '.join(TERMS)}")
        inside = self._inside(span, query)
        outside = ~inside & (np.arange(inside.size) <= self._position(query))
        if not outside.any():
            raise ValueError(
                f"query {self._position(query)} sees only the span {span!r}; choose a later query or a "
                "shorter span"
            )
        rows = maths.content if part == "content" else maths.importance
        advantage = self._each_head(
            "span_advantage", query, rows, lambda row: row[inside].mean() - row[outside].mean()
        )
        return advantage.assign_attrs(units=self.weighing.kind.score_units)

    def clamp_count(self) -> xr.DataArray:
        """Count the positions of each head where the clamp acts, so that decay is lost there.

        Returns:
            (layer, head) positions; 0 in attention alone.
        """
        if self.is_plain:
            zeros = xr.zeros_like(self._trace["q"].isel(position=0, d_head=0, drop=True), dtype=np.int64)
            return labelled("clamp_count", zeros)
        return labelled("clamp_count", self._trace["clamped"].sum("position").astype(np.int64))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the trace as one NetCDF file and return its path; `sisa_viz.open_trace` opens it again."""
        return save_trace(self._trace, path)

    def _each_head(
        self, name: str, query: int, rows: Rows, reduce: Callable[[np.ndarray], float]
    ) -> xr.DataArray:
        """Reduce the row of one query to a number, head by head."""
        at = np.array([self._position(query)])
        layers, heads = self._trace["layer"].values, self._trace["head"].values
        values = [[reduce(rows(self.factors(layer=n, head=h), at)[0]) for h in heads] for n in layers]
        coords = {axis: self._trace[axis] for axis in HEADS}
        return labelled(name, xr.DataArray(np.array(values, dtype=np.float32), dims=HEADS, coords=coords))

    def _decay(self, name: str) -> xr.DataArray:
        if self.is_plain:
            raise ValueError(
                "this trace is of attention alone (d_state=0): it has no decay; capture a SISA model instead"
            )
        return check_finite(self._trace[name]).astype("float64")

    def _inside(self, span: str | Sequence[int], query: int) -> np.ndarray:
        """Return the keys of the span that the query sees, bool [key]; ValueError if there is none."""
        length, at = self._trace.sizes["position"], self._position(query)
        if isinstance(span, str) and span not in self.spans:
            raise ValueError(
                f"span is {brief(span)}; this trace names {brief(sorted(self.spans))}; "
                "a (start, stop) pair is legal too"
            )
        start, stop = check_span(self.spans[span] if isinstance(span, str) else span, length)
        if at < start:
            raise ValueError(
                f"query {at} comes before the span [{start}, {stop}) and sees none of it; choose a query >= "
                f"{start}"
            )
        keys = np.arange(length)
        return (keys >= start) & (keys < stop) & (keys <= at)
