"""Traces without torch, and an explorer on an open page: what a user would do, and what they would read."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import random_traces
import xarray as xr
from playwright.sync_api import Page

DRAWN = "() => [...document.querySelectorAll('.sisa-x')].every(x => x.dataset.drawn)"


def make(*, length: int = 40, **options: Any) -> xr.Dataset:
    """A random trace with a needle and an answer."""
    spans = {"needle": (length // 4, length // 4 + 2), "answer": (length - 1, length)}
    return random_traces.make(**{"length": length, "spans": spans} | options)


def steep_decay(*, length: int, total: float, layers: int = 2, heads: int = 3) -> dict[str, np.ndarray]:
    """Decays of `total` nats without a clamp: slow stretches, fast ones, and single steps of 450 nats."""
    steps = np.random.default_rng(1).gamma(0.3, size=(layers, heads, length))
    steps[..., length // 3 : length // 2] *= 1e-3
    steps *= (total - 900) / steps.sum(axis=-1, keepdims=True)
    steps[..., [length // 2, length // 2 + 1]] += 450
    cum = -np.cumsum(steps, axis=-1)
    none = np.zeros(cum.shape, dtype=bool)
    return {"log_decay": -steps, "cum_decay": cum, "anchored_decay": cum, "clamped": none}


class Shown:
    """An explorer on an open page: what a user would do, and what they would read."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.page.wait_for_function(DRAWN)

    @classmethod
    def of(cls, page: Page) -> "Shown":
        """The explorer that the page is about to show."""
        page.wait_for_selector(".sisa-x")
        return cls(page)

    @classmethod
    def file(cls, page: Page, path: Path) -> "Shown":
        page.goto(path.as_uri())
        return cls(page)

    def wait_for(self, drawn: str) -> None:
        """Wait until the panels show "L0H1 0.5 0-40-0-40": head, λ scale, window."""
        self.page.wait_for_function(
            "want => document.querySelector('.sisa-x').dataset.drawn === want", arg=drawn
        )

    def drawn(self) -> str:
        return self.page.locator(".sisa-x").first.get_attribute("data-drawn") or ""

    def rows(self) -> list[list[str]]:
        """The table of the locked query, as text."""
        return [
            line.locator("th, td").all_inner_texts() for line in self.page.locator(".sisa-x tbody tr").all()
        ]

    def frame(self) -> dict[str, float]:
        """Where the picture lies inside a panel's overlay, in CSS pixels."""
        return self.page.eval_on_selector(
            ".sisa-x-image", "c => ({left: c.offsetLeft, top: c.offsetTop, side: c.offsetWidth})"
        )

    def place(self, part: str, query: float, key: float, length: int = 40) -> tuple[float, float]:
        """Page coordinates of a fractional cell of the whole map."""
        box = self.page.locator(f'[data-part="{part}"] .sisa-x-image').bounding_box()
        assert box
        return box["x"] + box["width"] * key / length, box["y"] + box["height"] * query / length

    def point(self, part: str, query: float, key: float, *, length: int = 40) -> None:
        self.page.mouse.move(*self.place(part, query, key, length))

    def click(self, part: str, query: float, key: float, *, length: int = 40) -> None:
        """Click a cell, wherever on the page the panel stands."""
        frame = self.frame()
        x, y = (frame[edge] + frame["side"] * at / length for edge, at in (("left", key), ("top", query)))
        self.page.locator(f'[data-part="{part}"] .sisa-x-overlay').click(position={"x": x, "y": y})

    def drag(self, part: str, start: tuple[float, float], stop: tuple[float, float]) -> None:
        self.point(part, *start)
        self.page.mouse.down()
        self.point(part, (start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2)
        self.point(part, *stop)
        self.page.mouse.up()

    def pixels(self, part: str) -> np.ndarray:
        """[row, column, 4] bytes of a panel's picture, one bin a pixel."""
        script = """canvas => {
          const { width, height } = canvas;
          const bytes = canvas.getContext("2d").getImageData(0, 0, width, height).data;
          return [width, height, btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))];
        }"""
        width, height, data = self.page.eval_on_selector(f'[data-part="{part}"] .sisa-x-image', script)
        return np.frombuffer(base64.b64decode(data), dtype=np.uint8).reshape(height, width, 4)

    def alpha(self, part: str) -> np.ndarray:
        return self.pixels(part)[..., 3]

    def state(self) -> dict[str, Any]:
        return json.loads(
            self.page.evaluate("JSON.stringify(document.querySelector('.sisa-x').explorer.state)")
        )


def number(text: str) -> float:
    """What a cell of the table says, its minus sign being a true one."""
    return float(text.replace("\u2212", "-"))
