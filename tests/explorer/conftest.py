"""Traces without torch, and explorers of them on a page."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from watched import Watched

from sisa_viz import build_trace
from sisa_viz.explorer import ScoreExplorer

WORDS = "the sky is blue and the grass is green so here we go there and back again".split()
DRAWN = "() => [...document.querySelectorAll('.sisa-x')].every(x => x.dataset.drawn)"


def make(
    *,
    length: int = 40,
    layers: int = 2,
    heads: int = 3,
    d_head: int = 8,
    d_state: int = 4,
    seed: int = 0,
    labels: list[str] | None = None,
    spans: dict[str, tuple[int, int]] | None = None,
    **changes: Any,
) -> xr.Dataset:
    """A random trace; `changes` replace arrays of `build_trace`."""
    rng = np.random.default_rng(seed)
    shape = (layers, heads, length)
    arrays: dict[str, Any] = {name: rng.normal(size=(*shape, d_head)) for name in ("q", "k")}
    if d_state:
        arrays |= {name: rng.normal(size=(*shape, d_state)) for name in ("b_rot", "c_rot")}
        log_decay = -0.03 * rng.gamma(2.0, 0.5, size=shape)
        cum = np.cumsum(log_decay, axis=-1)
        arrays |= {"log_decay": log_decay, "cum_decay": cum, "anchored_decay": cum + 38, "clamped": cum < -1}
        arrays |= {"lam": rng.uniform(0.2, 1.5, size=(layers, heads))}
    labels = labels or [" " + WORDS[at % len(WORDS)] for at in range(length)]
    config = {"d_state": d_state, "n_layers": layers, "n_heads": heads, "d_head": d_head}
    spans = {"needle": (length // 4, length // 4 + 2), "answer": (length - 1, length)} if spans is None else spans
    named = {"token_ids": np.zeros(length, dtype=int), "labels": labels, "config": config, "spans": spans}
    return build_trace(**(arrays | named | changes))


@pytest.fixture(scope="session")
def make_trace() -> Callable[..., xr.Dataset]:
    return make


@pytest.fixture
def trace() -> xr.Dataset:
    return make()


@pytest.fixture
def plain_trace() -> xr.Dataset:
    return make(d_state=0)


class Shown:
    """An explorer on an open page: what a user would do, and what they would read."""

    def __init__(self, watched: Watched, path: Path) -> None:
        self.watched, self.page = watched, watched.page
        self.page.goto(path.as_uri())
        self.page.wait_for_function(DRAWN)

    def wait_for(self, drawn: str) -> None:
        """Wait until the panels show "L0H1 0.5 0-40-0-40": head, λ scale, window."""
        self.page.wait_for_function("want => document.querySelector('.sisa-x').dataset.drawn === want", arg=drawn)

    def drawn(self) -> str:
        return self.page.locator(".sisa-x").first.get_attribute("data-drawn") or ""

    def rows(self) -> list[list[str]]:
        """The table of the locked query, as text."""
        return [line.locator("th, td").all_inner_texts() for line in self.page.locator(".sisa-x tbody tr").all()]

    def state(self) -> dict[str, Any]:
        return json.loads(self.page.evaluate("JSON.stringify(document.querySelector('.sisa-x').explorer.state)"))


@pytest.fixture
def show(watched_page: Watched, tmp_path: Path) -> Iterator[Callable[..., Shown]]:
    """Write an explorer to a page and open it from the file; nothing may be asked for or go wrong meanwhile."""
    opened: list[Shown] = []

    def open_page(trace: xr.Dataset, **options: Any) -> Shown:
        opened.append(Shown(watched_page, ScoreExplorer(trace, **options).to_html(tmp_path / "explorer.html")))
        return opened[-1]

    yield open_page
    assert watched_page.outside == []
    assert watched_page.errors == []


def number(text: str) -> float:
    """What a cell of the table says, its minus sign being a true one."""
    return float(text.replace("\u2212", "-"))
