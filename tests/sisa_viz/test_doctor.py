"""sisa doctor: findings with what to do about them."""

import os
import sys
import time
from importlib import metadata

import pytest

from sisa_viz import doctor
from sisa_viz.doctor import Check, examine


def test_a_finding_says_what_to_do_only_when_something_is_wrong():
    assert str(Check("a", True, "1.0", "install a")) == "ok    a: 1.0"
    assert str(Check("a", False, "none", "install a")) == "FAIL  a: none\n      → install a"
    assert str(Check("a", False, "none", "install a", needed=False)).startswith("note  a: none")


def test_this_environment_has_all_that_is_needed():
    checks = {check.name: check for check in examine()}
    assert [str(check) for check in checks.values() if check.needed and not check.ok] == []
    assert {
        "python",
        "plotly",
        "plotly renderer",
        "plotly.js",
        "explorer script",
        "page script",
        "browser on PATH",
        "GPU",
    } <= set(checks)
    assert "JupyterLab extension anywidget" in checks


def test_missing_things_are_found(monkeypatch, tmp_path):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", absent)
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda _: [str(tmp_path)])
    checks = {check.name: check for check in examine()}
    assert checks["xarray"].advice == "python -m pip install xarray"
    assert not checks["xarray"].ok
    assert (
        "force-reinstall jupyterlab_widgets"
        in checks["JupyterLab extension @jupyter-widgets/jupyterlab-manager"].advice
    )
    assert checks["GPU"].detail == "none seen"
    assert not checks["browser on PATH"].ok


def test_without_jupyter_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyter_core.paths", None)
    (check,) = (check for check in examine() if check.name == "widget manager")
    assert check.detail == "jupyter is not installed"


def gpu(monkeypatch, tmp_path, script):
    """The finding on a GPU where nvidia-smi is this script."""
    tool = tmp_path / "nvidia-smi"
    tool.write_bytes(script)
    tool.chmod(0o755)
    monkeypatch.setattr(doctor, "ANSWER_WITHIN", 0.3)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (check,) = (check for check in examine() if check.name == "GPU")
    assert not check.needed
    return check


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (b"#!/bin/sh\nsleep 60\n", "gave no answer within 0.3 s"),
        (b"#!/bin/sh\ntrap '' TERM INT\nsleep 60 & wait\n", "gave no answer within 0.3 s"),
        (b"#!/bin/sh\nhead -c 1000 /dev/urandom\n", "ended with code 0 and named no GPU"),
        (b"#!/bin/sh\nprintf '\\377\\376GPU\\n\\0'\n", "ended with code 0 and named no GPU"),
        (b"#!/bin/sh\necho 'No devices were found'\nexit 6\n", "ended with code 6 and named no GPU"),
        (b"#!/bin/sh\necho 'GPU 0: A'\nkill -9 $$\n", "ended with code -9 and named no GPU"),
        (b"\x7fELF no program at all", "cannot be run: "),
        (b"#!/no/such/shell\n", "cannot be run: "),
        (b"#!/bin/sh\n", "ended with code 0 and named no GPU"),
    ],
)
def test_a_tool_that_hangs_or_prints_garbage_is_a_finding(monkeypatch, tmp_path, script, said):
    began = time.monotonic()
    check = gpu(monkeypatch, tmp_path, script)
    assert (check.ok, said in check.detail) == (False, True), check.detail
    assert str(check).startswith("note  GPU: none seen, ")
    assert time.monotonic() - began < 20


def test_gpus_are_listed(monkeypatch, tmp_path):
    script = b"#!/bin/sh\necho 'GPU 0: One (UUID: GPU-1)'\necho warning\necho 'GPU 1: Two (UUID: GPU-2)'\n"
    check = gpu(monkeypatch, tmp_path, script)
    assert (check.ok, check.detail) == (True, "GPU 0: One (UUID: GPU-1)\nGPU 1: Two (UUID: GPU-2)")


def test_a_look_that_fails_is_a_finding_and_stops_no_other(monkeypatch, tmp_path):
    def broken(*_):
        raise ValueError("a\nbroken thing")

    monkeypatch.setattr("jupyter_core.paths.jupyter_path", broken)
    monkeypatch.setitem(sys.modules, "plotly.io", None)
    checks = {check.name: check for check in examine()}
    assert checks["widget manager"].detail == "could not be looked at: ValueError: a broken thing"
    assert checks["plotly renderer"].detail.startswith("could not be looked at: ModuleNotFoundError: ")
    assert "GPU" in checks


@pytest.mark.parametrize("version", [KeyError("Version"), None])
def test_a_broken_installation_is_a_finding(monkeypatch, version):
    def damaged(name):
        if isinstance(version, Exception):
            raise version
        return version

    monkeypatch.setattr(doctor.metadata, "version", damaged)
    checks = {check.name: check for check in examine()}
    assert checks["torch"].detail == "its installation names no version"
    assert checks["torch"].advice == "python -m pip install --force-reinstall torch"
