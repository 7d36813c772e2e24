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
