"""The atlas of heads: how far λ moved, half-life, phase speed and what importance moves, a small map each."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from data.results.head_table import INITIAL_LAM
from data.results.tables import check_table
from sisa_viz.look import figures
from sisa_viz.look.colours import signed_limit, top_limit
from sisa_viz.look.labels import column_label, column_words, compact_cells, log_ticks, places_for
from sisa_viz.trace.axes import HEADS, axis_attrs

ATLAS_MAPS = ("lam_moved", "half_life", "phase_speed", "importance_share")
SMALLEST_LIMIT = 0.05  # thousandths that λ moved, half of the last digit of 0.3133; less is rounding
TITLES = {name: column_label(name) for name in ATLAS_MAPS} | {
    "lam_moved": "λ − 0.313 (thousandths)",
    "importance_share": "attention that importance moves (share)",
}
COLUMNS = 2  # maps side by side
GAP = 0.17  # between them, a share of the figure: the colour bar of the left one


def prepare_atlas(table: pd.DataFrame) -> xr.Dataset:
    """Lay an atlas out as maps over layer × head, in whole numbers of layers and heads from 0 on.

    Args:
        table: A row a head, as `model.analysis.atlas.head_atlas` makes it: layer, head, lam, half_life,
            phase_speed and importance_share.

    Returns:
        lam_moved (λ − softplus(−1)), half_life, phase_speed and importance_share over (layer, head), NaN
        where the table has no such head, each with the attributes long_name and units.

    Raises:
        ValueError: For missing columns, or two rows of one head.

    Example:
        >>> row = {"layer": 0, "head": 1, "lam": 0.3133, "half_life": 8.0, "phase_speed": 0.5}
        >>> prepare_atlas(pd.DataFrame([row | {"importance_share": 0.25}]))["half_life"].values.tolist()
        [[nan, 8.0]]
    """
    rows = check_table(table, (*HEADS, "lam", *ATLAS_MAPS[1:]), what="the atlas")
    if rows.duplicated(list(HEADS)).any():
        raise ValueError("the atlas has a head twice; legal: one run. Choose with atlas[atlas['run'] == ...]")
    maps = rows.assign(lam_moved=rows["lam"] - INITIAL_LAM).set_index(list(HEADS))
    data = xr.Dataset.from_dataframe(maps.loc[:, list(ATLAS_MAPS)])
    data = data.reindex({axis: np.arange(int(data[axis].max()) + 1) for axis in HEADS})
    for axis in HEADS:
        data[axis].attrs.update(axis_attrs(axis))
    for name in ATLAS_MAPS:
        long_name, units = column_words(name)
        data[name].attrs.update(long_name=long_name, units=units)
    return data


def atlas_words(data: xr.Dataset) -> str:
    """Say how far the four maps reach, in one line.

    Args:
        data: Of `prepare_atlas`.

    Example:
        >>> row = {"layer": 0, "head": 0, "lam": 0.3233, "half_life": 8.0, "phase_speed": 0.5}
        >>> atlas_words(prepare_atlas(pd.DataFrame([row | {"importance_share": 0.25}])))
        '1 head · λ moved by at most 0.01 · half-life 8 to 8 tokens · 25 to 25 % of attention moved'
    """
    heads = int(data["half_life"].count())
    low, high = float(data["half_life"].min()), float(data["half_life"].max())
    least, most = 100 * float(data["importance_share"].min()), 100 * float(data["importance_share"].max())
    return (
        f"{heads} {'heads' if heads > 1 else 'head'} · λ moved by at most "
        f"{float(abs(data['lam_moved']).max()):.2g} · half-life {low:.3g} to {high:.3g} tokens · "
        f"{least:.0f} to {most:.0f} % of attention moved"
    )


def shown(name: str, data: xr.Dataset) -> xr.DataArray:
    """Return what the colours of one map show: λ's distance in thousandths, half-lives as log₁₀.

    Args:
        name: One of the maps.
        data: Of `prepare_atlas`.

    Example:
        >>> row = {"layer": 0, "head": 0, "lam": 0.3133, "half_life": 100.0, "phase_speed": 0.5}
        >>> data = prepare_atlas(pd.DataFrame([row | {"importance_share": 0.25}]))
        >>> [round(float(shown(name, data).max()), 2) for name in data]
        [0.04, 2.0, 0.5, 0.25]
    """
    if name == "lam_moved":
        return 1000 * data[name]
    return data[name].copy(data=np.log10(data[name].values)) if name == "half_life" else data[name]


def limits(name: str, data: xr.Dataset) -> tuple[float, float]:
    """Return where the colours of one map begin and end, in what `shown` gives.

    Args:
        name: One of the maps.
        data: Of `prepare_atlas`.

    Example:
        >>> row = {"layer": 0, "head": 0, "lam": 0.3133, "half_life": 100.0, "phase_speed": 0.5}
        >>> data = prepare_atlas(pd.DataFrame([row | {"importance_share": 0.25}]))
        >>> limits("phase_speed", data), limits("lam_moved", data)
        ((0.0, 0.5), (-0.05, 0.05))
    """
    values = shown(name, data).values
    if name == "lam_moved":
        limit = max(signed_limit(values), SMALLEST_LIMIT)
        return -limit, limit
    if name == "half_life":
        return float(np.nanmin(values)), max(float(np.nanmax(values)), float(np.nanmin(values)) + 0.01)
    return 0.0, top_limit(values)


def cell_words(name: str, data: xr.Dataset) -> np.ndarray:
    """Return what the cells of one map say, [layer, head]; "" where there is no such head.

    Args:
        name: One of the maps.
        data: Of `prepare_atlas`.

    Example:
        >>> row = {"layer": 0, "head": 0, "lam": 0.3233, "half_life": 8.0, "phase_speed": 0.5}
        >>> data = prepare_atlas(pd.DataFrame([row | {"importance_share": 0.25}]))
        >>> [str(cell_words(name, data)[0, 0]) for name in data]
        ['+10', '8.0', '.50', '.25']
    """
    signed = name == "lam_moved"
    values = data[name].values if name == "half_life" else shown(name, data).values
    places = {"lam_moved": places_for(limits(name, data)[1]), "half_life": 1}.get(name, 2)
    return compact_cells(values, places, signed=signed)


def half_life_ticks(data: xr.Dataset) -> list[float]:
    """Return the ticks 1, 2, 5, 10, … that lie within the half-lives of an atlas, for a logarithmic scale.

    Args:
        data: Of `prepare_atlas`.

    Example:
        >>> row = {"layer": 0, "lam": 0.3, "phase_speed": 0.5, "importance_share": 0.25}
        >>> rows = [row | {"head": head, "half_life": 4.0 * 10**head} for head in (0, 1)]
        >>> half_life_ticks(prepare_atlas(pd.DataFrame(rows)))
        [5.0, 10.0, 20.0]
    """
    values = data["half_life"].values
    low, high = np.nanmin(values), np.nanmax(values)
    return [tick for tick in log_ticks(values[np.isfinite(values)]) if low <= tick <= high]


def plot_atlas(table: pd.DataFrame) -> go.Figure:
    """Draw four maps over layer × head: how far λ moved, half-life, phase speed, what importance moves.

    Each has the scale that fits it: λ from red (less than at the start) over white to blue, half-lives
    logarithmic, the others from zero. Up to 48 heads have their numbers in the cells; the hover box of any
    map has all four.

    Args:
        table: A row a head, as `model.analysis.atlas.head_atlas` makes it.

    Returns:
        The figure.

    Raises:
        ValueError: For missing columns, or two rows of one head.

    Example:
        >>> import sisa_viz
        >>> row = {"layer": 0, "head": 0, "lam": 0.3233, "half_life": 8.0, "phase_speed": 0.5}
        >>> figure = sisa_viz.plot_atlas(pd.DataFrame([row | {"importance_share": 0.25}]))
        >>> [note.text for note in figure.layout.annotations][1]
        'half-life (tokens)'
    """
    data = prepare_atlas(table)
    tall = 26 * min(max(data.sizes["layer"], 3), 16)
    height = figures.HEADER + 60 + 2 * tall + 80
    figure = figures.panels(
        list(TITLES.values()),
        columns=COLUMNS,
        height=height,
        horizontal_spacing=GAP,
        vertical_spacing=80 / (2 * tall + 80),
    )
    hover = {"λ − 0.313": data["lam_moved"], "half-life, tokens": data["half_life"]}
    hover |= {"phase speed": data["phase_speed"], "moved attention": data["importance_share"]}
    for at, name in enumerate(ATLAS_MAPS):
        axis = f"coloraxis{at + 1 if at else ''}"
        words = cell_words(name, data)
        heat = figures.head_map(shown(name, data), coloraxis=axis, hover=hover, words=words, size=10)
        figure.add_trace(heat, row=at // COLUMNS + 1, col=at % COLUMNS + 1)
        figure.update_layout({axis: _scale(name, data, at, share=tall / (2 * tall + 80))})
    figures.head_axes(figure, data["lam_moved"])
    figure.update_xaxes(title=None, row=1)
    figure.update_yaxes(title=None, col=2)
    figure.update_annotations(font_size=13)
    figures.entitle(figure, "Atlas of heads", atlas_words(data))
    return figure


def _scale(name: str, data: xr.Dataset, at: int, *, share: float) -> dict[str, object]:
    """Return the colour axis of a map, its bar beside the map: half-lives in their log₁₀."""
    right = 1.0 if at % COLUMNS else (1 - GAP) / 2
    place = {"x": right + 0.005, "y": 1 - share / 2 if at < COLUMNS else share / 2, "len": share * 1.1}
    low, high = limits(name, data)
    if name == "lam_moved":
        return figures.signed_axis(high, "", **place)
    axis = figures.zero_axis(high, "", **place) | {"cmin": low}
    if name == "half_life":
        ticks = half_life_ticks(data)
        words = {"tickvals": np.log10(ticks).tolist(), "ticktext": [f"{tick:g}" for tick in ticks]}
        axis["colorbar"] = figures.colourbar("", place) | words
    return axis
