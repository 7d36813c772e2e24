"""What a stick holds, and that install.py does with it what it says."""

import ast
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from installs import TRACE, TRAIN, absent_without, run_without
from packaging.requirements import Requirement

ROOM = Path(__file__).resolve().parents[2] / "notebooks" / "workshop" / "stick"
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
NOWHERE = "http://127.0.0.1:9"  # nobody listens there


@pytest.fixture(scope="module")
def room() -> Iterator[dict[str, ModuleType]]:
    """The scripts of the stick, as modules by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOM)
        modules = {name: importlib.import_module(name) for name in ("install", "start", "wheels")}
        spec = spec_from_file_location("build_stick", ROOM / "build.py")
        assert spec is not None
        assert spec.loader is not None
        modules["build"] = module_from_spec(spec)
        spec.loader.exec_module(modules["build"])
        yield modules
        for name in ("install", "start", "wheels"):
            del sys.modules[name]


def tiny_wheel(folder: Path, name: str, *needs: str, tag: str = "py3-none-any", version: str = "1.0") -> Path:
    """A wheel with one module that holds its own name."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{name}-{version}-{tag}.whl", f"{name}-{version}.dist-info"
    lines = [f"Requires-Dist: {line}\n" for line in needs]
    wanted = [f"Provides-Extra: {line.split(chr(34))[1]}\n" for line in needs if "extra ==" in line]
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join([*lines, *wanted]),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(file, text)
    return path


@pytest.fixture
def stick(room, tmp_path, monkeypatch) -> Path:
    """A stick for this machine with one tiny wheel and two notebooks."""
    project, folder = tmp_path / "project", tmp_path / "stick"
    handed = project / "out" / "workshop" / "student"
    handed.mkdir(parents=True)
    for name in ("1_scores.ipynb", "2_heads.ipynb"):
        (handed / name).write_text('{"cells": []}')
    pages = project / "out" / "workshop" / "pages"
    pages.mkdir()
    (pages / "a & b.html").write_text("<p>")
    wheel = tiny_wheel(folder / "wheels" / "any", "tiny")
    build, install = room["build"], room["install"]
    monkeypatch.setattr(build, "PROJECT", project)
    name = install.platform_name(platform.system(), platform.machine())
    target = room["wheels"].Target(name, HERE)
    build.finish(folder, [build.record(folder, target, [wheel])])
    monkeypatch.setattr(install, "CHECK", "import tiny; print(tiny.NAME)")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "PIP_INDEX_URL"):  # as if the network were off
        monkeypatch.setenv(name, NOWHERE)
    return folder


@pytest.mark.slow
def test_what_is_left_out_is_not_missed(room, tmp_path):
    blocked = absent_without("workshop", left_out=room["wheels"].LEFT_OUT)
    assert {"wandb", "matplotlib", "sentencepiece", "debugpy", "seaborn"} <= set(blocked)
    done = run_without(blocked, TRACE + TRAIN + room["install"].CHECK, tmp_path)
    assert done.returncode == 0, done.stderr


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
    entry = {"unpacked": 1, "longest_path": 167}
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
        (("glibc", "2.41"), "26.1"),
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


def test_the_start_page_is_plain_and_links_its_pages(stick):
    page = (stick / "START.html").read_text(encoding="utf-8")
    assert f"<td>{HERE}</td>" in page
    assert '<a href="pages/a%20%26%20b.html">a &amp; b</a>' in page
    assert "<script" not in page
    assert "http" not in page
    assert "prefers-color-scheme: dark" in page


class TestWheels:
    """Downloads come from a folder, as pip's own settings say."""

    @pytest.fixture
    def index(self, tmp_path, monkeypatch) -> Path:
        folder = tmp_path / "index"
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
        needs = ('lab; extra == "class"', 'winpty; os_name == "nt"', 'old; python_version < "3.12"', "wandb")
        tiny_wheel(folder, "transformer_lens", *needs)
        tiny_wheel(folder, "lab", "winpty; sys_platform == 'win32'")
        tiny_wheel(folder, "lab", version="2.0")
        tiny_wheel(folder, "winpty", tag="cp312-cp312-win_amd64")
        tiny_wheel(folder, "winpty", tag="cp311-abi3-win_amd64", version="0.9")
        tiny_wheel(folder, "old")
        return folder

    @staticmethod
    def names(room, shelf, platform, python):
        root, pins = Requirement("transformer_lens[class]"), {"lab": "1.0", "transformer-lens": "1.0"}
        wheels = room["wheels"]
        found = wheels.gather(root, wheels.Target(platform, python), pins=pins, shelf=shelf)
        return {path.relative_to(shelf.folder).as_posix() for path in found.values()}

    @pytest.fixture
    def shelf(self, room, tmp_path):
        (tmp_path / "wheels").mkdir()
        return room["wheels"].Shelf(tmp_path / "wheels")

    def test_each_target_gets_what_its_markers_ask_for(self, room, index, shelf):
        common = {"any/transformer_lens-1.0-py3-none-any.whl", "any/lab-1.0-py3-none-any.whl"}
        assert self.names(room, shelf, "linux-x86_64", "3.12") == common
        assert self.names(room, shelf, "macos-arm64", "3.11") == common | {"any/old-1.0-py3-none-any.whl"}
        windows = self.names(room, shelf, "windows-x86_64", "3.12")
        assert windows == common | {"windows-x86_64/winpty-1.0-cp312-cp312-win_amd64.whl"}
        windows = self.names(room, shelf, "windows-x86_64", "3.13")
        assert windows == common | {"windows-x86_64/winpty-0.9-cp311-abi3-win_amd64.whl"}

    def test_what_is_there_is_not_fetched_again(self, room, index, shelf, monkeypatch):
        first = self.names(room, shelf, "windows-x86_64", "3.12")
        monkeypatch.setattr(room["wheels"], "pip_download", None)  # whoever calls it fails
        assert self.names(room, shelf, "windows-x86_64", "3.12") == first

    def test_half_a_wheel_does_not_count(self, room, index, shelf):
        self.names(room, shelf, "linux-x86_64", "3.12")
        wheel = shelf.folder / "any" / "lab-1.0-py3-none-any.whl"
        whole = wheel.read_bytes()
        wheel.write_bytes(whole[:100])
        self.names(room, shelf, "linux-x86_64", "3.12")
        assert wheel.read_bytes() == whole

    def test_missing_wheels_are_named_with_platform_and_python(self, room, index, shelf):
        (index / "lab-1.0-py3-none-any.whl").unlink()
        (index / "old-1.0-py3-none-any.whl").unlink()
        with pytest.raises(room["wheels"].Missing) as error:
            self.names(room, shelf, "linux-x86_64", "3.11")
        assert [line.split(". ")[0] for line in error.value.lines] == [
            "old: no wheel for Python 3.11 on linux-x86_64",
            "lab==1.0: no wheel for Python 3.11 on linux-x86_64",
        ]

    def test_linux_takes_the_torch_without_cuda(self, room):
        wheels, pins = room["wheels"], {"torch": "2.13.0"}
        asked = {
            name: str(wheels.pinned(Requirement("torch>=2"), wheels.Target(name, "3.12"), pins))
            for name in ("linux-x86_64", "macos-arm64")
        }
        assert asked == {"linux-x86_64": "torch==2.13.0+cpu", "macos-arm64": "torch==2.13.0"}
        assert not wheels.serves(Requirement("torch==2.13.0+cpu").specifier, "2.13.0")
        assert not wheels.serves(Requirement("torch==2.13.0").specifier, "2.13.0+cpu")


def test_finishing_removes_what_no_set_asks_for(room, stick):
    kept, gone = stick / "wheels/any/tiny-1.0-py3-none-any.whl", tiny_wheel(stick / "wheels/any", "old")
    sets = json.loads((stick / "stick.json").read_text())["sets"]
    (stick / "requirements-amiga-3.12.txt").touch()
    room["build"].finish(stick, sets)
    assert kept.is_file()
    assert not gone.exists()
    assert not (stick / "requirements-amiga-3.12.txt").exists()
    listed = {line.partition("  ")[2] for line in (stick / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.relative_to(stick).as_posix() for path in stick.rglob("*") if path.is_file()} - {
        "SHA256SUMS"
    }


def test_notebooks_are_the_students_copies_where_there_are_any(room, tmp_path):
    first = tmp_path / "notebooks" / "01_explore_scores.ipynb"
    assert room["build"].source_notebooks(tmp_path) == [first]
    for folder in ("notebooks/workshop", "out/workshop/student"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1_scores.ipynb").touch()
        assert room["build"].source_notebooks(tmp_path) == [tmp_path / folder / "1_scores.ipynb"]


def test_every_platform_has_a_name_for_people(room):
    assert set(room["build"].LAPTOPS) == set(room["wheels"].PLATFORMS)
