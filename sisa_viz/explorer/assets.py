"""The explorer's module and style sheet, as text.

The module is the files of js/ joined in the order of their imports: one ES module, which a notebook, a page
and the page's Web Worker all load unchanged. Its files import each other by relative paths, so that tests can
load them alone.
"""

import re
from functools import cache
from importlib.resources import files

FOLDER = files("sisa_viz.explorer")
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
ENTRY = "index"
PUBLIC = ("mountAll",)


@cache
def module() -> str:
    """The joined module: exports `default` (for anywidget) and `mountAll` (for pages)."""
    order: list[str] = []
    _collect(ENTRY, order)
    parts = [EXPORT.sub("", IMPORT.sub("", _read(f"js/{name}.js"))) for name in order]
    return "\n".join(parts) + f"\nexport {{ {', '.join(PUBLIC)} }};\n"


@cache
def style() -> str:
    """The style sheet; every rule starts at the class sisa-x."""
    return _read("explorer.css")


def _collect(name: str, order: list[str]) -> None:
    """Imported files first, each once."""
    for _, imported in IMPORT.findall(_read(f"js/{name}.js")):
        if imported not in order:
            _collect(imported, order)
    order.append(name)


def _read(path: str) -> str:
    return FOLDER.joinpath(path).read_text(encoding="utf-8")
