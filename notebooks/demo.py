"""The demonstration behind `make demo`: notebook 01 and a small 03, headless, then one offline page."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import papermill

from data.commands import one_line
from data.refusal import folder_path
from sisa_viz import Heading, ScoreExplorer, open_trace, report
from sisa_viz.pages.notebooks import notebook_sections

NOTEBOOKS = Path(__file__).parent
LARGE_STUDY = "study"  # tag of the cells that show what a GPU has measured
SMALL_STUDY = {"seeds": [0, 1], "steps": 125}


def execute(name: str, *, folder: Path, parameters: dict[str, object], aloud: bool) -> Path:
    """Run one notebook, less what shows the large study; its executed copy lies in folder.

    aloud: print what it prints.
    """
    target = folder / f"{name}.ipynb"
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if LARGE_STUDY not in cell.metadata.get("tags", [])]
    papermill.execute_notebook(
        notebook,
        target,
        parameters,
        cwd=folder,
        progress_bar=False,
        stdout_file=sys.stdout if aloud else None,
        execution_timeout=600,
    )
    return target


def under(sections: list[Any], heading: str, extra: Any) -> list[Any]:
    """sections with extra after the paragraph that follows a heading."""
    at = 2 + next(
        i for i, section in enumerate(sections) if isinstance(section, Heading) and section.text == heading
    )
    return [*sections[:at], extra, *sections[at:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="out/demo")
    parser.add_argument("--smoke", action="store_true", help="a few steps and episodes only")
    given = parser.parse_args()
    folder = folder_path("--out", given.out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    exploration = {"output_dir": "explore", "smoke": given.smoke}
    study = SMALL_STUDY | {"output_dir": "runs", "smoke": given.smoke}
    asked = [("01_explore_scores", exploration, False), ("03_niah_convergence", study, True)]
    print("running", " and ".join(name for name, *_ in asked), flush=True)
    with ThreadPoolExecutor() as side_by_side:
        started = [
            side_by_side.submit(execute, name, folder=folder, parameters=parameters, aloud=aloud)
            for name, parameters, aloud in asked
        ]
        explored, studied = (notebook.result() for notebook in started)
    explorer = ScoreExplorer(open_trace(folder / "explore" / "trace.nc"))  # at the head that finds the needle
    sections = [*under(notebook_sections(explored), "The explorer", explorer), *notebook_sections(studied)]
    print(report(folder / "index.html", *sections, title="SISA, score by score"))


if __name__ == "__main__":
    with one_line("notebooks/demo.py"):
        main()
