"""How notebooks show tables and figures."""

from __future__ import annotations

import pandas as pd

from sisa_viz.pages.renderer import show_with_pictures


def prepare_display() -> None:
    """Let notebooks show whole tables, and figures also to readers that do not run plotly.

    Claims are sentences of up to a hundred characters, of which pandas would show fifty.

    Example:
        >>> with pd.option_context("display.max_colwidth", 50, "display.max_rows", 60):
        ...     prepare_display()
        ...     "x" * 80 in pd.DataFrame({"claim": ["x" * 80]}).to_html()
        True
    """
    pd.set_option("display.max_colwidth", None)
    pd.set_option("display.max_rows", 200)
    show_with_pictures()
