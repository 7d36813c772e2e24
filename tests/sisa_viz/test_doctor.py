"""sisa doctor: findings with what to do about them."""

import sys
from importlib import metadata

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
