"""λ of every head: how much weight the importance term has."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from data.results.head_table import NAME_OF_HEAD
from data.results.tables import check_metrics, check_table, one_run_a_seed
from sisa_viz.look import figures
from sisa_viz.look.colours import top_limit
from sisa_viz.trace.axes import HEADS, VARIABLES, axis_attrs, label
from sisa_viz.trace.check import check_finite, check_trace


def prepare_lambda(source: xr.Dataset | pd.DataFrame) -> xr.Dataset:
    """Collect λ of every head, of a trace or of the runs of one architecture at their last step.

    Args:
        source: A trace, or a table of heads (`sisa_viz.read_heads`), which holds one architecture and one
            run a seed; a table of runs with metrics named "lam/L0H1", of earlier versions, is read as well.

    Returns:
        The maps mean, low and high over (layer, head), the last two the range over runs; the attribute `runs`
        says how many there are. Of a trace all three are its λ.

    Raises:
        ValueError: For attention alone and a state space, which have no λ, and for a table with several
            architectures or two runs of one seed.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> prepare_lambda(example_trace())["mean"].values.tolist()
        [[0.5, 1.0], [1.5, 2.0]]
    """
    if isinstance(source, pd.DataFrame):
        return _from_runs(source)
    access = check_trace(source).sisa
    if not access.has_lam:
        kind = "attention alone (d_state=0)" if access.is_plain else "a state space"
        raise ValueError(f"this trace is of {kind}: it has no λ; capture a SISA model instead")
    lam = check_finite(source["lam"]).reset_coords(drop=True).compute()
    return xr.Dataset({"mean": lam, "low": lam, "high": lam}, attrs={"runs": 1})


def _from_runs(metrics: pd.DataFrame) -> xr.Dataset:
    rows = _of_heads(metrics)
    kinds = sorted(map(str, rows["architecture"].unique()))
    if len(kinds) != 1:
        raise ValueError(
            f"λ was logged by {len(kinds)} architectures {kinds}; legal: one. "
            "Choose with metrics[metrics['architecture'] == ...]"
        )
    one_run_a_seed(rows.assign(name=list(zip(rows["layer"], rows["head"], strict=True))))
    last = rows.loc[rows["step"] == rows.groupby("seed")["step"].transform("max")]
    spread = last.groupby(list(HEADS))["lam"].agg(["mean", "min", "max"])
    where = np.array(list(spread.index))
    maps = {}
    for name, column in (("mean", "mean"), ("low", "min"), ("high", "max")):
        values = np.full(where.max(axis=0) + 1, np.nan)
        values[tuple(where.T)] = spread[column]
        coords = {
            axis: (axis, np.arange(size), axis_attrs(axis))
            for axis, size in zip(HEADS, values.shape, strict=True)
        }
        maps[name] = xr.DataArray(values, dims=HEADS, coords=coords, attrs=VARIABLES["lam"].attrs)
    return xr.Dataset(maps, attrs={"runs": len(set(last["seed"]))})


def _of_heads(table: pd.DataFrame) -> pd.DataFrame:
    """architecture, seed, step, layer, head, lam; from a table of heads, or from metrics named lam/L0H1."""
    if "layer" in table.columns:
        keys = ("architecture", "seed", "step", *HEADS, "lam")
        return check_table(table, keys, what="the table of heads").dropna(subset=["lam"])
    metrics = check_metrics(table)
    parts = metrics["name"].str.extract(NAME_OF_HEAD)
    rows, where = metrics.loc[parts["measure"] == "lam"], parts.loc[parts["measure"] == "lam", list(HEADS)]
    return rows.assign(**where.astype(int), lam=rows["value"])


def plot_lambda(source: xr.Dataset | pd.DataFrame) -> go.Figure:
    """Draw λ, the weight of the importance term, as a map over layer × head.

    A trace gives its own λ, a table of runs the mean over runs at their last step with the range in the hover
    box. The colours start at zero.

    Args:
        source: A trace, or a table of runs of one architecture with metrics named "lam/L0H1".

    Returns:
        The figure.

    Raises:
        ValueError: Where there is no λ, or the table mixes architectures.

    Example:
        >>> import sisa_viz
        >>> from sisa_viz.examples import example_trace
        >>> sisa_viz.plot_lambda(example_trace()).layout.title.subtitle.text
        'from 0.5 to 2'
    """
    data = prepare_lambda(source)
    lam, runs = data["mean"], data.attrs["runs"]
    figure = figures.panels(
        [""], columns=1, height=figures.HEADER + 110 + 34 * min(max(lam.sizes["layer"], 4), 16)
    )
    hover = {"λ": lam} if runs == 1 else {"λ, mean": lam, "lowest": data["low"], "highest": data["high"]}
    figure.add_trace(figures.head_map(lam, coloraxis="coloraxis", hover=hover))
    figures.head_axes(figure, lam)
    figure.update_layout(coloraxis=figures.zero_axis(top_limit(lam.values), label(lam)))
    over = f", mean over {runs} runs at their last step" if runs > 1 else ""
    figures.entitle(
        figure,
        "Importance weight of every head" + over,
        f"from {float(lam.min()):.3g} to {float(lam.max()):.3g}",
    )
    return figure
