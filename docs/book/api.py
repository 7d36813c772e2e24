"""The pages of the API reference: one a room, with an entry for every public name."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOMS = {  # a page each: heading, what it is for
    "data": "Episodes, corpora, tokenizer, published and measured figures.",
    "data.results": "Intervals over seeds, claims and verdicts.",
    "sisa_viz": "The trace, plots, the explorer and offline pages.",
    "sisa_viz.trace": "What a trace is, and what `trace.sisa` says about its heads.",
    "sisa_viz.static": "Printed twins of the plots.",
    "model": "The hooked model, capture, training and checkpoints.",
    "model.analysis": "What a trained model does, and what its answers need.",
    "model.analysis.interventions": "Where in a model, what of it, and how it is changed.",
    "model.study": "The convergence study: plans, runs, findings.",
}
WHOLE = ("data", "sisa_viz", "sisa_viz.static", "model")  # rooms that give out names themselves


def write_api(folder: Path, rooms: dict[str, str] = ROOMS) -> None:
    """Write a page for each room, and a list of them."""
    folder.mkdir(parents=True)
    for room, said in rooms.items():
        entries = "\n".join(_names(room) if room in WHOLE else _modules(room))
        (folder / f"{room}.rst").write_text(f"{_title(room)}\n{said}\n\n{entries}\n", encoding="utf-8")
    listed = "\n".join(f"   {room}" for room in rooms)
    text = f"{_title('API reference')}\n.. toctree::\n   :maxdepth: 2\n\n{listed}\n"
    (folder / "index.rst").write_text(text, encoding="utf-8")


def _title(words: str, line: str = "=") -> str:
    return f"{words}\n{line * len(words)}\n"


def _names(room: str) -> Iterator[str]:
    """Yield an entry for each name that a room gives out."""
    module = importlib.import_module(room)
    for name in module.__all__:
        found = getattr(module, name)
        if isinstance(found, ModuleType):
            yield from _module(found.__name__)
        else:
            yield _entry(room, name, found)


def _modules(room: str) -> Iterator[str]:
    """Yield the entries of every module below a room that says what it is for."""
    package = importlib.import_module(room)
    for found in pkgutil.iter_modules(package.__path__, f"{room}."):
        if not found.ispkg and not found.name.endswith("__main__"):
            yield from _module(found.name)


def _module(name: str) -> Iterator[str]:
    """Yield a heading and the entries of what a module itself defines."""
    module = importlib.import_module(name)
    first = (inspect.getdoc(module) or "").partition("\n")[0]
    yield f"{_title(name, '-')}\n{first}\n"
    for own, found in vars(module).items():
        if not own.startswith("_") and getattr(found, "__module__", None) == name:
            yield _entry(name, own, found)


def _entry(module: str, name: str, found: object) -> str:
    if inspect.isclass(found):
        return f".. autoclass:: {module}.{name}\n   :members:\n"
    return f".. autofunction:: {module}.{name}\n" if callable(found) else ""
