"""The paper's own tables, wide, for reading beside ours."""

from __future__ import annotations

import pandas as pd

from data import published
from data.results.tables import architecture_names, in_order


def published_by_scale(table: pd.DataFrame, *, value: str = "niah_pct") -> pd.DataFrame:
    """Return a published table as model × size, as text; "" where the paper has no number.

    Args:
        table: of `data.published`, one number a model and size.
        value: column that is shown, per cent.

    Example:
        >>> published_by_scale(published.final()).loc["mamba2"].to_dict()
        {'50M': '0', '152M': '82.5', '369M': '96.5'}
    """
    named = table.assign(published=architecture_names(table), place=pd.factorize(table["model"])[0])
    names = named.sort_values(["place", "d_state"])["published"].unique()
    wide = named.pivot(index="published", columns="scale", values=value).loc[names]
    return wide[in_order(wide)].map(_percent_in_words).rename_axis(columns=None)


def published_by_length() -> pd.DataFrame:
    """Return the published needle accuracy by context length: size and model × tokens, per cent.

    The models were trained on 2,048 tokens, and the longest context that was tried is 1.5 times that.

    Example:
        >>> published_by_length().loc["50M transformer"].to_dict()[3072]
        0
    """
    table = published.length()
    names = table["scale"] + " " + table["model"]
    wide = table.assign(published=names).pivot(index="published", columns="context_length", values="niah_pct")
    return wide.loc[names.unique()]


def _percent_in_words(number: float) -> str:
    return "" if pd.isna(number) else f"{number:g}"
