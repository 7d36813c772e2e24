"""The sisa command, as typed."""

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
    assert result.output.strip() == str(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<h1>A &lt;b&gt; page</h1>" in page
    assert "<h2>&lt;b&gt;t.nc</h2>" in page
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
