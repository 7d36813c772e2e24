"""How notebooks show tables, and how dark their figures' words are."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML, display

from sisa_viz.look.colours import INK
from sisa_viz.look.labels import column_label

UNITS = {  # of the columns of notebooks' tables, beside those that figures name too
    "tokens": "text (tokens)",
    "depth": "depth (share of text)",
    "mass": "mass (probability)",
    "content alone": "content alone (probability)",
    "importance alone": "importance alone (probability)",
    "successes": "right (episodes)",
    "n": "of (episodes)",
    "rate": "right (share)",
    "nll": "−log p (nats)",
    "log_p_lost": "log p lost (nats)",
    "logit": "logit (nats)",
    "log_prob": "log p (nats)",
    "whole": "whole (nats)",
    "content_alone": "content alone (nats)",
    "importance_alone": "importance alone (nats)",
    "zero": "zero (nats lost)",
    "mean": "mean (nats lost)",
    "shuffle": "shuffle (nats lost)",
    "random": "random (nats lost)",
    "loss rise": "loss rise (nats per token)",
    "right before": "right before (share)",
    "right after": "right after (share)",
    "apart": "apart (share of episodes)",
    "most": "most apart (share of episodes)",
    "seeds apart": "seeds apart (share of episodes)",
    "inside": "inside (share of evaluations)",
    "half-life": "half-life (tokens)",
    "total decay": "total decay (nats)",
    "largest error": "largest error (nats)",
}
INTERVALS = {"": "95 % interval", "zero_": "its 95 % interval"}  # by what stands before "low" and "high"


def set_display() -> None:
    """Let pandas cut neither sentences nor rows, and let figures' words be as dark as the notebook's text.

    Claims are sentences of up to a hundred characters, of which pandas would show fifty. A figure cannot ask
    which theme it stands in, so its words are of a grey that reads on both; JupyterLab can.

    Example:
        >>> with pd.option_context("display.max_colwidth", 50, "display.max_rows", 60):
        ...     set_display()
        ...     "x" * 80 in pd.DataFrame({"claim": ["x" * 80]}).to_html()
        <IPython.core.display.HTML object>
        True
    """
    pd.set_option("display.max_colwidth", None)
    pd.set_option("display.max_rows", 200)
    red, green, blue = bytes.fromhex(INK[1:])
    words = f'.js-plotly-plot text[style*="fill: rgb({red}, {green}, {blue})"]'
    display(HTML(f"<style>{words} {{ fill: var(--jp-content-font-color1, {INK}) !important }}</style>"))


def with_units(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns say their units, with one column for the two ends of an interval.

    Args:
        table: with columns that `UNITS` or a figure knows; others keep their names.

    Example:
        >>> found = pd.DataFrame({"nll": [0.5], "low": [0.25], "high": [1.0], "seed": [1]})
        >>> with_units(found).to_dict("records")
        [{'−log p (nats)': 0.5, '95 % interval': '0.25 to 1.00', 'seed': 1}]
    """
    for start, words in INTERVALS.items():
        low, high = f"{start}low", f"{start}high"
        if low in table and high in table:
            ends = zip(table[low], table[high], strict=True)
            table = table.assign(**{low: [_interval(*pair) for pair in ends]}).rename(columns={low: words})
            table = table.drop(columns=high)
    return table.rename(columns=lambda name: UNITS.get(name) or column_label(str(name)))


def _interval(low: float | str, high: float | str) -> str:
    """Return both ends in words, "" where there is no interval; a table may have them in words already."""
    if pd.isna(low) or low == "":
        return ""
    return " to ".join(end if isinstance(end, str) else f"{end:.2f}" for end in (low, high))
