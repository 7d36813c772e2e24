"""The scripts of the stick as modules, and a stick with one tiny wheel."""

import importlib
import platform
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from tiny_wheels import tiny_wheel

ROOM = Path(__file__).resolve().parents[2] / "notebooks" / "workshop" / "stick"
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
    target = room["wheels"].Target(name, f"{sys.version_info[0]}.{sys.version_info[1]}")
    build.finish(folder, [build.record(folder, target, [wheel])])
    monkeypatch.setattr(install, "CHECK", "import tiny; print(tiny.NAME)")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "PIP_INDEX_URL"):  # as if the network were off
        monkeypatch.setenv(name, NOWHERE)
    return folder
