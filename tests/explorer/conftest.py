"""Traces and explorers on a page, for every test of the explorer."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from explorer_pages import Shown, make
from watched import Watched

from sisa_viz.explorer import ScoreExplorer


@pytest.fixture(scope="session")
def make_trace() -> Callable[..., xr.Dataset]:
    return make


@pytest.fixture
def trace() -> xr.Dataset:
    return make()


@pytest.fixture
def plain_trace() -> xr.Dataset:
    return make(d_state=0)


@pytest.fixture
def show(watched_page: Watched, tmp_path: Path) -> Iterator[Callable[..., Shown]]:
    """Write an explorer to a page and open it; nothing may be asked for or go wrong meanwhile.

    Layer 0 is on show and no query is locked, unless a test names a layer: None opens the explorer where it
    opens by itself.
    """

    def open_page(trace: xr.Dataset, layer: int | None = 0, **options: Any) -> Shown:
        path = ScoreExplorer(trace, layer=layer, **options).to_html(tmp_path / "explorer.html")
        return Shown.file(watched_page.page, path)

    yield open_page
    assert watched_page.outside == []
    assert watched_page.errors == []
