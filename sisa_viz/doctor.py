"""Is everything here that notebooks, explorers and reports need? And if not, what to do."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
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
ANSWER_WITHIN = 10  # seconds; nvidia-smi takes one, and hangs for ever where the driver is stuck
LONGEST_ANSWER = 10_000  # bytes
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
    and a GPU. Nothing is changed, and nothing is asked of the network. What cannot be looked at is a finding,
    too.

    Example:
        >>> examine()[0].name
        'python'
    """
    looks = {
        "versions": _versions,
        "plotly renderer": _renderer,
        "widget manager": _widgets,
        "scripts": _scripts,
        "browser on PATH": _browser,
        "GPU": _gpu,
    }
    return [check for name, look in looks.items() for check in _found(name, look)]


def _found(name: str, look: Callable[[], Iterator[Check]]) -> list[Check]:
    """Return what a look finds; where it fails itself, for whatever reason, that is the finding."""
    try:
        return list(look())
    except Exception as error:
        detail = f"could not be looked at: {' '.join(f'{type(error).__name__}: {error}'.split())}"
        return [Check(name, False, detail, "mend what this says, or install again", needed=False)]


def _versions() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")
    for name in PACKAGES:
        yield _version(name)


def _version(name: str) -> Check:
    """Return whether a library is installed, and whole enough to say its version."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, False, "not installed", f"python -m pip install {name}")
    except Exception:  # metadata of a broken installation raise whatever they like
        version = None
    again = f"python -m pip install --force-reinstall {name}"
    return Check(name, bool(version), str(version or "its installation names no version"), again)


def _renderer() -> Iterator[Check]:
    from plotly.io import renderers

    chosen = str(renderers.default)
    ok = "plotly_mimetype" in chosen or "notebook" in chosen
    advice = (
        "plots made here open elsewhere or not at all; for headless runs that end as HTML set "
        "PLOTLY_RENDERER=plotly_mimetype+notebook, in JupyterLab nothing is needed"
    )
    yield Check("plotly renderer", ok, chosen or "none", advice, needed=False)


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


def _browser() -> Iterator[Check]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    yield Check(
        "browser on PATH",
        found is not None,
        found or "none",
        "only tests and fig.write_image need one: apt-get install chromium",
        needed=False,
    )


def _gpu() -> Iterator[Check]:
    tool = shutil.which("nvidia-smi")
    listed, trouble = _listed_gpus(tool) if tool else ("", "none seen")
    yield Check(
        "GPU",
        bool(listed),
        listed or trouble,
        "CPU works everywhere; training at scale wants an NVIDIA driver and a CUDA build of torch",
        needed=False,
    )


def _listed_gpus(tool: str) -> tuple[str, str]:
    """Return the lines of nvidia-smi that name a GPU, and what is wrong where there are none."""
    try:
        # a session of its own: what the tool has started ends with it, and holds no pipe open
        with tempfile.TemporaryFile() as answer:
            asked = subprocess.Popen(
                [tool, "-L"],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            ended = _ended(asked)
            answer.seek(0)
            text = answer.read(LONGEST_ANSWER).decode("utf-8", errors="replace")
    except OSError as error:
        return "", f"none seen, {tool} cannot be run: {error.strerror or error}"
    if not ended:
        return "", f"none seen, {tool} gave no answer within {ANSWER_WITHIN} s"
    lines = [line.strip() for line in text.splitlines() if line.startswith("GPU ") and line.isprintable()]
    if asked.returncode or not lines:
        return "", f"none seen, {tool} ended with code {asked.returncode} and named no GPU"
    return "\n".join(lines), ""


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Wait for a process and return whether it ended by itself; one that did not is ended."""
    try:
        process.wait(ANSWER_WITHIN)
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            # A process that waits for a broken driver does not even end when it is killed.
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
    return True
