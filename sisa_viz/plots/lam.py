"""λ of every head: how much weight the importance term has."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from data.results.tables import Frame, check_metrics, check_table, one_run_a_seed
from sisa_viz.look import figures
from sisa_viz.look.colours import top_limit
from sisa_viz.trace.axes import HEADS, VARIABLES, axis_attrs, label
from sisa_viz.trace.check import check_trace

LOGGED = r"lam/L(\d+)H(\d+)"


def prepare_lambda(source: xr.Dataset | pd.DataFrame) -> xr.Dataset:
    """λ (layer, head) of a trace, or of runs at their last step: mean, low, high over `runs` runs.

    A table, of `sisa_viz.read_heads`, must hold one architecture and one run a seed; metrics named lam/L0H1,
    of earlier versions, are read as well. ValueError otherwise, and for attention alone and for a state
    space, which have no λ.
    """
    if isinstance(source, pd.DataFrame):
        return _from_runs(source)
    access = check_trace(source).sisa
    if not access.has_lam:
        kind = "attention alone (d_state=0)" if access.is_plain else "a state space"
        raise ValueError(f"this trace is of {kind}: it has no λ; capture a SISA model instead")
    lam = source["lam"].reset_coords(drop=True).compute()
    return xr.Dataset({"mean": lam, "low": lam, "high": lam}, attrs={"runs": 1})


def _from_runs(metrics: Frame) -> xr.Dataset:
    rows = _of_heads(metrics)
    kinds = sorted(map(str, rows["architecture"].unique()))
    if len(kinds) != 1:
        raise ValueError(
            f"λ was logged by {len(kinds)} architectures {kinds}; legal: one. "
            "Choose with metrics[metrics['architecture'] == ...]"
        )
    one_run_a_seed(rows.assign(name=list(zip(rows["layer"], rows["head"], strict=True))))
    last = rows[rows["step"] == rows.groupby("seed")["step"].transform("max")]
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
    return xr.Dataset(maps, attrs={"runs": int(last["seed"].nunique())})


def _of_heads(table: Frame) -> Frame:
    """architecture, seed, step, layer, head, lam; from a table of heads, or from metrics named lam/L0H1."""
    if "layer" in table.columns:
        keys = ("architecture", "seed", "step", *HEADS, "lam")
        return check_table(table, keys, what="the table of heads").dropna(subset=["lam"])
    metrics = check_metrics(table)
    rows = metrics[metrics["name"].str.fullmatch(LOGGED)]
    where = rows["name"].str.extract(LOGGED).astype(int)
    return rows.assign(layer=where[0], head=where[1], lam=rows["value"])


def plot_lambda(source: xr.Dataset | pd.DataFrame) -> go.Figure:
    """Map of λ over layer × head: of a trace, or mean over runs at their last step. Returns the figure."""
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
