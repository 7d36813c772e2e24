"""report: one file, everything escaped, plotly.js once, nothing half written."""

import json
import re
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
from bs4 import BeautifulSoup

from sisa_viz import Heading, ScoreExplorer, plot_lambda, report

PLOTLY_SIGN = "plotly.js v"


class Fragment:
    """A section that brings its own markup."""

    def _report_html_(self) -> str:
        return "<section id='mine'></section>"

    def _report_assets_(self) -> str:
        return "<script>window.mine = 1</script>"


def write(tmp_path, *sections, title: str = "t", pictures: bool = True) -> str:
    path = tmp_path / "page.html"
    assert report(path, *sections, title=title, pictures=pictures) == path
    return path.read_text(encoding="utf-8")


def test_text_is_escaped_and_parted(tmp_path):
    page = write(tmp_path, "a <b>\nnext\n\nc \x00", Heading("<i>h</i>"), title="<script>t</script>")
    assert "<p>a &lt;b&gt;\nnext</p>\n<p>c ⟨U+0000⟩</p>" in page
    assert ">&lt;i&gt;h&lt;/i&gt;</h2>" in page
    assert "<title>&lt;script&gt;t&lt;/script&gt;</title>" in page


def test_plotly_is_inside_once_and_only_if_needed(tmp_path, trace):
    figure = plot_lambda(trace)
    assert write(tmp_path, figure, figure).count(PLOTLY_SIGN) == 1
    without = write(tmp_path, "text", pd.DataFrame({"a": [1]}))
    assert PLOTLY_SIGN not in without
    assert len(without) < 20_000


ORDINARY_FIGURES = [
    go.Scatter(x=[1, 2], y=[3, 1]),
    go.Scatter(x=["a", "b"], y=[1, 2]),
    go.Scatter(x=["2020-01-01", "2020-01-02"], y=[1, 2]),
    go.Scatter(x=[1, 2], y=[3, 1], mode="markers", marker={"color": [1, 2]}),
    go.Scatter(x=[1, 2], y=[3, 1], line={"color": "hsl(10, 20%, 30%)"}),
    go.Bar(x=["a", "b"], y=[1, 2]),
    go.Heatmap(z=[[1, 2], [3, 4]]),
    go.Pie(values=[1, 2]),
    go.Scatter3d(x=[1], y=[1], z=[1]),
]


@pytest.mark.parametrize("drawn", ORDINARY_FIGURES)
def test_no_figure_of_plotly_stops_the_page(tmp_path, drawn):
    page = write(tmp_path, go.Figure(drawn, {"title": {"text": "<b>"}}))
    assert ('<noscript><img src="data:' in page) != ("scripts are off, and this figure has no still" in page)
    assert page.count('<script type="application/json">') == 1


def test_the_picture_of_an_ordinary_line_is_on_the_page(tmp_path):
    assert '<noscript><img src="data:' in write(tmp_path, go.Figure(go.Scatter(x=[1, 2], y=[3, 1])))


def test_figures_travel_as_json_that_cannot_end_the_script(tmp_path):
    page = write(tmp_path, go.Figure(layout={"title": {"text": "</script><b>"}}), pictures=False)
    source = re.search(r'<script type="application/json">(.*?)</script>', page)
    assert source
    assert json.loads(source[1])["layout"]["title"]["text"] == "</script><b>"
    assert 'aria-label="&lt;/script&gt;&lt;b&gt;"' in page


def test_still_pictures_stand_in_unless_told_otherwise(tmp_path, trace):
    assert '<noscript><img src="data:image/png;base64,' in write(tmp_path, plot_lambda(trace))
    assert "<noscript><img" not in write(tmp_path, plot_lambda(trace), pictures=False)


def test_tables_keep_names_numbers_and_an_index_that_says_something(tmp_path):
    frame = pd.DataFrame(
        {"<name>": ["a\nb", "<s>"], "x": [0.123456, float("nan")], "n": [1, 2], "ok": [True, False]}
    )
    page = write(tmp_path, frame)
    assert "&lt;name&gt;</th>" in page
    assert "<td>&lt;s&gt;</td>" in page
    assert '<td class="number">0.1235</td><td class="number">1</td><td>True</td>' in page
    assert "<td>layer 3</td>" in write(tmp_path, pd.Series([1.0], index=["layer 3"], name="λ"))


def test_long_tables_are_cut_and_say_so(tmp_path):
    page = write(tmp_path, pd.DataFrame({"a": range(1002)}))
    assert page.count("<tr>") == 1001
    assert "2 more rows are left out." in page


def test_assets_of_several_fragments_are_inside_once(tmp_path):
    page = write(tmp_path, Fragment(), Fragment())
    assert page.count("id='mine'") == 2
    assert page.count("window.mine = 1") == 1


def test_an_unknown_section_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(TypeError, match=r"section 1 is a dict; legal: str, Heading, plotly Figure"):
        report(tmp_path / "page.html", "fine", {}, title="t")  # pyright: ignore[reportArgumentType] - what is tested
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_browsers_would_drop_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sisa_viz.pages.page.MOST_SCRIPT", 10)
    with pytest.raises(
        ValueError, match=r"the figure in section 0 is 0 MiB; legal: at most .*Plot a window of it"
    ):
        report(tmp_path / "page.html", go.Figure(), title="t")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .* does not exist"):
        report(tmp_path / "no" / "page.html", title="t")


def test_the_policy_forbids_every_address(tmp_path):
    page = write(tmp_path, "text")
    assert "default-src 'none'" in page
    assert "http:" not in page
    assert "https:" not in page


def test_half_a_surrogate_pair_in_a_figure_stays_what_it_was(tmp_path):
    figure = go.Figure(go.Scatter(y=[1, 2], name="a\ud800"), layout_title="b\ud800")
    page = report(tmp_path / "p.html", figure, title="t").read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json">(.*?)</script>', page)
    assert data is not None
    shown = json.loads(data[1])
    assert (shown["data"][0]["name"], shown["layout"]["title"]["text"]) == ("a\ud800", "b\ud800")
    assert 'aria-label="b⟨U+D800⟩"' in page


@pytest.mark.parametrize(
    "table",
    [
        pd.Series([1, 2], index=pd.Index(["x", "y"], name="v"), name="v"),
        pd.DataFrame({"v": [1]}, index=pd.Index(["x"], name="v")),
        pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)], names=["a", "a"])),
        pd.DataFrame({"index": [1], "level_0": [2]}, index=["x"]),
    ],
    ids=["series", "index like a column", "two indices", "both names of an index taken"],
)
def test_an_index_may_be_called_like_a_column(tmp_path, table):
    page = report(tmp_path / "p.html", table, title="t").read_text(encoding="utf-8")
    width = table.index.nlevels + (1 if table.ndim == 1 else table.shape[1])
    assert page.count('<th scope="col"') == width


@pytest.mark.parametrize("section", [ScoreExplorer, Heading, pd.DataFrame])
def test_a_class_is_no_section(tmp_path, section):
    with pytest.raises(TypeError, match=rf"section 0 is the class {section.__name__}; legal: str, Heading"):
        report(tmp_path / "p.html", section, title="t")


def test_a_page_of_many_headings_has_contents_that_lead_to_them(tmp_path):
    names = ["One", "<b>Two</b>", "Three", "Three"]
    sections = [part for name in names for part in (Heading(name), "words")]
    soup: Any = BeautifulSoup(write(tmp_path, *sections), "html.parser")
    links = soup.select("nav.contents a")
    assert [link.text for link in links] == names
    assert [soup.find(id=str(link["href"])[1:]).text for link in links] == names
    assert "<nav" not in write(tmp_path, *sections[:6])


def test_numbers_of_a_table_are_short_and_steps_are_whole(tmp_path):
    page = write(
        tmp_path, pd.DataFrame({"x": [12500.0, 0.00123456, float("inf"), float("nan"), -float("inf")]})
    )
    cells = [cell.text for cell in BeautifulSoup(page, "html.parser").find_all("td")]
    assert cells == ["12500", "0.001235", "∞", "–", "-∞"]
