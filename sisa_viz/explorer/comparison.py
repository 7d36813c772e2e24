"""compare: two views of one text side by side, and what one has over the other.

A and B share one scale of colours, B − A has its own. The difference is taken cell by cell, before cells
share a pixel:

    difference_ij = part_ij(B) − part_ij(A)          part: content, importance, scores or pattern
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from data.results.tables import check_choice
from sisa_viz.explorer.comparison_runs import Runs, parts_in_common, runs_of
from sisa_viz.explorer.comparison_state import SIDES, ComparisonState
from sisa_viz.explorer.pack import PRECISIONS, pack
from sisa_viz.explorer.packed import ComparisonMeta, Meta, Packed, RunMeta, Still
from sisa_viz.explorer.paged import Paged
from sisa_viz.explorer.rows import keys_on_show
from sisa_viz.explorer.still import still_pair
from sisa_viz.look.text import check_text, visible
from sisa_viz.trace.axes import head_name
from sisa_viz.trace.needles import opening
from sisa_viz.trace.scores import Head, parts_of

if TYPE_CHECKING:
    from sisa_viz.explorer.comparison_widget import ComparisonWidget

__all__ = ["Comparison", "compare"]
SCHEMA = "sisa-comparison/1"


def compare(
    a: object,
    b: object = None,
    *,
    state: Mapping[str, Any] | None = None,
    title: str = "Comparison",
    precision: str = "auto",
) -> "Comparison":
    """Show two views of one text side by side, with their difference.

    Two traces, two heads or two λ of one trace, before and after a silencing, or any two of a row of
    checkpoints, with a slider. Zoom, query and pointer are one for all panels.

    Args:
        a: a trace, a ScoreExplorer, which begins with its head and λ, or a Silenced. Without `b`, a mapping
            of at least two of them by name, such as the steps of a training.
        b: the other one; the same trace once more compares two of its heads, or two λ.
        state: what to start with of the values of `ComparisonState`, as `.as_python()` writes it.
        title: the heading.
        precision: "float32", "fixed16" or "auto", as for a ScoreExplorer.

    Raises:
        TypeError: what is given as a trace is no Dataset.
        ValueError: the tokens differ (the message names the first position), or nothing can be compared.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer import compare
        >>> trace = example_trace()
        >>> comparison = compare(trace, trace, state={"lam_scale_b": 0, "query": 2})
        >>> comparison.selection().round(2)[["token", "a", "b", "difference"]].values.tolist()
        [['The', 0.31, 0.44, 0.14], [' code', 0.42, 0.33, -0.1], [' is', 0.27, 0.23, -0.04]]
    """
    return Comparison(runs_of(a, b), state=state, title=title, precision=precision)


class Comparison(Paged):
    """Hold two sides and their difference; `compare` makes one.

    `.figure` is the widget, which a notebook displays, `.state` is what it shows, `.to_html(path)` writes a
    page that needs neither kernel nor network, and `.selection()` is the locked row as a table.

    Args:
        runs: traces of one text, by name.
        state: what to start with; None leaves it to the explorers that were given, or to the needle.
        title: the heading.
        precision: of the packed factors.

    Raises:
        ValueError: the traces have no part of a score in common.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer import compare
        >>> runs = {"SISA": example_trace(), "transformer": example_trace(d_state=0)}
        >>> comparison = compare(runs, title="Two models")
        >>> comparison.state.part = "scores"
        >>> comparison.to_html("two_models.html").name
        'two_models.html'
    """

    def __init__(
        self, runs: Runs, *, state: Mapping[str, Any] | None = None, title: str, precision: str
    ) -> None:
        self._title = check_text("title", title)
        check_choice("precision", precision, PRECISIONS)
        self._traces = dict(runs.traces)
        parts = parts_in_common(self._traces)
        self._packed: Packed[ComparisonMeta] | None = _pack(
            self._traces, parts, title=title, precision=precision
        )
        self._widget: ComparisonWidget | None = None
        self._closed = False
        self.state = ComparisonState(self._traces, parts)
        self.state.take(_opening(runs) if state is None else state)

    @property
    def figure(self) -> "ComparisonWidget":
        """Return the anywidget to display, made at first use and the same until somebody closes it.

        Raises:
            RuntimeError: the comparison is closed.
        """
        packed = self._need_packed()
        if self._widget is None or self._widget.comm is None:  # somebody has closed the widget alone
            from sisa_viz.explorer.comparison_widget import ComparisonWidget

            self._widget = ComparisonWidget(self.state, packed)
        return self._widget

    def selection(self) -> pd.DataFrame:
        """Return what the locked query sees on both sides, a row a key, and the difference.

        Returns:
            query, key, token, a, b and difference (b − a): of the part on show, in its unit, in order of the
            keys; those of the window, or all up to the query.

        Raises:
            ValueError: no query is locked.
            RuntimeError: the comparison is closed.
        """
        self._need_open()
        state = self.state
        keys = keys_on_show(state.query, state.window)
        a, b = [self._row(side)[keys.start : keys.stop] for side in SIDES]
        tokens = self._traces[state.run_a]["token"].values[keys.start : keys.stop]
        columns = {"query": state.query, "key": keys, "token": tokens, "a": a, "b": b, "difference": b - a}
        return pd.DataFrame(columns, index=range(len(keys)))

    def as_python(self) -> str:
        """Return the call that makes this view, for a cell of a notebook.

        Traces that were opened from files are opened again. Others are called `a` and `b`, or stand in `runs`
        where there are more.

        Raises:
            RuntimeError: the comparison is closed.
        """
        self._need_open()
        calls = {name: self._call(name) for name in self._traces}
        (first, *others), named = calls.values(), [f"{name!r}: {call}" for name, call in calls.items()]
        runs = f"{{{', '.join(named)}}}" if others else f"{first}, {first}"
        return f"compare({runs}, state={self.state.as_dict()!r})"

    def close(self) -> None:
        """Take the widget off its pages and let go of the data. Closing twice does nothing."""
        if self._widget is not None:
            self._widget.close()
        self._widget = self._packed = None
        self._traces = {}
        self._closed = True

    def _call(self, name: str) -> str:
        """Return what makes one of the traces, or what it is called."""
        source, names = self._traces[name].encoding.get("source"), list(self._traces)
        if source is not None:
            return f"open_trace({str(source)!r})"
        return SIDES[names.index(name)] if len(names) <= 2 else f"runs[{name!r}]"

    def _row(self, side: str) -> np.ndarray:
        """Compute the part on show of one side, for the locked query, [key]."""
        head, lam_scale = self._head(side), getattr(self.state, f"lam_scale_{side}")
        row = parts_of(head, np.array([self.state.query]), lam_scale=lam_scale)[self.state.part][0]
        return row.astype(np.float64)

    def _place(self, side: str) -> dict[str, int]:
        return {axis: getattr(self.state, f"{axis}_{side}") for axis in ("layer", "head")}

    def _head(self, side: str) -> Head:
        return self._traces[getattr(self.state, f"run_{side}")].sisa.factors(**self._place(side))

    def _shown(self) -> dict[str, Any]:
        return self.state.as_dict()

    def _still(self) -> Still:
        state = self.state
        heads, scales = [self._head(side) for side in SIDES], (state.lam_scale_a, state.lam_scale_b)
        names = [
            f"{head_name(**self._place(side))} of {visible(getattr(state, f'run_{side}'), spaces=False)}"
            for side in SIDES
        ]
        words = f"{state.part} of {names[0]}, of {names[1]}, and the difference"
        return Still(still_pair(heads, state.part, scales), words)

    def _sources(self) -> Sequence[xr.Dataset]:
        return list(self._traces.values())

    def _need_open(self) -> None:
        if self._closed:
            raise RuntimeError("this comparison is closed; make a new one with compare(a, b)")

    def _need_packed(self) -> Packed[ComparisonMeta]:
        self._need_open()
        assert self._packed is not None
        return self._packed


def _pack(
    traces: Mapping[str, xr.Dataset], parts: list[str], *, title: str, precision: str
) -> Packed[ComparisonMeta]:
    """Pack every trace; the tokens, which all have, stand there once."""
    packed = {name: pack(trace, precision=precision) for name, trace in traces.items()}
    runs = [
        RunMeta(name=name, meta=_without_tokens(one.meta), bytes=sum(map(len, one.blocks)))
        for name, one in packed.items()
    ]
    first = next(iter(packed.values())).meta
    meta = ComparisonMeta(
        schema=SCHEMA,
        title=visible(title, spaces=False),
        n=first["n"],
        tokens=first["tokens"],
        spans=first["spans"],
        parts=parts,
        colours=first["colours"],
        runs=runs,
    )
    return Packed(meta, [block for one in packed.values() for block in one.blocks])


def _without_tokens(meta: Meta) -> Meta:
    own = meta.copy()
    own["tokens"] = []
    return own


def _opening(runs: Runs) -> dict[str, Any]:
    """Return where to begin: with what explorers show, else at the head and query of the needle."""
    found = opening(runs.traces[runs.start[1]])  # of a training the last run, which has learned something
    state: dict[str, Any] = {"query": found.get("query")}
    for side, run in zip(SIDES, runs.start, strict=True):
        axes = [axis for axis in ("layer", "head") if found and found[axis] in runs.traces[run][axis].values]
        own = {axis: found[axis] for axis in axes} | runs.shown.get(side, {})
        state |= {f"run_{side}": run}
        state |= {f"{name}_{side}": own[name] for name in ("layer", "head", "lam_scale") if name in own}
    for shown in reversed(runs.shown.values()):  # the first explorer that has a query or a window decides
        state |= {name: shown[name] for name in ("query", "window") if shown[name] is not None}
    return state
