"""A private JupyterLab on the loopback address, and what a test does with a notebook in it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # cells off screen are rendered too
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
OPEN = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.sessionContext?.isReady && panel.sessionContext.session?.kernel?.status === 'idle';
}"""
RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
EXECUTE = """async code => {
  const { session } = window.jupyterapp.shell.currentWidget.sessionContext;
  const reply = await session.kernel.requestExecute({ code }).done;
  if (reply.content.status !== 'ok') throw new Error(`${reply.content.ename}: ${reply.content.evalue}`);
}"""
PATIENCE = """milliseconds => {
  const { timeout } = AbortSignal;
  AbortSignal.timeout = () => timeout.call(AbortSignal, milliseconds);
}"""
THEME = "async theme => { await window.jupyterapp.commands.execute('apputils:change-theme', { theme }); }"
OUTPUTS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .filter(cell => cell.type === 'code')
  .flatMap(cell => cell.outputs.toJSON())"""


@dataclass
class Lab:
    """A running server: its address and its token."""

    url: str
    token: str

    def open(self, page: Page, notebook: str, *, timeout: float = 60, patience: float = 60) -> None:
        """Show `notebook` (a path below the root); wait, at most `timeout` seconds, for an idle kernel.

        patience: seconds until anywidget gives up a widget whose module has not been loaded. Its own 2 may be
        too few for a busy machine.
        """
        page.add_init_script(f"({PATIENCE})({1000 * patience})")
        page.goto(f"{self.url}/lab/tree/{notebook}?reset&token={self.token}")
        page.wait_for_function(OPEN, timeout=timeout * 1000)


def run_all(page: Page, *, timeout: float = 120) -> None:
    """Run every cell of the notebook in front; return when the kernel is idle again."""
    page.set_default_timeout(timeout * 1000)
    page.evaluate(RUN_ALL)
    page.wait_for_function(OPEN, timeout=timeout * 1000)


def execute(page: Page, code: str) -> None:
    """Run code in the kernel of the notebook in front, in no cell; an exception there is one here."""
    page.evaluate(EXECUTE, code)


def use_theme(page: Page, theme: str) -> None:
    """Switch Lab to its "light" or "dark" theme."""
    page.evaluate(THEME, f"JupyterLab {theme.capitalize()}")


def cell_errors(page: Page) -> list[str]:
    """Name and message of each exception among the outputs of the notebook in front."""
    outputs = page.evaluate(OUTPUTS)
    return [f"{out['ename']}: {out['evalue']}" for out in outputs if out["output_type"] == "error"]


def count_outputs(page: Page, mimetype: str) -> int:
    """How many outputs of the notebook in front come as `mimetype`."""
    return sum(mimetype in out.get("data", {}) for out in page.evaluate(OUTPUTS))


@contextmanager
def running_lab(root: Path, *, home: Path) -> Iterator[Lab]:
    """Serve `root`, with settings, kernels' files and the log in `home`; stop the server at the end."""
    lab = Lab(url=f"http://127.0.0.1:{free_port()}", token=secrets.token_hex(16))
    log = home / "lab.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            command(lab, root), env=environment(home), stdout=stream, stderr=stream, start_new_session=True
        )
        try:
            wait_until_up(lab, process, log)
            yield lab
        finally:
            stop(process)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def command(lab: Lab, root: Path) -> list[str]:
    """The server's command line: one port, one token, no look at the outside for news or extensions."""
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": lab.url.rsplit(":", 1)[1],
        "ServerApp.port_retries": "0",
        "ServerApp.root_dir": str(root),
        "IdentityProvider.token": lab.token,
        "LabApp.expose_app_in_browser": "True",
        "LabApp.extension_manager": "readonly",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.news_url": "None",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *flags]


def environment(home: Path) -> dict[str, str]:
    """This process's environment with every Jupyter folder, and the settings, inside `home`."""
    settings = home / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(SETTINGS))
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    for name in folders.values():
        (home / name).mkdir(exist_ok=True)
    return (
        os.environ | {key: str(home / name) for key, name in folders.items()} | {"PYTHONPATH": str(PROJECT)}
    )


def wait_until_up(lab: Lab, process: subprocess.Popen, log: Path, *, timeout: float = 60) -> None:
    """Return when the server answers; RuntimeError with its log if it ends or stays silent too long."""
    deadline = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{lab.url}/api/status?token={lab.token}", timeout=1).close()
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


def stop(process: subprocess.Popen) -> None:
    """End the server, first politely so that it ends its kernels, then the whole group that it leads."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
