"""One offline HTML page from figures, tables, explorers and text.

The page asks no server for anything, and its Content-Security-Policy forbids it to. All text is escaped;
plotly.js is inside at most once; a still picture stands in where scripts are off.
"""

import html
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import pandas as pd
import plotly.graph_objects as go

from data.files import write_aside
from data.refusal import file_path
from sisa_viz.look.text import check_text, visible

MOST_SCRIPT = 256 * 2**20  # characters; browsers drop an inline script of about 512 MB without a word
MOST_ROWS = 1000
LARGEST_WHOLE = 2**53  # of a float; a step of 12500 is no 1.25e+04
FEWEST_HEADINGS = 4  # that a page has contents for
PAGE_PARTS = Path(__file__).parent / "parts"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob: data:; style-src 'unsafe-inline'; img-src data: "
    "blob:; "
    "font-src data:; worker-src blob: data:; form-action 'none'; base-uri 'none'"
)


@dataclass(frozen=True)
class Heading:
    """Mark a heading between the sections of a page; its text is escaped like all other text.

    Example:
        >>> Heading("Runs").text
        'Runs'
    """

    text: str

    def __post_init__(self) -> None:
        check_text("heading", self.text)


@dataclass(frozen=True)
class Printed:
    """Mark text that a program printed: shown as it stands, in letters of one width.

    Example:
        >>> Printed("step 1\\nstep 2").text
        'step 1\\nstep 2'
    """

    text: str

    def __post_init__(self) -> None:
        check_text("text", self.text)


@runtime_checkable
class Fragment(Protocol):
    """Describe an object that brings trusted markup of its own, such as a ScoreExplorer.

    It may also have `_report_assets_() -> str`, scripts and styles that a page needs once, whatever the
    number of such sections, and `_report_keeps_(path)`, which refuses a page over a file it was read from.
    """

    def _report_html_(self) -> str:
        """Return the markup of this section."""
        ...


Section: TypeAlias = str | Heading | Printed | go.Figure | pd.DataFrame | pd.Series | Fragment


def report(path: str | os.PathLike[str], *sections: Section, title: str, pictures: bool = True) -> Path:
    """Write sections into one HTML file that needs no server, and return its path.

    Nothing is written if one of the sections is not legal. The page's Content-Security-Policy forbids it to
    load anything; all text is escaped.

    Args:
        path: The file to write; its folder must exist.
        *sections: In order: strings (paragraphs, parted by empty lines; no markup), Headings, plotly figures,
            pandas tables, and objects with `_report_html_()`, whose markup is trusted.
        title: The page's title.
        pictures: Whether each figure has a still picture for readers without scripts, about 0.3 s a figure.
            Figures that cannot be drawn so, such as pies, have a sentence in its place.

    Raises:
        TypeError: Names a section of another kind.
        ValueError: For a figure so large that browsers would drop it, or a page over the file of a trace
            that one of the explorers shows.

    Example:
        >>> import tempfile
        >>> from sisa_viz import Heading, report
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = report(Path(folder) / "page.html", Heading("Runs"), "a < b", title="Today")
        ...     "<p>a &lt; b</p>" in page.read_text(encoding="utf-8")
        True
    """
    target, title = file_path("path", path), check_text("title", title)
    for number, section in enumerate(sections):
        if isinstance(section, type):  # it has the methods of a section, and no object to call them on
            raise _no_section(section, number)
        keep = getattr(section, "_report_keeps_", None)
        if keep is not None:
            keep(target)
    body = "\n".join(_section(section, number, pictures) for number, section in enumerate(sections))
    assets = dict.fromkeys(filter(None, map(_assets, sections)))
    drawn = any(isinstance(section, go.Figure) for section in sections)
    page = _page(title, _contents(sections) + body, "\n".join(assets), drawn)
    with write_aside(target) as aside:
        # Half a surrogate pair in a figure becomes its escape, which JSON reads as what it was.
        aside.write_bytes(page.encode("utf-8", "backslashreplace"))
    return target


def _assets(section: object) -> str:
    assets = getattr(section, "_report_assets_", None)
    return assets() if assets else ""


def _section(section: object, number: int, pictures: bool) -> str:
    if isinstance(section, str):
        return "\n".join(f"<p>{_text(part.strip())}</p>" for part in section.split("\n\n") if part.strip())
    if isinstance(section, Heading):
        return f'<h2 id="{_anchor(number)}">{_text(section.text)}</h2>'
    if isinstance(section, Printed):
        return f'<pre class="printed">{_text(section.text)}</pre>'
    if isinstance(section, go.Figure):
        return figure_markup(section, number, pictures=pictures)
    if isinstance(section, pd.Series):
        return _table(section.to_frame())
    if isinstance(section, pd.DataFrame):
        return _table(section)
    if isinstance(section, Fragment):
        return section._report_html_()
    raise _no_section(section, number)


def _anchor(number: int) -> str:
    """Return what an address calls the heading of a section."""
    return f"section-{number}"


def _contents(sections: Sequence[object]) -> str:
    """Write the headings of a page as links to them, where there are enough to get lost in."""
    found = [(at, section.text) for at, section in enumerate(sections) if isinstance(section, Heading)]
    if len(found) < FEWEST_HEADINGS:
        return ""
    items = "".join(f'<li><a href="#{_anchor(at)}">{_text(text)}</a></li>' for at, text in found)
    return f'<nav class="contents" aria-label="contents"><ol>{items}</ol></nav>\n'


def _no_section(section: object, number: int) -> TypeError:
    kind = f"the class {section.__name__}" if isinstance(section, type) else f"a {type(section).__name__}"
    return TypeError(
        f"section {number} is {kind}; legal: str, Heading, plotly Figure, pandas "
        "DataFrame or Series, ScoreExplorer or another object with _report_html_()"
    )


def _text(text: object) -> str:
    """One run of text: line breaks kept, everything else that shows as nothing made visible, then escaped."""
    lines = (visible(line, spaces=False) for line in str(text).split("\n"))
    return html.escape("\n".join(lines))


def figure_markup(figure: go.Figure, number: int, *, pictures: bool = True) -> str:
    """Write the place of a figure and its data; plotly.js and parts/draw.js draw it there.

    Args:
        figure: The figure.
        number: What it is called where it has no title.
        pictures: Whether a still picture stands in where scripts are off.

    Returns:
        HTML of one element, of class sisa-figure.

    Raises:
        ValueError: For a figure so large that browsers would drop it.

    Example:
        >>> figure_markup(go.Figure(layout={"title": {"text": "a < b"}}), 1, pictures=False)[:60]
        '<figure class="sisa-figure"><div role="img" aria-label="a &l'
    """
    from sisa_viz.pages.picture import plain  # matplotlib, only where a picture is drawn

    data = str(figure.to_json())  # plotly writes < as \u003c, so that no string can end the script
    if len(data) > MOST_SCRIPT:
        raise ValueError(
            f"the figure in section {number} is {len(data) / 2**20:.0f} MiB; legal: at most "
            f"{MOST_SCRIPT // 2**20}, as browsers drop longer scripts. Plot a window of it"
        )
    layout = figure.to_dict()["layout"]
    name = _text(plain(layout.get("title", {}).get("text")) or f"figure {number}")
    still = f"<noscript>{_still(figure, name)}</noscript>" if pictures else ""
    height = layout.get("height", 450)
    return (
        f'<figure class="sisa-figure"><div role="img" aria-label="{name}" style="height:{height}px"></div>'
        f'<script type="application/json">{data}</script>{still}</figure>'
    )


def _still(figure: go.Figure, name: str) -> str:
    """Write the still picture, or a sentence where matplotlib cannot draw what plotly can."""
    from sisa_viz.pages.picture import picture_uri

    try:
        return f'<img src="{picture_uri(figure)}" alt="{name}">'
    except Exception:  # any figure of plotly is legal, and a stand-in must not stop the page
        return f"<p>{name}: scripts are off, and this figure has no still picture.</p>"


def _table(frame: pd.DataFrame) -> str:
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(allow_duplicates=True)  # an index may be called like a column
    head = "".join(
        f'<th scope="col"{_side(frame.iloc[:, at])}>{_text(name)}</th>'
        for at, name in enumerate(frame.columns)
    )
    rows = "\n".join(
        "<tr>" + "".join(map(_cell, row)) + "</tr>"
        for row in frame.head(MOST_ROWS).itertuples(index=False, name=None)
    )
    more = f"<p>{len(frame) - MOST_ROWS} more rows are left out.</p>" if len(frame) > MOST_ROWS else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"
    return f'<div class="table">{table}</div>{more}'


def _side(column: pd.Series) -> str:
    return ' class="number"' if pd.api.types.is_numeric_dtype(column) and column.dtype != bool else ""


def _cell(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"<td>{_text(value)}</td>"
    return f'<td class="number">{_number(value)}</td>'


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    whole = not math.isinf(value) and value == int(value)
    return str(int(value)) if whole and abs(value) < LARGEST_WHOLE else f"{value:.4g}".replace("inf", "∞")


def _page(title: str, body: str, assets: str, drawn: bool) -> str:
    style = (PAGE_PARTS / "page.css").read_text(encoding="utf-8")
    draw = (PAGE_PARTS / "draw.js").read_text(encoding="utf-8")
    scripts = f"<script>{_plotly()}</script>\n<script>{draw}</script>" if drawn else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}</title>
<style>{style}</style>
<noscript><style>.sisa-figure > div {{ display: none }}</style></noscript>
</head>
<body>
<main>
<h1>{_text(title)}</h1>
{body}
</main>
{assets}
{scripts}
</body>
</html>
"""


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs().replace("</script", "<\\/script")
