"""What an explorer gives to Python: a row as a table, the view as a figure, and the call that makes it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from data.results.tables import check_choice
from sisa_viz.explorer.rows import keys_on_show
from sisa_viz.explorer.state import ExplorerState
from sisa_viz.trace.scores import parts_of

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

MEDIA = ("screen", "print")


class Kept:
    """Keep what is on show; a ScoreExplorer is one.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer import ScoreExplorer
        >>> explorer = ScoreExplorer(example_trace(), state={"layer": 1, "query": 2})
        >>> explorer.selection()[["key", "token"]].values.tolist()
        [[0, 'The'], [1, ' code'], [2, ' is']]
        >>> print(explorer.as_python())
        ScoreExplorer(trace, state={'layer': 1, 'head': 0, 'lam_scale': 1.0, 'query': 2, 'window': None})
        >>> explorer.figure_of().layout.title.text
        'Attention scores of L1H0'
    """

    state: ExplorerState

    @property
    def trace(self) -> xr.Dataset:
        """Return the trace on show."""
        raise NotImplementedError

    def selection(self) -> pd.DataFrame:
        """Return what the locked query sees, a row a key: those of the window, or all up to the query.

        Returns:
            layer, head, query, key, token, content (nats), importance (nats, times the factor on λ), scores
            (their sum) and pattern (the weight of the key), in order of the keys.

        Raises:
            ValueError: no query is locked, or nothing has been captured yet.
        """
        state = self.state
        keys = keys_on_show(state.query, state.window)
        at = {"layer": state.layer, "head": state.head}
        head = self.trace.sisa.factors(**at)
        rows = parts_of(head, np.array([state.query]), lam_scale=state.lam_scale)
        chosen = {name: row[0, keys.start : keys.stop] for name, row in rows.items()}
        tokens = self.trace["token"].values[keys.start : keys.stop]
        columns = {**at, "query": state.query, "key": keys, "token": tokens, **chosen}
        return pd.DataFrame(columns, index=range(len(keys)))

    def figure_of(self, medium: str = "screen") -> "go.Figure | Figure":
        """Return the maps on show as a figure of their own: this head, λ and window.

        Args:
            medium: "screen", a plotly figure, or "print", a matplotlib one, for `savefig("scores.pdf")`.

        Raises:
            ValueError: there is no such medium, or nothing has been captured yet.
            ImportError: "print" without the extra of that name; says how to install it.
        """
        check_choice("medium", medium, MEDIA)
        if medium == "print":
            from sisa_viz.static import plot_scores
        else:
            from sisa_viz.plots.scores import plot_scores
        state = self.state
        windows: dict[str, Any] = {}
        if state.window:
            windows = {"query_window": tuple(state.window[:2]), "key_window": tuple(state.window[2:])}
        return plot_scores(
            self.trace, layer=state.layer, head=state.head, lam_scale=state.lam_scale, **windows
        )

    def as_python(self) -> str:
        """Return the call that makes this view, for a cell of a notebook."""
        source = self.trace.encoding.get("source")
        trace = "trace" if source is None else f"open_trace({str(source)!r})"
        return f"ScoreExplorer({trace}, state={dict(self.state.as_dict())!r})"
