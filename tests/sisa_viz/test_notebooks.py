"""Sections of an executed notebook: what a reader saw, and nothing that runs."""

import json
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from sisa_viz import Heading, Markdown, report
from sisa_viz.pages.notebooks import LONGEST_LINE, MOST_LINES, notebook_sections
from sisa_viz.pages.page import Printed

HOSTILE = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror=alert(1)>",
    "a & b",
    "&lt;b&gt;",
    "line\nbreak",
    "🦙",
]


@pytest.fixture
def sections(tmp_path):
    """Sections of a notebook made of the given cells."""

    def write_and_read(*cells):
        path = tmp_path / "executed.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)
        return notebook_sections(path)

    return write_and_read


def markdown(text):
    return nbformat.v4.new_markdown_cell(text)


def code(*outputs):
    return nbformat.v4.new_code_cell("secret = 'source'", outputs=list(outputs))


def shown(**data):
    """One output with its data by MIME type, for example text_html."""
    named = {name.replace("_", "/", 1): value for name, value in data.items()}
    return nbformat.v4.new_output("execute_result", named, execution_count=1)


def table(frame):
    return shown(text_html=frame.to_html(notebook=True), text_plain=str(frame))


def figure(value):
    bundle = {"application/vnd.plotly.v1+json": json.loads(value.to_json()), "text/html": "<div>plotly</div>"}
    return nbformat.v4.new_output("display_data", bundle)


def test_markdown_becomes_headings_and_paragraphs_in_order(sections):
    found = sections(
        markdown("# 01 · Which?\n\nOne sentence\nover `two` lines.\n\n\n## Why\n"), markdown("Last.")
    )
    assert found == [
        Heading("01 · Which?"),
        Markdown("One sentence\nover `two` lines."),
        Heading("Why"),
        Markdown("Last."),
    ]


def test_code_warnings_and_other_html_are_left_out(sections):
    warned = nbformat.v4.new_output("stream", name="stderr", text="<b>12 %</b>")
    widget = shown(**{"text_plain": "ScoreExplorer()", "application_vnd.jupyter.widget-view+json": {}})
    assert sections(code(warned, widget, shown(text_html="<p>no table</p>"))) == []


def test_what_was_printed_and_plain_results_stay(sections):
    text = "\x1b[31mred\x1b[0m\r\n 10 %\r100 %\r\n"  # lines of Windows and of a progress bar
    printed = nbformat.v4.new_output("stream", name="stdout", text=text)
    failed = nbformat.v4.new_output("error", ename="ValueError", evalue="<b>bad</b>", traceback=["line"])
    more = nbformat.v4.new_output("stream", name="stdout", text="and more\n")
    found = sections(code(printed, more, shown(text_plain="'value'"), failed))
    assert found == [Printed("red\n100 %\nand more"), Printed("'value'"), Printed("ValueError: <b>bad</b>")]
    (wide,) = sections(code(nbformat.v4.new_output("stream", name="stdout", text="x" * 10**6)))
    assert wide.text == "x" * LONGEST_LINE + " … (1,000,000 characters)"
    long = nbformat.v4.new_output("stream", name="stdout", text="\n".join(map(str, range(1000))))
    (cut,) = sections(code(long))
    lines = cut.text.split("\n")
    assert (len(lines), lines[0], lines[-1]) == (MOST_LINES + 1, "0", "999")
    assert "… 940 lines are left out …" in lines


def test_displayed_markdown_is_markdown(sections):
    assert sections(code(shown(text_markdown="- one\n- two", text_plain="<Markdown>"))) == [
        Markdown("- one\n- two")
    ]


def test_a_heading_inside_code_is_none(sections):
    text = "# Real `x`\n\n```sh\n# comment\n```\n\n### deeper"
    heading, rest = sections(markdown(text))
    assert heading == Heading("Real x")
    assert "# comment" in rest.text
    assert "### deeper" in rest.text


@pytest.mark.parametrize("named", [False, True])
def test_columns_of_two_levels_are_joined(sections, named):
    columns = pd.MultiIndex.from_product([["rope", "yarn"], ["exact", "causal"]], names=["code", "anchor"])
    index = pd.Index(["1 to 128", "all"], name="tokens" if named else None)
    frame = pd.DataFrame(np.arange(8.0).reshape(2, 4), columns=columns, index=index)
    (found,) = sections(code(table(frame)))
    joined = ["rope · exact", "rope · causal", "yarn · exact", "yarn · causal"]
    assert found.columns.tolist()[1:] == joined
    assert found.columns[0] == ("tokens" if named else "code · anchor")
    assert found.iloc[:, 0].tolist() == ["1 to 128", "all"]
    assert found["yarn · causal"].tolist() == ["3.0", "7.0"]


@pytest.mark.parametrize(
    "values", [[1, None, 2.5], np.arange(3.0), np.arange(6, dtype="int16").reshape(2, 3)]
)
def test_a_plotly_output_is_the_same_figure_again(sections, values):
    kind, name = ("heatmap", "z") if np.ndim(values) == 2 else ("scatter", "y")
    before = go.Figure({"type": kind, name: values})
    before.update_layout(title="Loss, by step", height=321)
    (after,) = sections(code(figure(before)))
    assert isinstance(after, go.Figure)
    layout: Any = after.layout
    assert (layout.title.text, layout.height) == ("Loss, by step", 321)
    want, got = before.data[0], after.data[0]
    assert got["type"] == kind
    np.testing.assert_array_equal(np.array(want[name], dtype=float), np.array(got[name], dtype=float))


def test_a_table_comes_back_as_text_without_its_row_numbers(sections):
    before = pd.DataFrame({"head": ["L2H5", "L0H1"], "mass": [0.25, 1.75]})
    (after,) = sections(code(table(before)))
    pd.testing.assert_frame_equal(after, before.astype({"mass": str}), check_dtype=False)


def test_hostile_cells_and_names_are_plain_text_on_the_page(sections, tmp_path):
    (after,) = sections(code(table(pd.DataFrame({HOSTILE[0]: HOSTILE, "kept": range(len(HOSTILE))}))))
    assert list(after.columns) == [HOSTILE[0], "kept"]
    assert after[HOSTILE[0]].tolist() == [cell.replace("\n", "\\n") for cell in HOSTILE]  # as pandas shows it
    page = report(tmp_path / "page.html", after, title="t").read_text(encoding="utf-8")
    assert "<script>window" not in page
    assert "<img" not in page
    assert "&lt;script&gt;window.pwned = 1&lt;/script&gt;" in page


def test_a_meaningful_index_is_kept(sections):
    frame = pd.DataFrame({"name": ["niah/n", "niah/nll"], "value": [128, 0.5]}).set_index("name")
    (after,) = sections(code(shown(text_html=frame.to_html())))
    assert list(after.columns) == ["name", "value"]
    assert after["name"].tolist() == ["niah/n", "niah/nll"]


def test_every_row_of_an_index_of_two_levels_has_both(sections):
    frame = pd.DataFrame({"variant": ["a", "a", "b"], "code": list("xyx"), "at 128": [1, 2, 3]})
    (kept,) = sections(code(table(frame.set_index(["variant", "code"]).rename_axis(columns="length"))))
    assert kept.to_dict("list") == frame.astype(str).to_dict("list")


def test_markup_in_the_html_of_a_cell_is_not_kept(sections):
    cell = "<b onclick='x()'>bold</b><script>1</script>"
    html = f"<table><tr><th></th><th>a</th></tr><tr><th>0</th><td>{cell}</td></tr></table>"
    (after,) = sections(code(shown(text_html=html)))
    assert "<" not in after["a"][0]
    assert after["a"][0].startswith("bold")


def test_hostile_prose_is_plain_text_on_the_page(sections, tmp_path):
    found = sections(markdown("# <script>window.pwned = 1</script>\n\n<img src=x onerror=alert(1)>"))
    page = report(tmp_path / "page.html", *found, title="t").read_text(encoding="utf-8")
    assert "<script>window" not in page
    assert "<img" not in page


def test_sections_follow_the_cells(sections):
    found = sections(
        markdown("# A"), code(figure(go.Figure()), table(pd.DataFrame({"x": [1]}))), markdown("end")
    )
    assert [type(section) for section in found] == [Heading, go.Figure, pd.DataFrame, Markdown]


@pytest.mark.parametrize("content", ["", "not JSON", "[1, 2]", '{"cells": 3}', b"\x89PNG\r\n\x00\xff"])
def test_a_file_that_is_no_notebook_is_refused_by_name(tmp_path, content):
    path = tmp_path / "foreign.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(
        ValueError, match=r"foreign\.ipynb is not a notebook .*; legal: an executed \.ipynb file"
    ):
        notebook_sections(path)


def test_an_absent_file_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.ipynb is not a notebook \(FileNotFoundError\)"):
        notebook_sections(tmp_path / "absent.ipynb")


DAMAGED = [
    {"data": [{"type": "scatter", "y": {"bdata": "!!!", "dtype": "f8"}}]},
    {"data": [{"type": "scatter", "y": {"bdata": "AAAA", "dtype": "O"}}]},
    {"data": [{"type": "heatmap", "z": {"bdata": "AAAAAAAAAAA=", "dtype": "f8", "shape": "9999999, 9"}}]},
    {"data": [{"type": "no such type"}]},
    {"layout": {}},
    [1],
]


@pytest.mark.parametrize("value", DAMAGED, ids=repr)
def test_a_damaged_figure_names_its_cell_and_file(sections, value):
    output = nbformat.v4.new_output("display_data", {"application/vnd.plotly.v1+json": value})
    with pytest.raises(
        ValueError, match=r"cell 2 of .*\.ipynb shows what is no figure .*; legal: an executed"
    ):
        sections(markdown("before"), code(output))


@pytest.mark.parametrize(
    "markup",
    [
        "<table></table>",
        "<table><thead></thead></table>",
        "<table><tr><td>1</td></tr><tr><td>1</td><td>2</td></tr></table>",
    ],
)
def test_a_table_that_pandas_did_not_make_names_its_cell(sections, markup):
    output = nbformat.v4.new_output("display_data", {"text/html": markup})
    with pytest.raises(ValueError, match=r"cell 1 of .*no table of pandas \(.*Clear that output"):
        sections(code(output))


def test_a_figure_without_a_layout_is_a_figure(sections):
    output = nbformat.v4.new_output("display_data", {"application/vnd.plotly.v1+json": {"data": []}})
    assert isinstance(sections(code(output))[0], go.Figure)


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    nbformat.write(nbformat.v4.new_notebook(cells=[markdown("# Question")]), tmp_path / "n.ipynb")
    assert notebook_sections("~/n.ipynb") == [Heading("Question")]
