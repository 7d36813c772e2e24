"""λ of every head: how far the weight of the importance term moved from where it starts."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from data.results.head_table import INITIAL_LAM, NAME_OF_HEAD
from data.results.tables import check_metrics, check_table, one_run_a_seed
from sisa_viz.look import figures
from sisa_viz.look.colours import signed_limit
from sisa_viz.look.labels import column_label, compact_cells, of_model, places_for
from sisa_viz.trace.axes import HEADS, VARIABLES, axis_attrs
from sisa_viz.trace.check import check_finite, check_trace

UNMOVED = 5e-5  # half of the last digit of 0.3133


def prepare_lambda(source: xr.Dataset | pd.DataFrame) -> xr.Dataset:
    """Collect λ of every head, of a trace or of the runs of one architecture at their last step.

    Args:
        source: A trace, or a table of heads (`sisa_viz.read_heads`), which holds one architecture and one
            run a seed; a table of runs with metrics named "lam/L0H1", of earlier versions, is read as well.

    Returns:
        The maps mean, low and high over (layer, head), the last two the range over runs; the attribute `runs`
        says how many there are, `architecture` of which variant. Of a trace all three are its λ.

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
    return xr.Dataset(maps, attrs={"runs": len(set(last["seed"])), "architecture": kinds[0]})


def _of_heads(table: pd.DataFrame) -> pd.DataFrame:
    """architecture, seed, step, layer, head, lam; from a table of heads, or from metrics named lam/L0H1."""
    if "layer" in table.columns:
        keys = ("architecture", "seed", "step", *HEADS, "lam")
        return check_table(table, keys, what="the table of heads").dropna(subset=["lam"])
    metrics = check_metrics(table)
    parts = metrics["name"].str.extract(NAME_OF_HEAD)
    rows, where = metrics.loc[parts["measure"] == "lam"], parts.loc[parts["measure"] == "lam", list(HEADS)]
    return rows.assign(**where.astype(int), lam=rows["value"])


def lambda_words(lam: xr.DataArray) -> str:
    """Say how far λ reaches, and how many heads moved up and down from where they started, and how far.

    A head that moved by less than 0.00005 has not moved: it rounds to 0.3133 still.

    Args:
        lam: λ (layer, head); NaN where a layer has none.

    Example:
        >>> lambda_words(xr.DataArray([[0.3133, 0.3233], [0.3123, 0.3153]], dims=["layer", "head"]))
        'λ from 0.3123 to 0.3233 · 4 heads: 2 up by at most 0.01, 1 down by at most 0.00096, 1 unmoved'
    """
    known = lam.values[np.isfinite(lam.values)]
    moved = known - INITIAL_LAM
    up, down = moved[moved >= UNMOVED], -moved[moved <= -UNMOVED]
    parts = [
        f"{len(far)} {way} by at most {far.max():.2g}"
        for way, far in (("up", up), ("down", down))
        if len(far)
    ]
    if len(known) > len(up) + len(down):
        parts.append(f"{len(known) - len(up) - len(down)} unmoved")
    return f"λ from {known.min():.4g} to {known.max():.4g} · {len(known)} heads: {', '.join(parts)}"


def plot_lambda(source: xr.Dataset | pd.DataFrame) -> go.Figure:
    """Draw how far λ, the weight of the importance term, moved from 0.313, where it starts in every head.

    λ itself hardly varies in most models, so that the colours show its distance from the start: blue where
    importance got more weight, red where less, white where it stayed. A trace gives its own λ, a table of
    runs the mean over runs at their last step, with the range over runs in the hover box.

    Args:
        source: A trace, or a table of heads of one architecture (`sisa_viz.read_heads`).

    Returns:
        The figure.

    Raises:
        ValueError: Where there is no λ, or the table mixes architectures.

    Example:
        >>> import sisa_viz
        >>> from sisa_viz.examples import example_trace
        >>> sisa_viz.plot_lambda(example_trace()).layout.title.subtitle.text
        'λ from 0.5 to 2 · 4 heads: 4 up by at most 1.7'
    """
    data = prepare_lambda(source)
    lam, runs = data["mean"], data.attrs["runs"]
    moved = lam - INITIAL_LAM
    limit = max(signed_limit(moved.values), UNMOVED)  # rounding alone shall not look like a distance
    figure = figures.panels(
        [""], columns=1, height=figures.HEADER + 110 + 34 * min(max(lam.sizes["layer"], 6), 16)
    )
    hover = {"λ": lam} if runs == 1 else {"λ, mean": lam, "lowest": data["low"], "highest": data["high"]}
    places = places_for(limit)
    cells = figures.head_map(
        moved,
        coloraxis="coloraxis",
        hover=hover | {"moved": moved},
        words=compact_cells(moved, places, signed=True),
    )
    figure.add_trace(cells)
    figures.head_axes(figure, lam)
    figure.update_layout(coloraxis=figures.signed_axis(limit, column_label("lam_moved")))
    over = f", mean over {runs} runs at their last step" if runs > 1 else ""
    title = "How far the importance weight λ moved" + over
    if isinstance(source, xr.Dataset):
        title = of_model(title, source.sisa.config)
    else:
        title = f"{title} · {data.attrs['architecture']}"
    figures.entitle(figure, title, lambda_words(lam))
    return figure
