"""The demonstration behind `make demo`: notebook 01 and a small 03, headless, then one page that opens offline."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import papermill

from sisa_viz import ScoreExplorer, open_trace, report
from sisa_viz.notebooks import notebook_sections

NOTEBOOKS = Path(__file__).parent
SMALL_STUDY = {"seeds": [0, 1], "steps": 125}


def execute(name: str, *, folder: Path, parameters: dict[str, object]) -> Path:
    """Run one notebook; its executed copy lies in folder."""
    target = folder / f"{name}.ipynb"
    print(f"running {name}", flush=True)
    papermill.execute_notebook(
        NOTEBOOKS / f"{name}.ipynb", target, parameters, cwd=folder, progress_bar=False, stdout_file=sys.stdout, execution_timeout=600
    )
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    parser.add_argument("--smoke", action="store_true", help="a few steps and episodes only")
    given = parser.parse_args()
    folder = given.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    explored = execute("01_explore_scores", folder=folder, parameters={"output_dir": "explore", "smoke": given.smoke})
    studied = execute("03_niah_convergence", folder=folder, parameters=SMALL_STUDY | {"output_dir": "runs", "smoke": given.smoke})
    explorer = ScoreExplorer(open_trace(folder / "explore" / "trace.nc"))
    page = report(
        folder / "index.html", *notebook_sections(explored), explorer, *notebook_sections(studied), title="SISA, score by score"
    )
    print(page)


if __name__ == "__main__":
    main()
