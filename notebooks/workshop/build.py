"""The workshop behind `make workshop`: copies for students and with solutions, slides and a handout.

student/     the notebooks, to be handed out
solutions/   the same with every exercise solved, and what their cells show
slides/      of the solutions' figures and words; they open from the folder with the network off
pages/       one page a part for those without an installation
handout.html one sheet of symbols
"""

from __future__ import annotations

import argparse
import shutil
from importlib.resources import files
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert.exporters import SlidesExporter
from pages import write_pages
from traitlets.config import Config

from data.commands import one_line
from data.files import write_aside
from data.refusal import folder_path
from model.workshop.copies import as_slides, solved
from sisa_viz import Markdown, report

HERE = Path(__file__).resolve().parent
SYMBOLS = HERE.parents[1] / "docs" / "teaching" / "symbols.md"
REVEAL = ("LICENSE", "dist/reveal.js", "dist/reveal.css", "dist/theme/white.css", "plugin/notes/notes.js")
PAGES = ("sisa_viz.pages.formulas.Formulas", "sisa_viz.pages.pictures.FigurePictures")


def parts() -> dict[str, Path]:
    """The workshop's notebooks in order, by the names of their parts."""
    return {path.stem.partition("_")[2]: path for path in sorted(HERE.glob("[0-9]_*.ipynb"))}


def write_notebook(notebook: nbformat.NotebookNode, target: Path) -> None:
    """Write a notebook whole or not at all."""
    with write_aside(target) as aside:
        aside.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def write_solutions(part: str, source: Path, folder: Path) -> nbformat.NotebookNode:
    """Write the solved copy of a notebook with what its cells show, and return it."""
    notebook = solved(nbformat.read(source, as_version=4), part)
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
    write_notebook(notebook, folder / source.name)
    return notebook


def write_slides(notebook: nbformat.NotebookNode, target: Path) -> None:
    """Write the slides of an executed notebook; reveal.js must stand beside them."""
    config = Config()
    config.SlidesExporter.update(template_name="slides", extra_template_basedirs=[str(HERE)])
    config.SlidesExporter.update(reveal_url_prefix="reveal", reveal_theme="white", preprocessors=list(PAGES))
    config.SlidesExporter.update(exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True)
    page, _ = SlidesExporter(config=config).from_notebook_node(as_slides(notebook))
    with write_aside(target) as aside:
        aside.write_text(page, encoding="utf-8")


def copy_reveal(folder: Path) -> None:
    """Put reveal.js beside the slides, from the package that brings it."""
    source = Path(str(files("sphinx_revealjs"))) / "_static" / "revealjs"
    for name in REVEAL:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, folder / name)
    shutil.copytree(source / "dist/theme/fonts", folder / "dist/theme/fonts", dirs_exist_ok=True)


def write_handout(target: Path) -> None:
    """Write the sheet of symbols."""
    heading, _, symbols = SYMBOLS.read_text(encoding="utf-8").partition("\n")
    report(target, Markdown(symbols), title=heading.removeprefix("# "))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", default="out/workshop")
    folder = folder_path("--out", parser.parse_args().out).resolve()
    student, solutions, slides = folder / "student", folder / "solutions", folder / "slides"
    for made in (student, solutions, slides):
        made.mkdir(parents=True, exist_ok=True)
    copy_reveal(slides / "reveal")
    for part, source in parts().items():
        print(f"{source.stem}: copies, solutions executed, slides", flush=True)
        write_notebook(nbformat.read(source, as_version=4), student / source.name)
        done = write_solutions(part, source, solutions)
        write_slides(done, slides / f"{source.stem}.html")
    write_handout(folder / "handout.html")
    write_pages(folder / "pages")
    print(folder)


if __name__ == "__main__":
    with one_line("notebooks/workshop/build.py"):
        main()
