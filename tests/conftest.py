"""What every test shares: shape checks, Hypothesis profiles, few threads, a browser, and honest skips."""

import os

# small tensors gain nothing from more threads, and a busy machine loses much
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbclient_wake
import pytest
import watched
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook
from playwright.sync_api import Browser, sync_playwright

if importlib.util.find_spec("model"):
    # where tensors have shapes; elsewhere the code's own messages about wrong values are under test
    install_import_hook(["model.mixers", "model.network.block"], "beartype.beartype")
nbclient_wake.apply()

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", parent=settings.get_profile("dev"), max_examples=50, derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

PROJECT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where browser tests leave pictures for people to look at."""
    folder = PROJECT / "out" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window, one for the whole run."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        give_up = pytest.fail if os.environ.get("SISA_REQUIRE_BROWSER") == "1" else pytest.skip
        give_up(f"no browser: none of {', '.join(BROWSERS)} is on PATH (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = watched.launch(playwright, executable)
        yield chromium
        chromium.close()


@pytest.fixture
def watched_page(browser: Browser) -> Iterator[watched.Watched]:
    """A fresh page; `.outside` lists what it asked for elsewhere, `.errors` what went wrong in it."""
    with watched.watched_page(browser) as page:
        yield page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow ones first, so that no process ends alone; `gpu` tests are skipped where no CUDA device is."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    wanted = [item for item in items if item.get_closest_marker("gpu")]
    if not wanted:
        return
    import torch

    if not torch.cuda.is_available():
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
