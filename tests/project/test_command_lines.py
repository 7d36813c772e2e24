"""Scripts that people start say what is wrong in one line, without a traceback."""

import os
import subprocess
import sys

import pytest

SCRIPTS = [
    (["benchmarks/capture.py", "--preset", "huge"], "benchmarks/capture.py: preset is 'huge'; legal: 'tiny'"),
    (["benchmarks/cost.py", "--repeats", "0"], "argument --repeats: is '0'; legal: whole numbers >= 1"),
    (["benchmarks/anchor.py", "--length", "many"], "argument --length: is 'many'; legal: whole numbers >= 1"),
    (["notebooks/demo.py", "--out", "{file}"], "notebooks/demo.py: --out is "),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "said"), SCRIPTS, ids=lambda value: str(value)[:40])
def test_a_mistake_is_told_and_no_traceback(project, tmp_path, command, said):
    (tmp_path / "file").touch()
    script, *options = command
    options = [option.format(file=tmp_path / "file") for option in options]
    done = subprocess.run(
        [sys.executable, str(project / script), *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_every_script_that_is_started_tells_mistakes_in_one_line(project):
    started = [
        path
        for folder in ("benchmarks", "notebooks", "model", "data", "sisa_viz")
        for path in (project / folder).rglob("*.py")
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    ]
    elsewhere = {"explorer_peers.py"}  # runs in an environment without this project
    silent = {path.name for path in started if "one_line" not in path.read_text(encoding="utf-8")}
    assert len(started) >= 9
    assert silent == elsewhere
