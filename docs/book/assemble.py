"""Gather the chapters in one folder, laid out as in the project, so that links between them hold."""

import re
import shutil
from pathlib import Path

import nbformat

from book.api import write_api
from book.shown import show_outputs

PROJECT = Path(__file__).resolve().parents[2]
CHAPTERS = (
    "*.md",
    "docs/*.md",
    "docs/api/*.md",
    "docs/recipes/*.md",
    "docs/teaching/*.md",
    "notebooks/*.md",
    "notebooks/log/*.md",
    "notebooks/workshop/*.md",
)
NOTES = ("data/*/README.md", "model/pretrained/README.md")
PICTURES = ("docs/*.png",)
BADGE = re.compile(r"^\[!\[.*\n", re.MULTILINE)  # pictures of another server


def gather(notebooks: dict[Path, Path], *, source: Path, explorers: Path) -> None:
    """Write every chapter below a folder; it and that of the explorers must be new.

    Args:
        notebooks: the executed copy of each notebook of the project.
        source: the folder that Sphinx is to read.
        explorers: the folder of the explorers' pages.
    """
    for folder in (source, explorers):
        folder.mkdir(parents=True)
    for pattern in (*CHAPTERS, *NOTES, *PICTURES):
        for path in PROJECT.glob(pattern):
            copy(path, source / path.relative_to(PROJECT))
    write_api(source / "api")
    for path, executed in notebooks.items():
        place = path.relative_to(PROJECT)
        notebook = nbformat.read(executed, as_version=4)
        address = "/".join([".."] * len(place.parent.parts) + [explorers.name])
        show_outputs(notebook, name=place.stem, explorers=explorers, address=address)
        (source / place).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, source / place)
    front = source / "docs" / "index.md"
    lines = front.read_text(encoding="utf-8").replace("](../", "](").split("\n")  # it moves up a folder
    front.unlink()
    kept = [line for line in lines if not line.endswith("/*") or _others(source, line, listed=lines)]
    (source / "index.md").write_text("\n".join(kept), encoding="utf-8")


def _others(source: Path, pattern: str, *, listed: list[str]) -> list[Path]:
    """Return the chapters that a line of the front page stands for, which Sphinx wants to be at least one."""
    found = [path for path in source.glob(pattern) if path.suffix in (".md", ".ipynb")]
    return [path for path in found if path.relative_to(source).with_suffix("").as_posix() not in listed]


def copy(path: Path, target: Path) -> None:
    """Copy a chapter or a picture; badges stay behind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".md":
        target.write_text(BADGE.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        shutil.copy(path, target)
