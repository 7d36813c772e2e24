"""Notebooks as papermill runs them: from the command line, and many in few kernels."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import nbformat
import papermill
import pytest
import watched
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from papermill.exceptions import PapermillExecutionError
from playwright.sync_api import Browser
from typer.testing import CliRunner

from sisa_viz.cli import app
from sisa_viz.pages.markdown import parser

SIDE_BY_SIDE = 2
PLOTLY = "application/vnd.plotly.v1+json"
WHOLE = "images => images.every(image => image.complete && image.naturalWidth > 100)"


@dataclass(frozen=True)
class Executed:
    """What a finished command left behind."""

    folder: Path
    code: int
    text: str

    @property
    def cells(self):
        """Code cells that came from the notebook, in order; papermill's own are left out."""
        notebook = nbformat.read(self.folder / "out.ipynb", as_version=4)
        own = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
        return [cell for cell in own if cell.cell_type == "code"]

    def outputs(self, kind):
        return [output for cell in self.cells for output in cell.outputs if output.output_type == kind]

    def shown(self, mime):
        """Everything of a kind that any cell showed, in order."""
        return [
            output.data[mime]
            for cell in self.cells
            for output in cell.outputs
            if mime in output.get("data", {})
        ]


def prepared(project, folder, notebook):
    """The notebook's path; its working folder gets the measured speeds that lie in the repository's root."""
    if notebook == "05_state_size":
        speeds = Path("benchmarks", "results", "state_size.json")
        (folder / speeds).parent.mkdir(parents=True)
        shutil.copy(project / speeds, folder / speeds)
    return project / "notebooks" / f"{notebook}.ipynb"


def formulas_in(text: str) -> int:
    """How many formulas a cell of Markdown has, on lines of their own and within one."""
    tokens = parser().parse(text)
    within = sum(child.type == "math_inline" for token in tokens for child in token.children or [])
    return within + sum(token.type == "math_block" for token in tokens)


def keep(executed: Path, notebook: str) -> None:
    """Leave an executed copy where SISA_EXECUTED says, so that a book need not run the notebook again."""
    if folder := os.environ.get("SISA_EXECUTED"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(executed, Path(folder, f"{notebook}.ipynb"))


def environment(project):
    return os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def run_notebooks(project, tmp_path_factory):
    """A function of {name: (notebook, options)}: runs them side by side, returns what each left behind."""

    def start(notebook, options):
        folder = tmp_path_factory.mktemp("run")
        source = prepared(project, folder, notebook)
        command = [sys.executable, "-m", "papermill", str(source), "out.ipynb", "--no-progress-bar", *options]
        pipes: dict[str, Any] = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return folder, subprocess.Popen(command, cwd=folder, env=environment(project), **pipes)

    def run(asked):
        started = {name: start(notebook, options) for name, (notebook, options) in asked.items()}
        done = {}
        for name, (folder, process) in started.items():
            text, _ = process.communicate(timeout=420)
            done[name] = Executed(folder, process.returncode, text)
            if process.returncode == 0:
                keep(folder / "out.ipynb", asked[name][0])
        return done

    return run


class Kernel(KernelManager):
    """A kernel that notebooks take turns in; it closes the clients that papermill leaves open."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.clients: list[BlockingKernelClient] = []

    def client(self, **options: Any) -> BlockingKernelClient:
        self.clients.append(super().client(**options))
        return self.clients[-1]

    def close_clients(self) -> None:
        while self.clients:
            self.clients.pop().stop_channels()


@contextmanager
def running_kernel(project) -> Iterator[Kernel]:
    kernel = Kernel(kernel_name="python3")
    kernel.start_kernel(env=environment(project))
    try:
        yield kernel
    finally:
        kernel.shutdown_kernel(now=True)


def begin_anew(kernel: Kernel, folder: Path) -> None:
    """Empty a kernel's namespace and history, and move it to a folder; what it has imported stays loaded."""
    client = kernel.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    reply = client.execute_interactive(
        f"%reset -f in\n%reset -f\nimport os\nos.chdir({str(folder)!r})", timeout=60
    )
    assert reply["content"]["status"] == "ok"


@pytest.fixture(scope="session")
def run_in_kernels(project, tmp_path_factory):
    """A function of {name: (notebook, parameters)}: the same, without a start of Python for each of them."""

    def run_one(kernels, folder, notebook, parameters):
        kernel = kernels.get()
        source = prepared(project, folder, notebook)
        try:
            begin_anew(kernel, folder)
            papermill.execute_notebook(
                source, folder / "out.ipynb", parameters, km=kernel, progress_bar=False, execution_timeout=420
            )
        except PapermillExecutionError as error:
            return Executed(folder, 1, str(error))
        finally:
            kernel.close_clients()
            kernels.put(kernel)
        keep(folder / "out.ipynb", notebook)
        return Executed(folder, 0, "")

    def run(asked):
        kernels: SimpleQueue[Kernel] = SimpleQueue()
        with ExitStack() as stack, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            for _ in range(SIDE_BY_SIDE):
                kernels.put(stack.enter_context(running_kernel(project)))
            jobs = {
                name: pool.submit(run_one, kernels, tmp_path_factory.mktemp("run"), *one)
                for name, one in asked.items()
            }
            return {name: job.result() for name, job in jobs.items()}

    return run


@pytest.fixture
def assert_pages_show_all(project, tmp_path, browser: Browser):
    """A function of an executed notebook: both of its pages, offline, have its figures and formulas."""

    def check(path: Path) -> None:
        cells = nbformat.read(path, as_version=4).cells
        figures = sum(
            PLOTLY in output.get("data", {}) for cell in cells for output in cell.get("outputs", [])
        )
        formulas = sum(formulas_in(cell.source) for cell in cells if cell.cell_type == "markdown")
        assert figures > 0
        converted, reported = tmp_path / "converted.html", tmp_path / "reported.html"
        config = project / "notebooks" / "nbconvert.json"
        command = [sys.executable, "-m", "nbconvert", "--config", config, "--to", "html", path]
        options = ["--output", converted, "--log-level", "ERROR"]
        subprocess.run([*command, *options], env=environment(project), check=True, timeout=120)
        made = CliRunner().invoke(app, ["report", str(path), "-o", str(reported)])
        assert made.exit_code == 0, made.output
        with watched.watched_page(browser, offline=True) as shown:
            shown.page.goto(converted.as_uri())
            pictures = shown.page.locator('img[src^="data:image/png"]')
            assert pictures.count() == figures
            assert pictures.evaluate_all(WHOLE)
            assert shown.page.locator("math").count() == formulas
            shown.page.goto(reported.as_uri())
            shown.page.wait_for_selector("html[data-drawn=all]")
            assert shown.page.locator(".js-plotly-plot:has(.main-svg)").count() == figures
            assert shown.page.locator("math").count() == formulas
            assert (shown.outside, shown.errors) == ([], [])

    return check
