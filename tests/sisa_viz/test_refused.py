"""What no plot, page or file can hold is refused by name where it is given: headings, numbers, paths."""
# what is no text or path is given where one is meant: what is tested
# pyright: reportArgumentType=false

import json
from pathlib import Path

import numpy as np
import pytest

import sisa_viz
from sisa_viz import Heading, ScoreExplorer, open_trace, report
from sisa_viz.pages.notebooks import notebook_sections
from sisa_viz.pages.sections import trace_sections
from sisa_viz.trace.axes import VARIABLES

NO_TEXTS = [None, 5, 1.5, b"title", ["title"], Path("title")]
NOT_FINITE = [float("nan"), float("inf"), -float("inf")]
FACTORS = [name for name, quantity in VARIABLES.items() if quantity.dtype == "float32" and name != "phase"]


def with_number(trace, name, number):
    """The trace with one number of one variable replaced."""
    values = trace[name].values.copy()
    values.flat[-1] = number
    return trace.assign({name: (trace[name].dims, values, trace[name].attrs)})


@pytest.mark.parametrize("title", NO_TEXTS, ids=repr)
def test_a_heading_is_text(trace, tmp_path, title):
    for heading in (
        lambda: ScoreExplorer(trace, title=title),
        lambda: report(tmp_path / "page.html", "text", title=title),
    ):
        with pytest.raises(ValueError, match=r"title is .*; legal: a string. Write '' for none"):
            heading()
    with pytest.raises(ValueError, match=r"heading is .*; legal: a string"):
        Heading(title)
    assert list(tmp_path.iterdir()) == []


def test_an_explorer_of_a_model_refuses_its_options_before_any_text_is_typed(trace):
    with pytest.raises(ValueError, match=r"precision is 'half'; legal: auto, float32, fixed16"):
        ScoreExplorer(model=type("Model", (), {"tokenizer": "any"})(), precision="half")


@pytest.mark.parametrize("number", NOT_FINITE)
@pytest.mark.parametrize("name", FACTORS)
def test_no_trace_with_a_number_that_is_not_finite_is_saved(trace, tmp_path, name, number):
    with pytest.raises(ValueError, match=f"^{name} holds 1 values that are not finite, the first at "):
        with_number(trace, name, number).sisa.save(tmp_path / "trace.nc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", NOT_FINITE)
def test_lam_that_is_not_finite_is_drawn_nowhere(trace, number):
    wrong = with_number(trace, "lam", number)
    for door in (
        lambda: sisa_viz.plot_lambda(wrong),
        lambda: ScoreExplorer(wrong),
        lambda: trace_sections(wrong, name="wrong"),
        lambda: sisa_viz.plot_scores(wrong, layer=1, head=2),
    ):
        with pytest.raises(ValueError, match=r"lam holds 1 values that are not finite.* a diverged model"):
            door()


def test_the_first_number_is_named_by_the_coordinates_of_the_trace(trace):
    part = with_number(trace, "lam", np.nan).isel(layer=[1])
    with pytest.raises(ValueError, match=r"the first at \{'layer': 1, 'head': 2\}"):
        sisa_viz.plot_lambda(part)


@pytest.mark.parametrize("path", [None, "", 5, "a\x00b"], ids=repr)
def test_what_is_no_path_is_refused_by_every_reader_and_writer(trace, path):
    for door in (
        lambda: open_trace(path),
        lambda: trace.sisa.save(path),
        lambda: ScoreExplorer(trace).to_html(path),
        lambda: report(path, "text", title="title"),
    ):
        with pytest.raises(ValueError, match=r"path is .*; legal: the path of a file"):
            door()


def test_home_is_written_as_a_tilde(trace, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert trace.sisa.save("~/t.nc") == tmp_path / "t.nc"
    with open_trace("~/t.nc") as opened:
        assert opened.sizes == trace.sizes
        with pytest.raises(ValueError, match=r"the trace was opened from that file"):
            ScoreExplorer(opened).to_html("~/t.nc")
    assert ScoreExplorer(trace).to_html("~/x.html") == tmp_path / "x.html"
    assert report("~/r.html", "text", title="title") == tmp_path / "r.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "t.nc", "x.html"]


def test_a_mark_at_the_beginning_of_a_file_is_no_damage(tmp_path, write_run, metrics):
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Question"}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path = tmp_path / "marked.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8-sig")
    assert notebook_sections(path) == [Heading("Question")]
    run = write_run("run", config={"d_state": 16, "seed": 0}, metrics=metrics)
    plain = sisa_viz.read_runs(run)
    for name in ("config.json", "metrics.csv"):
        (run / name).write_text((run / name).read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert sisa_viz.read_runs(run).equals(plain)
