"""Rules for the files of the repository as a whole."""

import re
import subprocess

import pytest

MACHINE = re.compile(r"(^|[\"'\s(=])/(work|tmp|root|home|Users)/", re.MULTILINE)
LARGEST = 20 << 20


@pytest.fixture(scope="module")
def tracked(project):
    """Every file under version control that is still there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=project, check=True, capture_output=True, text=True
    )
    return [path for name in listing.stdout.split("\0") if name and (path := project / name).is_file()]


def text_of(path) -> str:
    """The file's text; nothing for a binary file."""
    raw = path.read_bytes()
    return "" if b"\0" in raw[:8192] else raw.decode("utf-8")


def test_no_file_names_a_folder_of_one_machine(tracked):
    assert [str(path) for path in tracked if MACHINE.search(text_of(path))] == []


def test_the_machine_pattern_can_fail():
    assert MACHINE.search('open("/' + 'home/someone/x")')
    assert not MACHINE.search("https://example.org/work/x and src/tmp/x")


def test_no_file_is_larger_than_20_mib(tracked):
    assert [path.name for path in tracked if path.stat().st_size > LARGEST] == []


def test_make_commands_in_the_texts_exist(project):
    targets = set(re.findall(r"^([a-z]+):", (project / "Makefile").read_text(), re.MULTILINE))
    named = {
        name: set(re.findall(r"\bmake ([a-z]+)\b(?=[`\s])", (project / name).read_text()))
        for name in ("README.md", "CONTRIBUTING.md")
    }
    assert named["README.md"] >= {"demo", "test"}
    assert "check" in named["CONTRIBUTING.md"]
    assert set.union(*named.values()) <= targets


WRITTEN = (
    *("out/runs/a/config.json", "notebooks/out/explore/trace.nc", "notebooks/out/02.ipynb", "docs/out/x"),
    *("runs/a/last.ckpt", "notebooks/runs/a/metrics.csv", "build/lib/x.py", "notebooks/build/x"),
    *("dist/x.whl", "benchmarks/dist/x", "notebooks/lightning_logs/version_0/hparams.yaml"),
    *("notebooks/.ipynb_checkpoints/01.ipynb", "02.executed.ipynb", "notebooks/02.executed.ipynb"),
    *("data/measured/.0f3a9c1d-77-0123456789abcdef.part", "notebooks/.0f3a9c1d-77-0123456789abcdef.part"),
    *("report.html", "notebooks/report.html", "explorer.html", "corpus.npz", "notebooks/trace.nc"),
)


@pytest.mark.parametrize("path", WRITTEN)
def test_what_notebooks_and_commands_write_is_no_change_of_the_project(project, path):
    asked = ["git", "check-ignore", "--quiet", path]
    assert subprocess.run(asked, cwd=project, check=False).returncode == 0


def test_no_file_of_the_project_is_ignored(project):
    listing = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(listing, cwd=project, check=True, capture_output=True, text=True).stdout == ""
    for path in ("notebooks/07_new.ipynb", "model/study/runs.py", "data/text/build.py", "docs/corpus.md"):
        asked = ["git", "check-ignore", "--quiet", path]
        assert subprocess.run(asked, cwd=project, check=False).returncode == 1
