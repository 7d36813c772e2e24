"""Is everything here that notebooks, explorers and reports need? And if not, what to do."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "torch",
    "transformer-lens",
    "lightning",
    "xarray",
    "h5netcdf",
    "h5py",
    "plotly",
    "seaborn",
    "anywidget",
    "jupyterlab",
    "papermill",
    "datasets",
    "tokenizers",
)
EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets",
    "anywidget": "anywidget",
    "jupyterlab-plotly": "plotly",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Check:
    """Hold one finding.

    Attributes:
        name: What was looked at.
        ok: Whether it is as it should be.
        detail: What was found: a version, a path.
        advice: What to do where it is not.
        needed: Whether something stops without it.

    Example:
        >>> print(Check("torch", False, "not installed", "python -m pip install torch"))
        FAIL  torch: not installed
              → python -m pip install torch
    """

    name: str
    ok: bool
    detail: str
    advice: str = ""
    needed: bool = True

    def __str__(self) -> str:
        if self.ok:
            return f"ok    {self.name}: {self.detail}"
        sign = "FAIL" if self.needed else "note"
        return f"{sign}  {self.name}: {self.detail}\n      → {self.advice}"


def examine() -> list[Check]:
    """Return the findings of every check, in the order in which things break.

    It looks at versions, plotly's renderer, JupyterLab's widgets, the scripts inside this package, a browser
    and a GPU. Nothing is changed, and nothing is asked of the network.

    Example:
        >>> examine()[0].name
        'python'
    """
    return [*_versions(), _renderer(), *_widgets(), *_scripts(), _browser(), _gpu()]


def _versions() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")
    for name in PACKAGES:
        try:
            yield Check(name, True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(name, False, "not installed", f"python -m pip install {name}")


def _renderer() -> Check:
    from plotly.io import renderers

    chosen = str(renderers.default)
    ok = "plotly_mimetype" in chosen or "notebook" in chosen
    advice = (
        "plots made here open elsewhere or not at all; for headless runs that end as HTML set "
        "PLOTLY_RENDERER=plotly_mimetype+notebook, in JupyterLab nothing is needed"
    )
    return Check("plotly renderer", ok, chosen or "none", advice, needed=False)


def _widgets() -> Iterator[Check]:
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        yield Check(
            "widget manager", False, "jupyter is not installed", "python -m pip install jupyterlab ipywidgets"
        )
        return
    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    for extension, package in EXTENSIONS.items():
        found = next(
            (str(folder) for folder in folders if (folder / extension / "package.json").is_file()), ""
        )
        yield Check(
            f"JupyterLab extension {extension}",
            bool(found),
            found or "not found",
            f"python -m pip install --force-reinstall {package}, then reload JupyterLab",
        )


def _scripts() -> Iterator[Check]:
    spec = importlib.util.find_spec("plotly")
    roots = {
        "plotly.js": Path(spec.origin or "").parent / "package_data" if spec else Path(),
        "explorer script": Path(__file__).parent / "explorer",
        "page script": Path(__file__).parent / "pages" / "parts",
    }
    for name, root in roots.items():
        found = next(iter(sorted(root.rglob("*.js"))), None)
        yield Check(
            name,
            found is not None,
            str(found or f"none under {root}"),
            "the installation is damaged: install it again",
        )


def _browser() -> Check:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return Check(
        "browser on PATH",
        found is not None,
        found or "none",
        "only tests and fig.write_image need one: apt-get install chromium",
        needed=False,
    )


def _gpu() -> Check:
    tool = shutil.which("nvidia-smi")
    listed = (
        subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=30, check=False).stdout.strip()
        if tool
        else ""
    )
    return Check(
        "GPU",
        bool(listed),
        listed or "none seen",
        "CPU works everywhere; training at scale wants an NVIDIA driver and a CUDA build of torch",
        needed=False,
    )
