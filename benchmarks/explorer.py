"""Size and speed of the score explorer's pages in headless Chromium.

    python benchmarks/explorer.py            writes benchmarks/results/explorer.json

Random traces with d_head 64, d_state 16: 12 layers × 12 heads × 512 tokens, 12 heads × 2,048, 1 head × 8,192
and × 16,384. Every time is a median of 20, in milliseconds, taken inside the page: from the start of the
navigation, from the slider's input event, or from the key press, to the moment when all four panels hold the
new picture. λ steps, zoom steps and head switches start after the small multiples are done.

`read_step` is another locked query: until text and shades are painted, a frame of the screen included.

At 16,384 tokens the first picture comes from a sample of queries. `exact_ms` is when all of them are in after
a load, `exact_after_lam_ms` after a λ step; `zoom_step` is a zoom after that, `zoom_step_sampled` one before.

Megabytes are those of the process that holds page and workers: the most up to the end, and what it holds
then, after garbage was collected. `other_work` is the load average at the start of a shape: the machine
should be idle. Where it cannot be, `nice -n -10` keeps the other work away.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from playwright.sync_api import Browser, Page, sync_playwright
from timing import RESULTS, provenance

from data.commands import one_line
from model.training.run import write_json
from sisa_viz import build_trace
from sisa_viz.explorer import ScoreExplorer

REPEATS = 20
SHAPES = {
    "12x12x512": (12, 12, 512),
    "1x12x2048": (1, 12, 2048),
    "1x1x8192": (1, 1, 8192),
    "1x1x16384": (1, 1, 16384),
}
ZOOMS = ["+", "+", "+", "+", "+", "-", "-", "-", "-", "-"]
EXACT = "() => document.querySelector('.sisa-x').dataset.exact === 'true'"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
WATCH = """document.addEventListener("sisa:drawn", () => {
  window.drawnAt = performance.now();
  window.firstDrawn ??= window.drawnAt;
  window.firstExact ??= document.querySelector(".sisa-x").dataset.exact;
  window.onDrawn?.();
}, true);"""
STEP = """async act => {
  const root = document.querySelector(".sisa-x"), slider = root.querySelector("input[type=range]");
  const drawn = new Promise(resolve => { window.onDrawn = resolve; });
  const start = performance.now();
  if (act.lam !== undefined) {
    slider.value = act.lam;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  } else {
    const press = new KeyboardEvent("keydown", { key: act.key, bubbles: true });
    root.querySelector(".sisa-x-panels").dispatchEvent(press);
  }
  await drawn;
  return window.drawnAt - start;
}"""

# Milliseconds from another locked query until the page has painted the text that shows what it sees.
READ = """async query => {
  const { explorer } = document.querySelector(".sisa-x"), start = performance.now();
  explorer.set({ query });
  await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
  return performance.now() - start;
}"""


def trace_of(layers: int, heads: int, length: int, *, d_head: int = 64, d_state: int = 16) -> xr.Dataset:
    """Random factors of the wanted size; the values do not change the work."""
    rng = np.random.default_rng(0)
    shape = (layers, heads, length)
    widths = {"q": d_head, "k": d_head, "b_rot": d_state, "c_rot": d_state}
    factor: dict[str, Any] = {
        name: rng.standard_normal((*shape, width), dtype=np.float32) for name, width in widths.items()
    }
    log_decay = -0.007 * rng.gamma(2.0, 0.5, size=shape)
    cum = np.cumsum(log_decay, axis=-1)
    return build_trace(
        **factor,
        log_decay=log_decay,
        cum_decay=cum,
        anchored_decay=np.maximum(cum, -76) + 38,
        clamped=cum < -76,
        lam=rng.uniform(0.2, 1.0, size=(layers, heads)),
        token_ids=np.zeros(length, dtype=int),
        labels=[f" token{at % 97}" for at in range(length)],
        config={"d_state": d_state},
        spans={"needle": (length // 3, length // 3 + 4), "answer": (length - 1, length)},
    )


def measure(page: Page, path: Path, *, heads: int, repeats: int) -> dict[str, Any]:
    """Medians of one page; a trace with one head has no head to switch to."""
    loads = [load(page, path) for _ in range(repeats)]
    settle(page)
    grid = page.evaluate("performance.now()")
    page.wait_for_function(EXACT, timeout=600_000)
    exact = page.evaluate("window.drawnAt")
    zooms = [page.evaluate(STEP, {"key": key}) for key in np.resize(ZOOMS, repeats).tolist()]
    page.evaluate("document.querySelector('.sisa-x').explorer.set({ window: null })")
    settle(page)
    scales = np.resize(np.linspace(0.1, 3.9, 20), repeats).round(2)
    steps = [page.evaluate(STEP, {"lam": str(scale)}) for scale in scales]
    settle(page)
    n = page.evaluate("document.querySelector('.sisa-x').explorer.trace.meta.n")
    reads = [page.evaluate(READ, int(query)) for query in np.linspace(n // 2, n - 1, repeats)]
    found = {
        "load": summary(loads),
        "lam_step": summary(steps),
        "zoom_step": summary(zooms),
        "read_step": summary(reads),
        "grid_done_ms": round(grid),
    }
    if page.evaluate("window.firstExact") == "false":
        found |= before_exact(page, repeats) | {"exact_ms": round(exact)}
    if heads > 1:
        keys = (["ArrowRight"] * (heads - 1) + ["ArrowLeft"] * (heads - 1)) * repeats
        found["head_switch"] = summary([page.evaluate(STEP, {"key": key}) for key in keys[:repeats]])
    return found


def settle(page: Page) -> None:
    """Wait for the small maps of all heads, which follow a λ or a window that has come to rest."""
    page.wait_for_selector('.sisa-x[data-grid="done"]', timeout=600_000)


def before_exact(page: Page, repeats: int) -> dict[str, Any]:
    """Zoom steps while queries are still missing, and how long they are after a λ step."""
    began = page.evaluate("performance.now()")
    page.evaluate(STEP, {"lam": "1"})
    page.wait_for_function(EXACT, timeout=600_000)
    after = page.evaluate("window.drawnAt") - began
    steps = []
    for key in np.resize(ZOOMS, repeats).tolist():
        if page.evaluate(EXACT):
            page.evaluate(STEP, {"lam": "2" if len(steps) % 2 else "3"})
        steps.append(page.evaluate(STEP, {"key": key}))
    return {"zoom_step_sampled": summary(steps), "exact_after_lam_ms": round(after)}


def memory(browser: Browser, page: Page) -> dict[str, int]:
    """Megabytes of the process that holds the page and its workers."""
    page.wait_for_function(EXACT, timeout=600_000)
    page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [
        Path(f"/proc/{each['id']}/status").read_text() for each in processes if each["type"] == "renderer"
    ]
    sizes = [dict(re.findall(r"(VmHWM|VmRSS):\s+(\d+) kB", text)) for text in renderers]
    largest = max(sizes, key=lambda size: int(size["VmRSS"]))
    return {"at_most": round(int(largest["VmHWM"]) / 1000), "held": round(int(largest["VmRSS"]) / 1000)}


def load(page: Page, path: Path) -> float:
    page.goto("about:blank")
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_function("() => window.firstDrawn", timeout=120_000)
    return page.evaluate("window.firstDrawn")


def summary(times: list[float]) -> dict[str, float]:
    return {
        "median_ms": round(statistics.median(times), 1),
        "least_ms": round(min(times), 1),
        "most_ms": round(max(times), 1),
        "n": len(times),
    }


def machine(browser_version: str) -> dict[str, Any]:
    return provenance("cpu") | {
        "processor": processor(),
        "cores": os.cpu_count(),
        "niceness": os.nice(0),
        "chromium": browser_version,
    }


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())


def main() -> None:
    parser = argparse.ArgumentParser(description="Size and speed of the score explorer's pages.")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="measurements behind each median")
    parser.add_argument(
        "--shapes", nargs="+", default=list(SHAPES), choices=SHAPES, help="layers × heads × tokens"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "explorer.json", help="the JSON file to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        results: dict[str, Any] = {}
        for name in options.shapes:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
            results = results or machine(browser.version) | {"shapes": {}}
            layers, heads, length = SHAPES[name]
            path = ScoreExplorer(trace_of(layers, heads, length), layer=0).to_html(
                Path(folder) / f"{name}.html"
            )
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.add_init_script(WATCH)
            entry = {"page_bytes": path.stat().st_size, "other_work": os.getloadavg()[0]}
            entry |= measure(page, path, heads=heads, repeats=options.repeats)
            results["shapes"][name] = entry | {"megabytes": memory(browser, page)}
            write_json(options.out, results)  # a kill loses the last shape alone
            print(name, json.dumps(results["shapes"][name]), flush=True)
            browser.close()  # the next shape begins with fresh processes


if __name__ == "__main__":
    with one_line("benchmarks/explorer.py"):
        main()
