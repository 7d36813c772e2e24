"""Scripts that people start say what is wrong in one line, without a traceback."""

import runpy

import pytest

SCRIPTS = [
    (["benchmarks/capture.py", "--preset", "huge"], "benchmarks/capture.py: preset is 'huge'; legal: 'tiny'"),
    (["benchmarks/cost.py", "--repeats", "0"], "argument --repeats: is '0'; legal: whole numbers >= 1"),
    (["benchmarks/anchor.py", "--length", "many"], "argument --length: is 'many'; legal: whole numbers >= 1"),
    (["notebooks/demo.py", "--out", "{file}"], "notebooks/demo.py: --out is "),
    (["notebooks/workshop/stick/build.py", "--pythons", "3.10"], "PYTHONS is '3.10'; legal: 3.11 and newer"),
    (["notebooks/workshop/stick/build.py", "--platforms", "amiga"], "PLATFORMS is 'amiga'; legal: 'linux-"),
]


@pytest.mark.parametrize(("command", "said"), SCRIPTS, ids=lambda value: str(value)[:40])
def test_a_mistake_is_told_and_no_traceback(project, tmp_path, monkeypatch, capsys, command, said):
    (tmp_path / "file").touch()
    script, *options = command
    monkeypatch.setattr("sys.argv", [script, *(option.format(file=tmp_path / "file") for option in options)])
    monkeypatch.syspath_prepend((project / script).parent)  # as where Python starts it
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(project / script), run_name="__main__")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_every_script_that_is_started_tells_mistakes_in_one_line(project):
    started = [
        path
        for folder in ("benchmarks", "notebooks", "model", "data", "sisa_viz")
        for path in (project / folder).rglob("*.py")
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    ]
    elsewhere = {"explorer_peers.py", "install.py", "start.py"}  # run where this project is not installed
    silent = {path.name for path in started if "one_line" not in path.read_text(encoding="utf-8")}
    assert len(started) >= 9
    assert silent == elsewhere
