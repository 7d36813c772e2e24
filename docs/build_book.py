"""Build the book from executed notebooks: out/book/html/index.html, which opens from a file."""

from __future__ import annotations

import argparse
import sys

from book.assemble import PROJECT, gather
from book.links import broken_links
from execute_notebooks import executed, sources
from sphinx.cmd.build import build_main

from data.commands import one_line
from data.refusal import folder_path

# all pages anew, warnings are errors
OPTIONS = ["-q", "-E", "-W", "--keep-going", "-b", "html", "-c", str(PROJECT / "docs")]


def main() -> None:
    """Gather the chapters and let Sphinx write their pages; a warning is an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executed", default="out/book/executed", help="folder of the executed copies")
    parser.add_argument("--out", default="out/book", help="folder of the book")
    given = parser.parse_args()
    folder, out = folder_path("--executed", given.executed), folder_path("--out", given.out).resolve()
    notebooks = {source: executed(source, folder.resolve()) for source in sources()}
    missing = [copy.name for copy in notebooks.values() if not copy.is_file()]
    if missing:
        raise FileNotFoundError(
            f"no executed copy of {', '.join(missing)}; run docs/execute_notebooks.py first"
        )
    html = out / "html"
    gather(notebooks, source=out / "source", explorers=html / "explorers")
    code = build_main([*OPTIONS, "-d", str(out / "doctrees"), str(out / "source"), str(html)])
    broken = broken_links(html)
    if code or broken:
        sys.exit("\n".join(["the book has warnings or links that lead nowhere", *broken]))
    print(html / "index.html")


if __name__ == "__main__":
    with one_line("docs/build_book.py"):
        main()
