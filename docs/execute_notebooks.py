"""Run the notebooks for the book, each in a folder of its own; what is newer than its source is kept."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import papermill
from papermill.exceptions import PapermillExecutionError

from data.commands import one_line
from data.refusal import folder_path

PROJECT = Path(__file__).resolve().parents[1]
SPEEDS = Path("benchmarks", "results", "state_size.json")  # a notebook looks for it where it was started
AT_ONCE = 2
LAST_LINES = 15  # of what a failed notebook says
SOLVED = {"solutions": True}  # what the workshop's open exercises are answered from; readers see them open
LONGEST = 900  # seconds a cell may take


def sources() -> list[Path]:
    """Return every notebook of the book, in the order of its chapters."""
    folder = PROJECT / "notebooks"
    return [*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("workshop/*.ipynb"))]


def executed(source: Path, folder: Path) -> Path:
    """Return where the executed copy of a notebook lies, whether it is there or not."""
    return folder / source.relative_to(PROJECT / "notebooks")


def is_fresh(source: Path, copy: Path) -> bool:
    """Return whether the executed copy is there and newer than its notebook."""
    return copy.is_file() and copy.stat().st_mtime_ns >= source.stat().st_mtime_ns


def execute(source: Path, folder: Path) -> Path:
    """Run one notebook and return its executed copy, which takes its place once it has come to the end.

    Raises:
        RuntimeError: the notebook failed; the message ends with its last lines.
    """
    copy = executed(source, folder)
    work = copy.parent / "work" / source.stem
    (work / SPEEDS).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROJECT / SPEEDS, work / SPEEDS)
    unfinished = work / "unfinished.ipynb"
    try:
        papermill.execute_notebook(
            source,
            unfinished,
            SOLVED if source.parent.name == "workshop" else {},
            cwd=work,
            progress_bar=False,
            execution_timeout=LONGEST,
        )
    except PapermillExecutionError as error:
        last = "\n".join(str(error).splitlines()[-LAST_LINES:])
        raise RuntimeError(f"{source.name} failed, see {unfinished}:\n{last}") from error
    unfinished.replace(copy)
    print(f"executed {source.name}", flush=True)
    return copy


def main() -> None:
    """Run what is missing, two notebooks at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executed", default="out/book/executed", help="folder of the executed copies")
    folder = folder_path("--executed", parser.parse_args().executed).resolve()
    missing = [source for source in sources() if not is_fresh(source, executed(source, folder))]
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # kernels share the processors
    print(f"{len(missing)} of {len(sources())} notebooks to execute", flush=True)
    with ThreadPoolExecutor(AT_ONCE) as side_by_side:
        started = [side_by_side.submit(execute, source, folder) for source in missing]
        failed = [str(error) for error in (job.exception() for job in started) if error]
    if failed:
        sys.exit("\n\n".join(failed))


if __name__ == "__main__":
    with one_line("docs/execute_notebooks.py"):
        main()
