"""What parts of one run bring to another: shares of the way over layers and heads, or layers and places."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table
from sisa_viz.look import figures
from sisa_viz.look.colours import GROUND, signed_limit
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import AXES

PATCHED = ("share", "low", "high", "difference", "exact_match", "n")
SOURCES = {False: "patched from the pair's other text", True: "control: from another pair's text"}
TITLES = {
    "denoising": "What suffices: parts of the clean run in the corrupted one",
    "noising": "What is needed: parts of the corrupted run in the clean one",
}
READINGS = {
    "denoising": "share recovered of log p(right) − log p(corrupted answer): 0 corrupted, 1 clean",
    "noising": "share lost of log p(right) − log p(corrupted answer): 0 clean, 1 corrupted",
}
NONE = 0.005  # a share below it is written as a dot, so that the eye finds what is there
SHARE_LABEL = {"denoising": "share recovered", "noising": "share lost"}


@dataclass(frozen=True)
class Patching:
    """Hold what plot_patching draws.

    Attributes:
        direction: "denoising" or "noising".
        across: What the columns of every map are: "head" or "at".
        layers: The rows of every map.
        places: The columns of every map: numbers of heads or positions, or names of spans.
        panels: (what, control) of every map, those of one part beside each other.
        maps: Numbers [layer, place] by panel and column of the table, NaN where there is no such cell.
    """

    direction: str
    across: str
    layers: list[int]
    places: list[int | str]
    panels: list[tuple[str, bool]]
    maps: dict[tuple[str, bool], dict[str, np.ndarray]]

    @property
    def columns(self) -> int:
        """Maps side by side: a part and its control."""
        return len({control for _, control in self.panels})

    @property
    def limit(self) -> float:
        """Where the colours saturate: 1, or beyond where a patch goes further."""
        return max(1.0, signed_limit(*(maps["share"] for maps in self.maps.values())))

    def title(self, panel: tuple[str, bool]) -> str:
        """Return what stands over a map."""
        what, control = panel
        return f"{what}, {SOURCES[control]}" if self.columns > 1 else what

    def words(self, panel: tuple[str, bool]) -> np.ndarray:
        """Return what each cell says: its share, a dot for about 0; "" where cells are too many for that."""
        share = self.maps[panel]["share"]
        if share.size > figures.MOST_WRITTEN:
            return np.full(share.shape, "", dtype=object)
        words = np.array([[f"{value:z.2f}" for value in row] for row in share], dtype=object)
        words[np.abs(share) < NONE] = "·"
        words[np.isnan(share)] = ""
        return words


def prepare_patching(table: pd.DataFrame) -> Patching:
    """Lay the cells of patchings out as maps of layer × head, or of layer × place.

    Args:
        table: From `model.analysis.patching.patching`, one or several of them joined: direction, what,
            layer, at, control, head where there are heads, share, low, high, difference, exact_match, n.

    Returns:
        Maps, their axes and their direction.

    Raises:
        ValueError: For missing columns, several directions, heads beside parts without, heads at several
            places, or two rows of one cell.

    Example:
        >>> row = {"direction": "denoising", "what": "residual", "layer": 0, "control": False, "n": 9}
        >>> row |= {"low": 0.0, "high": 1.0, "difference": 2.0, "exact_match": 0.5}
        >>> data = prepare_patching(pd.DataFrame([row | {"at": "value", "share": 1.0}]))
        >>> data.across, data.places, data.words(("residual", False)).tolist()
        ('at', ['value'], [['1.00']])
    """
    keys = ["direction", "what", "layer", "at", "control"]
    rows = check_table(table, (*keys, *PATCHED), what="the table of patches")
    directions = list(map(str, rows["direction"].unique()))
    if len(directions) > 1 or directions[0] not in TITLES:
        raise ValueError(f"direction is {', '.join(directions)}; legal: one of {', '.join(TITLES)}")
    has_head = rows["head"].notna().to_numpy() if "head" in rows else np.zeros(len(rows), bool)
    headed = bool(has_head.any())
    if headed and not has_head.all():
        raise ValueError("some parts of the table have heads and some have none; draw them apart")
    if headed and len(set(rows["at"])) > 1:
        raise ValueError("heads are patched at several places; draw one of the column at")
    across = "head" if headed else "at"
    if rows.duplicated(["what", "layer", across, "control"]).to_numpy().any():
        raise ValueError(f"rows repeat a what, layer, {across} and control; legal: one row each")
    layers = sorted(map(int, rows["layer"].unique()))
    places = [int(at) if isinstance(at, float) else at for at in rows[across].unique().tolist()]
    parts = rows["what"].unique()
    panels = [
        (str(what), control)
        for what in parts
        for control in SOURCES
        if ((rows["what"] == what) & (rows["control"] == control)).any()
    ]
    maps = {}
    for what, control in panels:
        own = rows.loc[(rows["what"] == what) & (rows["control"] == control)]
        laid_out = own.pivot(index="layer", columns=across).reindex(index=layers)
        maps[what, control] = {
            name: laid_out[name].reindex(columns=places).to_numpy(float) for name in PATCHED
        }
    return Patching(directions[0], across, layers, places, panels, maps)


def plot_patching(table: pd.DataFrame) -> go.Figure:
    """Draw how far each patch brings a run to the one that it is patched from, the control beside it.

    A part without heads is a map of layer × place, others are maps of layer × head; all have one scale. Blue
    is on the way to the other run and red away from it. A patch says something by what it has over its
    control, which comes from a text that knows nothing of the pair: to know neither answer is to have gone
    half the way. The hover box has the interval over pairs, the difference in nats and exact matches.

    Args:
        table: From `model.analysis.patching.patching`, one or several of them joined.

    Returns:
        The figure.

    Raises:
        ValueError: For a table that is no grid, see `prepare_patching`.

    Example:
        >>> import sisa_viz
        >>> row = {"direction": "noising", "what": "head", "layer": 0, "at": "all", "control": False, "n": 9}
        >>> row |= {"low": 0.0, "high": 1.0, "difference": 2.0, "exact_match": 0.5, "share": 0.5}
        >>> figure = sisa_viz.plot_patching(pd.DataFrame([row | {"head": head} for head in range(2)]))
        >>> figure.layout.title.text
        'What is needed: parts of the corrupted run in the clean one'
    """
    data = prepare_patching(table)
    rows, tall = -(-len(data.panels) // data.columns), 34 * max(len(data.layers), 4)
    height = figures.HEADER + 60 + (tall + 70) * rows
    figure = figures.panels(
        [data.title(panel) for panel in data.panels],
        columns=data.columns,
        height=height,
        horizontal_spacing=0.04,
        vertical_spacing=70 / (height - figures.HEADER - 60),
    )
    for at, panel in enumerate(data.panels):
        figure.add_trace(_map(data, panel), row=at // data.columns + 1, col=at % data.columns + 1)
    _axes(figure, data)
    figures.entitle(figure, TITLES[data.direction], subtitle(data))
    return figure


def subtitle(data: Patching) -> str:
    """Return what a share is, and over how many pairs it is taken.

    Example:
        >>> row = {"direction": "noising", "what": "mlp", "layer": 0, "at": "all", "control": False, "n": 9}
        >>> row |= {"low": 0.0, "high": 1.0, "difference": 2.0, "exact_match": 0.5, "share": 0.5}
        >>> subtitle(prepare_patching(pd.DataFrame([row])))
        'share lost of log p(right) − log p(corrupted answer): 0 clean, 1 corrupted · 9 pairs'
    """
    pairs = int(max(np.nanmax(maps["n"]) for maps in data.maps.values()))
    return f"{READINGS[data.direction]} · {pairs} pairs"


def _map(data: Patching, panel: tuple[str, bool]) -> go.Heatmap:
    maps, columns = data.maps[panel], len(data.places)
    where = [escape(f"{'head ' if data.across == 'head' else ''}{place}") for place in data.places]
    names = [[f"layer {layer}, {name}" for name in where] for layer in data.layers]
    numbers = [[[f"{x:.3g}" for x in row] for row in maps[name]] for name in PATCHED]
    return go.Heatmap(
        z=maps["share"],
        x=list(range(columns)),
        y=data.layers,
        coloraxis="coloraxis",
        xgap=1 if columns <= figures.MOST_WRITTEN else 0,
        ygap=1,
        hoverongaps=False,
        text=data.words(panel),
        texttemplate="%{text}",
        customdata=figures.cells(names, *numbers),
        hovertemplate="<b>%{customdata[0]}</b><br>share: %{customdata[1]} "
        "(95 %: %{customdata[2]} to %{customdata[3]})<br>log p(right) − log p(corrupted answer): "
        "%{customdata[4]} nats<br>exact match: %{customdata[5]} of %{customdata[6]} pairs<extra></extra>",
    )


def _axes(figure: go.Figure, data: Patching) -> None:
    every = max(1, -(-len(data.places) // 12))
    ticks = list(range(len(data.places)))[::every]
    figure.update_xaxes(
        title=across_label(data),
        tickmode="array",
        tickvals=ticks,
        ticktext=[escape(data.places[at]) for at in ticks],
        showgrid=False,
        zeroline=False,
    )
    step = max(1, -(-len(data.layers) // 16))
    figure.update_yaxes(
        title=AXES["layer"],
        tickmode="array",
        tickvals=data.layers[::step],
        showgrid=False,
        zeroline=False,
        autorange="reversed",
    )
    figures.link(figure)
    for column in range(2, data.columns + 1):
        figure.update_yaxes(title=None, showticklabels=False, col=column)
    for above in range(len(data.panels) - data.columns):
        figure.update_xaxes(title=None, row=above // data.columns + 1, col=above % data.columns + 1)
    axis = figures.signed_axis(data.limit, SHARE_LABEL[data.direction])
    figure.update_layout(plot_bgcolor=GROUND, coloraxis=axis)
    figure.update_annotations(font_size=13)


def across_label(data: Patching) -> str:
    """Return what the columns of the maps are: heads, positions, or spans of tokens.

    Example:
        >>> row = {"direction": "noising", "what": "mlp", "layer": 0, "at": 3, "control": False, "n": 9}
        >>> row |= {"low": 0.0, "high": 1.0, "difference": 2.0, "exact_match": 0.5, "share": 0.5}
        >>> across_label(prepare_patching(pd.DataFrame([row])))
        'position'
    """
    if data.across == "head":
        return AXES["head"]
    numbered = all(isinstance(place, int) for place in data.places)
    return AXES["position"] if numbered else "patched positions"
