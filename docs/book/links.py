"""Every link of the built pages: where it leads inside the book, something must be."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

LEADING = ("href", "src")
STATIC = "_static"  # the theme's files; templates among them are no pages


class _Page(HTMLParser):
    """Collect what a page links to and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses and the names of one element."""
        for name, value in attrs:
            if value and name in LEADING:
                self.links.add(value)
            elif value and name in ("id", "name"):
                self.anchors.add(value)


def broken_links(folder: Path) -> list[str]:
    """Return a line for each link of the pages in a folder that leads nowhere, anchors included.

    Args:
        folder: of the built book; explorers' own pages have no links but are linked to.
    """
    files = [path for path in sorted(folder.rglob("*.html")) if STATIC not in path.relative_to(folder).parts]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in files}
    broken = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(urljoin(path.as_uri(), link))
            target = Path(unquote(parts.path))
            if parts.scheme != "file":  # another server's
                continue
            found = target.is_relative_to(folder) and target.is_file()
            if not found or (target in pages and unquote(parts.fragment) not in pages[target].anchors):
                broken.append(f"{path.relative_to(folder)}: {link}")
    return broken
