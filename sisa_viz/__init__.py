"""Traces, plots, the explorer and offline reports of SISA models; light to import.

Plots and everything else that draws load on first use.
"""

import importlib
from typing import Any

from sisa_viz.trace import build_trace, check_trace, open_trace

LAZY = {
    "plot_scores": "plots.scores",
    "plot_lambda": "plots.lam",
    "plot_decay": "plots.decay",
    "plot_head_course": "plots.head_course",
    "plot_span_mass": "plots.span_mass",
    "plot_niah_convergence": "plots.niah_convergence",
    "plot_niah_grid": "plots.niah_grid",
    "plot_needle_lens": "plots.needle_lens",
    "plot_state_size": "plots.state_size",
    "plot_training": "plots.training",
    "ScoreExplorer": "explorer",
    "report": "pages.page",
    "Heading": "pages.page",
    "read_runs": "data.results.runs",
}

__all__ = ["build_trace", "check_trace", "open_trace", *LAZY]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'sisa_viz' has no attribute {name!r}; it has {', '.join(__all__)}")
    home = LAZY[name]
    return getattr(importlib.import_module(home if home.startswith("data.") else f"sisa_viz.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
