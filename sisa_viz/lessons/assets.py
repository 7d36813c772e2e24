"""Style sheet and script of the lessons, as text."""

from functools import cache
from importlib.resources import files

from sisa_viz.explorer.assets import FOLDER as EXPLORER
from sisa_viz.explorer.assets import join, scripts

FOLDER = files("sisa_viz.lessons")
SHARED = "../../explorer/js/"  # from js/ of this room
ENTRY = "index.js"


@cache
def script() -> str:
    """Return the lessons' JavaScript as one text that needs no other file.

    The files of js/ are joined in the order of their imports, with the few of the explorer's that they
    import: how numbers and labels are written, how elements are made. It builds every lesson of the page.

    Example:
        >>> "import " in script(), len(script()) < 40_000
        (False, True)
    """
    shared = {f"{SHARED}{name}": text for name, text in scripts(EXPLORER).items()}
    return join(shared | scripts(FOLDER), ENTRY)


@cache
def style() -> str:
    """Return the style sheet; colours of text and ground are those of the page that a lesson stands in.

    Example:
        >>> style().startswith(".sisa-lesson")
        True
    """
    return FOLDER.joinpath("lesson.css").read_text(encoding="utf-8")
