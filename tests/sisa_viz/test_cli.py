"""The sisa command, as typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from typer.testing import CliRunner

from sisa_viz.cli import app


@pytest.fixture
def sisa():
    """Run `sisa ARGS…`."""
    return lambda *args: CliRunner().invoke(app, list(map(str, args)))


@pytest.fixture
def saved(trace, tmp_path):
    return trace.sisa.save(tmp_path / "<b>t.nc")


def test_report_of_runs_and_traces(sisa, saved, write_run, metrics, tmp_path):
    one = metrics[metrics["run"] == "SISA d_state=16-0"]
    run = write_run("run", config={"d_state": 16, "seed": 0}, metrics=one)
    result = sisa("report", run, saved, "-o", tmp_path / "page.html", "--title", "A <b> page")
    assert result.exit_code == 0, result.output
    names = ("page.html", "page.runs.csv", "page.runs.json")
    assert result.output.split("\n")[:3] == [str(tmp_path / name) for name in names]
    page = (tmp_path / "page.html").read_text()
    assert "<h1>A &lt;b&gt; page</h1>" in page
    assert ">&lt;b&gt;t.nc</h2>" in page
    assert page.count('<figure class="sisa-figure">') == 3 + 4
    assert "Score explorer" in page


def test_report_without_the_explorer(sisa, saved, tmp_path):
    assert sisa("report", saved, "-o", tmp_path / "page.html", "--no-explorer").exit_code == 0
    assert "Score explorer" not in (tmp_path / "page.html").read_text()


def test_explore(sisa, saved, tmp_path):
    result = sisa("explore", saved, "-o", tmp_path / "x.html")
    assert result.exit_code == 0, result.output
    assert "<html" in (tmp_path / "x.html").read_text()


@pytest.mark.parametrize("command", ["report", "explore"])
def test_a_wrong_file_is_one_line_and_exit_code_1(sisa, command, tmp_path):
    (tmp_path / "bad.nc").write_text("no trace")
    for name, message in (("bad.nc", "cannot be read as NetCDF"), ("none.nc", "no trace file")):
        result = sisa(command, tmp_path / name, "-o", tmp_path / "x.html")
        assert result.exit_code == 1
        assert result.stderr.startswith("sisa: ")
        assert message in result.stderr
        assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize("command", ["report", "explore"])
def test_an_output_that_is_a_folder_is_one_line_and_exit_code_1(sisa, command, saved, tmp_path):
    result = sisa(command, saved, "-o", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == f"sisa: cannot write {tmp_path}: it is a folder; name a file in it\n"


@pytest.mark.parametrize("command", ["report", "explore"])
def test_a_trace_is_never_overwritten_by_its_page(sisa, command, saved):
    before = saved.read_bytes()
    result = sisa(command, saved, "-o", saved)
    assert result.exit_code == 1
    assert "which is read too; legal: another file" in result.stderr
    assert saved.read_bytes() == before


RUN_FILES = ["metrics.csv", "config.json", "heads.csv", "versions.json", "last.ckpt", "model.safetensors"]


@pytest.fixture
def run(write_run, metrics):
    """A run folder with every file that a training leaves."""
    one = metrics[metrics["run"] == "SISA d_state=16-0"]
    folder = write_run("run", config={"d_state": 16, "seed": 0}, metrics=one)
    for name in RUN_FILES[2:]:
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize("through_a_link", [False, True])
@pytest.mark.parametrize("name", RUN_FILES)
def test_no_file_of_a_run_is_overwritten_by_its_page(sisa, run, tmp_path, name, through_a_link):
    output = run / name
    if through_a_link:
        output = tmp_path / "page.html"
        output.symlink_to(run / name)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    result = sisa("report", run, "-o", output)
    assert result.exit_code == 1
    assert f"output is {output}, which is read too; legal: another file" in result.stderr
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_a_file_that_a_run_links_to_is_not_overwritten(sisa, run, tmp_path):
    (run / "metrics.csv").rename(tmp_path / "m.csv")
    (run / "metrics.csv").symlink_to(tmp_path / "m.csv")
    assert "which is read too" in sisa("report", run, "-o", tmp_path / "m.csv").stderr


def test_a_run_that_has_not_measured_heads_yet_keeps_their_place(sisa, run):
    (run / "heads.csv").unlink()
    assert "which is read too" in sisa("report", run, "-o", run / "heads.csv").stderr


def test_a_page_may_stand_in_the_folder_of_its_run_and_be_written_anew(sisa, run):
    for _ in range(2):
        result = sisa("report", run, "-o", run / "report.html")
        assert result.exit_code == 0, result.output


def test_a_run_that_has_measured_nothing_yet_has_a_page(sisa, write_run, tmp_path):
    run = write_run("new", config={"d_state": 16, "seed": 0}, metrics="step,tokens,name,value\n0,0,tra")
    result = sisa("report", run, "-o", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    assert "Nothing has been measured yet." in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("command", ["report", "explore"])
def test_a_trace_is_not_overwritten_through_a_link_to_it(sisa, command, saved, tmp_path):
    (tmp_path / "page.html").symlink_to(saved)
    before = saved.read_bytes()
    assert "which is read too" in sisa(command, saved, "-o", tmp_path / "page.html").stderr
    assert saved.read_bytes() == before


def test_an_explorer_and_a_report_keep_the_file_of_the_trace_they_show(saved, tmp_path):
    from sisa_viz import ScoreExplorer, open_trace, report

    (tmp_path / "link.html").symlink_to(saved)
    before = saved.read_bytes()
    with open_trace(saved) as trace:
        explorer = ScoreExplorer(trace)
        for path in (saved, tmp_path / "link.html"):
            for write in (explorer.to_html, lambda path: report(path, explorer, title="t", pictures=False)):
                with pytest.raises(ValueError, match="the trace was opened from that file; legal: another"):
                    write(path)
    assert saved.read_bytes() == before


def test_a_folder_that_is_no_run_is_named(sisa, tmp_path):
    result = sisa("report", tmp_path, "-o", tmp_path / "x.html")
    assert result.exit_code == 1
    assert "a folder, but not a run" in result.stderr


def test_doctor_exits_with_1_only_if_something_needed_is_missing(sisa, monkeypatch):
    from sisa_viz.doctor import Check

    good, bad = Check("python", True, "3.11"), Check("plotly", False, "not installed", "install it")
    monkeypatch.setattr("sisa_viz.doctor.examine", lambda: [good])
    assert sisa("doctor").exit_code == 0
    monkeypatch.setattr("sisa_viz.doctor.examine", lambda: [good, bad])
    result = sisa("doctor")
    assert result.exit_code == 1
    assert "FAIL  plotly: not installed\n      → install it" in result.output


@pytest.mark.parametrize("command", ["report", "explore"])
def test_a_tilde_that_the_shell_leaves_is_the_home_folder(sisa, command, trace, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    saved = trace.sisa.save(tmp_path / "t.nc")
    assert sisa(command, "~/t.nc", "--output=~/x.html").output.strip() == str(tmp_path / "x.html")
    kept = saved.read_bytes()
    for output in ("~/t.nc", saved):
        result = sisa(command, "~/t.nc", f"--output={output}")
        assert result.exit_code == 1
        assert "which is read too; legal: another file" in result.stderr
    assert saved.read_bytes() == kept


@pytest.mark.parametrize("command", ["report", "explore"])
def test_a_name_that_no_file_can_have_is_one_line(sisa, command, saved, tmp_path):
    for args in ((tmp_path / ("n" * 300), "-o", tmp_path / "x.html"), (saved, "-o", tmp_path / ("n" * 300))):
        result = sisa(command, *args)
        assert result.exit_code == 1
        assert result.stderr.startswith("sisa: ")
        assert result.stderr.count("\n") == 1


def test_a_link_to_itself_beside_a_run_stops_no_page(sisa, run, tmp_path):
    (run / "loop").symlink_to(run / "loop")
    result = sisa("report", run, "-o", tmp_path / "page.html")
    assert result.exit_code == 0, result.output


def test_a_terminal_of_another_encoding_shows_escapes(saved, tmp_path):
    program = [sys.executable, "-c", "from sisa_viz.cli import app; app()"]
    output = tmp_path / "p→.html"
    done = subprocess.run(
        [*program, "explore", str(saved), "-o", str(output)],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b"p\\u2192.html\n")
    assert output.exists()


def test_a_version_and_help_are_no_errors(sisa):
    assert sisa("--version").output.startswith("sisa-lens ")
    bare = sisa()
    assert bare.exit_code == 0
    assert "explore" in bare.output


def test_a_notebook_stands_on_the_page_in_its_place(sisa, saved, tmp_path):
    cells = [nbformat.v4.new_markdown_cell("# Why?\n\n**Because**")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "book.ipynb")
    result = sisa("report", tmp_path / "book.ipynb", saved, "-o", tmp_path / "page.html", "--no-explorer")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text()
    assert "<strong>Because</strong>" in page
    assert page.index("Why?") < page.index("t.nc")
    refused = sisa("report", tmp_path / "book.ipynb", "-o", tmp_path / "book.ipynb")
    assert "which is read too" in refused.stderr


def test_the_tables_beside_a_page_tell_finished_runs_from_unfinished_ones(sisa, write_run, metrics, tmp_path):
    folders = []
    for seed, planned in enumerate((100, 100, 400)):
        config = {"d_state": 16, "seed": seed, "training": {"steps": planned}}
        one = metrics[metrics["run"] == f"SISA d_state=16-{seed}"]
        folders.append(write_run(f"=r-seed{seed}", config=config, metrics=one))
    result = sisa("report", *folders, "-o", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "page.runs.json").read_text())
    assert [run["state"] for run in told["runs"]] == ["finished", "finished", "unfinished"]
    assert [run["d_state"] for run in told["runs"]] == [16, 16, 16]
    assert [variant["seeds"] for variant in told["variants"]] == [2]
    table = pd.read_csv(tmp_path / "page.runs.csv")
    assert sorted(table["run"].unique()) == [f"'=r-seed{seed}" for seed in range(3)]  # no formula
    assert "1 of 3 runs are unfinished" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("name", ["metrics.csv", "config.json"])
def test_no_table_beside_a_page_overwrites_what_a_run_has(sisa, run, name, tmp_path):
    link = (tmp_path / "page.html").with_suffix(".runs" + Path(name).suffix)
    link.symlink_to(run / name)
    before = (run / name).read_bytes()
    result = sisa("report", run, "-o", tmp_path / "page.html")
    assert "which is read too" in result.stderr
    assert (run / name).read_bytes() == before
