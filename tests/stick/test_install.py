"""install.py and start.py do what they say, with a tiny stick and no network."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOM = Path(__file__).resolve().parents[2] / "notebooks" / "workshop" / "stick"
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.slow
def test_it_installs_once_resumes_and_keeps_notebooks(room, stick, tmp_path, capsys):
    install, folder = room["install"], tmp_path / "a home" / "workshop"
    install.install(stick, folder)
    python = install.interpreter(folder)
    said = subprocess.run([python, "-c", "import tiny; print(tiny.NAME)"], capture_output=True, text=True)
    assert said.stdout == "tiny\n"
    assert {path.name for path in (folder / "notebooks").iterdir()} == {"1_scores.ipynb", "2_heads.ipynb"}
    assert room["start"].command(folder)[-1] == "1_scores.ipynb"
    assert "Installed already" not in capsys.readouterr().out

    (folder / "notebooks" / "1_scores.ipynb").write_text("mine")
    (folder / "notebooks" / "2_heads.ipynb").unlink()
    built = (folder / "venv" / "pyvenv.cfg").stat().st_mtime_ns
    install.install(stick, folder)
    assert "Installed already" in capsys.readouterr().out
    assert (folder / "notebooks" / "1_scores.ipynb").read_text() == "mine"
    assert (folder / "notebooks" / "2_heads.ipynb").is_file()
    assert (folder / "venv" / "pyvenv.cfg").stat().st_mtime_ns == built

    (folder / "venv" / install.DONE).unlink()  # as where the laptop's lid was closed
    next(folder.glob("venv/**/tiny.py")).unlink()
    install.install(stick, folder)
    assert "unfinished" in capsys.readouterr().out
    assert next(folder.glob("venv/**/tiny.py")).is_file()
    assert json.loads(next(folder.glob("venv/**/overrides.json")).read_text()) == install.SETTINGS


def test_an_installation_that_fails_its_trial_is_unfinished(room, stick, tmp_path, monkeypatch):
    install, folder = room["install"], tmp_path / "workshop"
    monkeypatch.setattr(install, "make_environment", lambda *given: (folder / "venv").mkdir(parents=True))
    monkeypatch.setattr(install, "interpreter", lambda folder: Path(sys.executable))
    monkeypatch.setattr(install, "CHECK", "raise SystemExit('no such luck')")
    with pytest.raises(install.Problem, match=r"Trying it out failed:\nno such luck\nShow this"):
        install.install(stick, folder)
    assert not (folder / "venv" / install.DONE).exists()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("wheels/any/tiny-1.0-py3-none-any.whl", "changed"),
        ("wheels/any/tiny-1.0-py3-none-any.whl", "gone"),
        ("stick.json", "changed"),
        ("notebooks/1_scores.ipynb", "changed"),
        ("start.py", "gone"),
    ],
)
def test_a_damaged_stick_installs_nothing(room, stick, tmp_path, name, damage):
    if damage == "changed":
        (stick / name).write_bytes((stick / name).read_bytes()[:-1] + b"?")
    else:
        (stick / name).unlink()
    with pytest.raises(room["install"].Problem, match=f"{name} on the stick is damaged or missing. Copy"):
        room["install"].install(stick, tmp_path / "workshop")
    assert not (tmp_path / "workshop").exists()


def test_an_unfinished_stick_is_refused(room, stick, tmp_path):
    (stick / "SHA256SUMS").unlink()
    with pytest.raises(room["install"].Problem, match="unfinished, without SHA256SUMS"):
        room["install"].install(stick, tmp_path / "workshop")


def test_a_folder_that_is_no_environment_is_left_alone(room, stick, tmp_path):
    (tmp_path / "workshop" / "venv").mkdir(parents=True)
    (tmp_path / "workshop" / "venv" / "thesis.txt").write_text("years of work")
    with pytest.raises(room["install"].Problem, match="is there and is no environment"):
        room["install"].install(stick, tmp_path / "workshop")
    assert (tmp_path / "workshop" / "venv" / "thesis.txt").read_text() == "years of work"


def test_a_python_without_venv_names_the_package(room, stick, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(room["install"].Problem, match=f"sudo apt install python{HERE}-venv"):
        room["install"].install(stick, tmp_path / "workshop")


def test_a_full_disk_is_told_before_anything_is_written(room, stick, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(room["install"].Problem, match=r"0 MB are free where .* needed[.] Free some"):
        room["install"].install(stick, tmp_path / "workshop")
    assert not (tmp_path / "workshop").exists()


def test_paths_that_windows_does_not_take(room, tmp_path):
    entry = {"unpacked": 1, "longest_path": 200 - len(str(tmp_path))}
    room["install"].check_room(tmp_path, entry, windows=True)
    with pytest.raises(room["install"].Problem, match=r"and Windows takes 259\. Name a folder"):
        room["install"].check_room(tmp_path / ("long" * 30), entry, windows=True)
    room["install"].check_room(tmp_path / ("long" * 30), entry, windows=False)


def test_a_python_that_cannot_serve_says_which_can(room):
    install = room["install"]
    install.check_python((3, 11), 64)
    with pytest.raises(install.Problem, match=r"This is Python 3\.9; the workshop needs 3.11 or newer"):
        install.check_python((3, 9), 64)
    with pytest.raises(install.Problem, match="has 32 bits, and PyTorch needs 64"):
        install.check_python((3, 12), 32)
    sets = [{"platform": "linux-x86_64", "python": python} for python in ("3.11", "3.12")]
    assert install.choose(sets, "linux-x86_64", "3.12") is sets[1]
    with pytest.raises(install.Problem, match=r"Python 3\.14; for linux-x86_64 .* serves 3\.11, 3\.12"):
        install.choose(sets, "linux-x86_64", "3.14")
    with pytest.raises(install.Problem, match=r"windows-arm64, .* linux-x86_64\. Python for x86-64 runs"):
        install.choose(sets, "windows-arm64", "3.12")
    with pytest.raises(install.Problem, match=r"is linux-riscv64, .* The pages in the folder pages need no"):
        install.choose(sets, "linux-riscv64", "3.12")


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "linux-x86_64"),
        ("Linux", "aarch64", "linux-aarch64"),
        ("Darwin", "arm64", "macos-arm64"),
        ("Windows", "AMD64", "windows-x86_64"),
        ("Windows", "ARM64", "windows-arm64"),
    ],
)
def test_platforms_have_the_names_of_the_folders(room, system, machine, name):
    assert room["install"].platform_name(system, machine) == name


@pytest.mark.parametrize(
    ("name", "libc", "macos", "said"),
    [
        ("linux-x86_64", ("glibc", "2.27"), "", "this system has glibc 2.27"),
        ("linux-x86_64", ("", ""), "", "has another C library, such as musl"),
        ("macos-arm64", ("", ""), "13.6.1", "need macOS 14 or newer; this is 13.6.1"),
    ],
)
def test_a_system_that_is_too_old_is_told(room, name, libc, macos, said):
    with pytest.raises(room["install"].Problem, match=said):
        room["install"].check_system(name, libc, macos)


def test_systems_that_are_new_enough_pass(room):
    for libc, macos in (
        (("glibc", "2.28"), "14.0"),
        (("glibc", "2.100"), "26.1"),
        (("glibc", "3.0"), "10.16"),
    ):
        room["install"].check_system("linux-x86_64", libc, "")
        room["install"].check_system("macos-arm64", ("", ""), macos)


@pytest.mark.parametrize("name", ["install.py", "start.py"])
def test_an_old_python_reads_the_scripts_and_they_need_nothing_else(name):
    tree = ast.parse((ROOM / name).read_text(encoding="utf-8"), feature_version=(3, 7))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in imports if isinstance(node, ast.ImportFrom) and node.module}
    assert names <= set(sys.stdlib_module_names) | {"__future__"}
    with pytest.raises(SyntaxError):
        ast.parse("while x := 1: pass", feature_version=(3, 7))


def test_start_finds_the_folder(room, tmp_path, monkeypatch):
    start = room["start"]
    monkeypatch.setenv("HOME" if os.name == "posix" else "USERPROFILE", str(tmp_path))
    assert start.workshop_folder(tmp_path / "stick", []) == tmp_path / "sisa-workshop"
    (tmp_path / "elsewhere" / "venv").mkdir(parents=True)
    assert start.workshop_folder(tmp_path / "elsewhere", []) == tmp_path / "elsewhere"
    assert start.workshop_folder(tmp_path / "elsewhere", ["~/named"]) == tmp_path / "named"
    assert start.command(tmp_path / "elsewhere") is None
