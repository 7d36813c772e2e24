"""Traces, plots, the explorer and offline reports of SISA models; light to import.

The names stand in `__init__.pyi`, which type checkers and editors read, and from which `lazy_loader` learns
where each is at home: whatever draws is imported on first use. Importing this package registers `.sisa` on
every Dataset.
"""

import lazy_loader

from data.results.runs import read_heads as read_heads
from data.results.runs import read_runs as read_runs
from sisa_viz.trace import build_trace as build_trace
from sisa_viz.trace import check_trace as check_trace
from sisa_viz.trace import open_trace as open_trace

_load, _, _in_stub = lazy_loader.attach_stub(__name__, __file__)

__all__ = sorted([*_in_stub, "read_heads", "read_runs"])  # pyright: ignore[reportUnsupportedDunderAll] - names come from the stub


def __getattr__(name: str) -> object:
    """Import the home of `name` on its first use; name what there is where it has none."""
    if name not in __all__:
        raise AttributeError(f"module 'sisa_viz' has no attribute {name!r}; it has {', '.join(__all__)}")
    return _load(name)


def __dir__() -> list[str]:
    """List the names of this package, those not yet loaded included."""
    return sorted({*globals(), *__all__})
