"""Links from the book to files of the project: a page with the file's text, or with a folder's files."""

import ast
import html
import importlib
import inspect
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

PROJECT = Path(__file__).resolve().parents[2]
LANGUAGES = {".py": "python", ".json": "json", ".toml": "toml", ".cff": "yaml", ".js": "javascript"}
shown: set[str] = set()  # paths within the project that pages link to


def page_of(path: str) -> str:
    """Return the name of the page that shows a file or a folder."""
    return f"source/{path or 'index'}"


def source_of(info: dict[str, str]) -> str | None:
    """Return the address, from a page of the API, of the line where a name is defined."""
    found: Any = importlib.import_module(info["module"])
    for name in info["fullname"].split("."):
        found = getattr(found, name, None)
    found = found.fget if isinstance(found, property) else inspect.unwrap(found) if callable(found) else found
    try:
        file, (_, line) = inspect.getsourcefile(found), inspect.getsourcelines(found)
    except (TypeError, OSError):  # a value, whose line nobody knows
        return None
    if file is None or not Path(file).is_relative_to(PROJECT):
        return None
    path = Path(file).relative_to(PROJECT).as_posix()
    shown.add(path)
    return f"../{page_of(path)}.html#line-{line}"


def lead_to_pages(app: Sphinx, doctree: nodes.document) -> None:
    """Let links that lead to no chapter lead to a page of the file's text."""
    here = app.env.docname
    for link in list(doctree.findall(addnodes.pending_xref)):
        address = str(link.get("reftarget", "")).partition("#")[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), address))
        if (
            link.get("reftype") != "myst"
            or not address
            or path.startswith("..")
            or not (PROJECT / path).exists()
        ):
            continue
        shown.add(path)
        uri = app.builder.get_relative_uri(here, page_of(path))
        link.replace_self(nodes.reference("", "", *link.children, refuri=uri, internal=True))


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the page of every file and folder that something links to."""
    done: set[str] = set()
    while waiting := sorted(shown - done):
        for path in waiting:
            body = _folder(app, path) if (PROJECT / path).is_dir() else _file(app, path)
            heading = f'<h1 class="book-file">{html.escape(path)}</h1>'
            yield page_of(path), {"title": path, "body": f"{heading}\n{body}"}, "page.html"
        done.update(waiting)


def _html(app: Sphinx) -> StandaloneHTMLBuilder:
    assert isinstance(app.builder, StandaloneHTMLBuilder)
    return app.builder


def _file(app: Sphinx, path: str) -> str:
    text = (PROJECT / path).read_text(encoding="utf-8")
    language = LANGUAGES.get(Path(path).suffix, "text")
    return _html(app).highlighter.highlight_block(text, language, lineanchors="line")


def _folder(app: Sphinx, path: str) -> str:
    rows = []
    for file in sorted((PROJECT / path).glob("*.py")):
        own = file.relative_to(PROJECT).as_posix()
        shown.add(own)
        uri = html.escape(app.builder.get_relative_uri(page_of(path), page_of(own)))
        said = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        rows.append(f'<dt><a href="{uri}">{html.escape(file.name)}</a></dt><dd>{html.escape(said)}</dd>')
    return f"<dl>{''.join(rows)}</dl>"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register links and pages."""
    shown.clear()
    app.connect("doctree-read", lead_to_pages)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
