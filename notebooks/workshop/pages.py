"""The pages of the workshop for whoever installs nothing: one offline page a part, out/workshop/pages."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import xarray as xr

from data.commands import one_line
from data.refusal import folder_path
from model import capture, load
from model.network.network import SISAModel
from sisa_viz import ScoreExplorer, report
from sisa_viz.lessons import decay_rotation, lesson_sections
from sisa_viz.pages.page import Section

TEXTS = Path(__file__).parent / "pages"
SENTENCE = "The secret number is 4821.\nIt rains.\nThe secret number is 4821."


def importance_term(model: SISAModel) -> dict[str, Section]:
    """What part 2 shows."""
    content = [0.0] * 56
    content[10] = content[40] = 2.0  # nats; the other tokens have none
    explorer = explored(
        capture(model, SENTENCE), layer=0, head=3, title="Layer 0, head 3 of the shipped model"
    )
    return {"decay": decay_rotation(content, size=2.0), "explorer": explorer}


def explored(trace: xr.Dataset, *, layer: int, head: int, title: str) -> ScoreExplorer:
    """The explorer at one head, the last query locked; 16 bits a number keep the page small."""
    state = {"layer": layer, "head": head, "query": -1}
    return ScoreExplorer(trace, state=state, title=title, precision="fixed16")


PARTS: dict[str, Callable[[SISAModel], dict[str, Section]]] = {"2_importance_term": importance_term}


def write_pages(folder: Path) -> list[Path]:
    """Write all pages into a folder and return their paths, in the order of the parts."""
    folder.mkdir(parents=True, exist_ok=True)
    model = load("niah")
    written = []
    for name, places in PARTS.items():
        title, sections = lesson_sections((TEXTS / f"{name}.md").read_text(encoding="utf-8"), places(model))
        page = report(folder / f"{name}.html", *sections, title=title)
        print(f"{page} ({page.stat().st_size / 1e6:.1f} MB)", flush=True)
        written.append(page)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="out/workshop/pages")
    write_pages(folder_path("--out", parser.parse_args().out).resolve())


if __name__ == "__main__":
    with one_line("notebooks/workshop/pages.py"):
        main()
