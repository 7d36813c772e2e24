"""Build the book from executed notebooks: out/book/html/index.html, which opens from a file."""

from __future__ import annotations

import argparse
import shutil
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
    folder = folder_path("--executed", parser.parse_args().executed).resolve()
    notebooks = {source: executed(source, folder) for source in sources()}
    missing = [copy.name for copy in notebooks.values() if not copy.is_file()]
    if missing:
        raise FileNotFoundError(
            f"no executed copy of {', '.join(missing)} in {folder}; docs/execute_notebooks.py makes them"
        )
    out = PROJECT / "out" / "book"
    for old in ("source", "html"):
        shutil.rmtree(out / old, ignore_errors=True)
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
