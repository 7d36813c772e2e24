"""How notebooks show tables."""

from __future__ import annotations

import pandas as pd


def show_whole_tables() -> None:
    """Let pandas cut neither sentences nor rows of what notebooks show.

    Claims are sentences of up to a hundred characters, of which pandas would show fifty.

    Example:
        >>> with pd.option_context("display.max_colwidth", 50, "display.max_rows", 60):
        ...     show_whole_tables()
        ...     "x" * 80 in pd.DataFrame({"claim": ["x" * 80]}).to_html()
        True
    """
    pd.set_option("display.max_colwidth", None)
    pd.set_option("display.max_rows", 200)
