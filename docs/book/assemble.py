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
)
NOTES = ("data/*/README.md", "model/pretrained/README.md")
PICTURES = ("docs/*.png",)
BADGE = re.compile(r"^\[!\[.*\n", re.MULTILINE)  # pictures of another server


def gather(notebooks: dict[Path, Path], *, source: Path, explorers: Path) -> None:
    """Write every chapter below a folder, which is emptied first.

    Args:
        notebooks: the executed copy of each notebook of the project.
        source: the folder that Sphinx is to read.
        explorers: the folder of the explorers' pages.
    """
    for folder in (source, explorers):
        shutil.rmtree(folder, ignore_errors=True)
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
    front = (source / "docs" / "index.md").read_text(encoding="utf-8").split("\n")
    (source / "docs" / "index.md").unlink()
    kept = [
        line for line in front if not line.endswith("/*") or list(source.glob(f"{line}.*"))
    ]  # a room may be empty
    (source / "index.md").write_text("\n".join(kept), encoding="utf-8")


def copy(path: Path, target: Path) -> None:
    """Copy a chapter or a picture; badges stay behind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".md":
        target.write_text(BADGE.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        shutil.copy(path, target)
