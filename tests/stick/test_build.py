"""What a stick takes for each platform, what it leaves out, and what else it holds."""

import json
import os
import sys
from pathlib import Path

import pytest
from installs import TRACE, TRAIN, absent_without, run_without
from packaging.requirements import Requirement
from tiny_wheels import tiny_wheel


@pytest.mark.slow
def test_what_is_left_out_is_not_missed(room, tmp_path):
    blocked = absent_without("workshop", left_out=room["wheels"].LEFT_OUT)
    assert {"wandb", "matplotlib", "sentencepiece", "debugpy", "seaborn"} <= set(blocked)
    done = run_without(blocked, TRACE + TRAIN + room["install"].CHECK, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_start_page_is_plain_and_links_its_pages(stick):
    page = (stick / "START.html").read_text(encoding="utf-8")
    assert f"<td>{sys.version_info[0]}.{sys.version_info[1]}</td>" in page
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
        tiny_wheel(folder, "lab", "colour; sys_platform == 'win32'")
        tiny_wheel(folder, "colour")
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
        common.add("any/colour-1.0-py3-none-any.whl")
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
