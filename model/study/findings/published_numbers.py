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


def published_by_length(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the published needle accuracy by context length: size and model × tokens, per cent as text.

    The models were trained on 2,048 tokens, and the longest context that the paper tried is 1.5 times that.

    Args:
        table: `data.published.length_later()`, or the paper's own; "" where a length was not tried.

    Example:
        >>> published_by_length().loc["50M transformer"].to_dict()[3072]
        '0'
        >>> published_by_length(published.length_later()).loc["152M sisa"].to_dict()[4096]
        ''
    """
    table = published.length() if table is None else table
    names = table["scale"] + " " + table["model"]
    wide = table.assign(published=names).pivot(index="published", columns="context_length", values="niah_pct")
    return wide.loc[names.unique()].map(_percent_in_words)


def published_later() -> pd.DataFrame:
    """Return what longer runs of the authors reached: run and model × benchmark, per cent as text.

    Example:
        >>> published_later()["LAMBADA"].tolist()[2:4]
        ['19.89', '19.93']
    """
    table = published.later()
    titles = {
        "lambada_pct": "LAMBADA",
        "hellaswag_pct": "HellaSwag",
        "arc_easy_pct": "ARC-Easy",
        "winogrande_pct": "WinoGrande",
    }
    shown = table[["run"]].assign(**{new: table[old].map(_percent_in_words) for old, new in titles.items()})
    shown.insert(1, "published", architecture_names(table))
    billions = table["tokens_b"].map("{:g} billion".format)
    shown.insert(2, "tokens", billions.where(table["tokens_b"].notna(), "last evaluated"))
    return shown.set_index(["run", "published", "tokens"])


def _percent_in_words(number: float) -> str:
    return "" if pd.isna(number) else f"{number:g}"
