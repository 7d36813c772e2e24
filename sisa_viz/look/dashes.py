"""Dashes of lines, in plotly's words and in matplotlib's, so that a figure and its picture agree."""

MATPLOTLIB_DASHES: dict[str, str | tuple[int, tuple[int, int]]] = {
    "solid": "-",
    "dash": "--",
    "dot": ":",
    "dashdot": "-.",
    "longdash": (0, (8, 3)),
}
