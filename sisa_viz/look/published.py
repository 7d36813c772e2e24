"""Published curves as they stand beside measured ones: a label, dashes by scale, marks by setup."""

import pandas as pd

from data.results.tables import architecture_names, check_table, rows_in_order

PUBLISHED_TOKENS_PER_STEP = 524_288  # Shin & Yang 2026: 524K tokens a step in every published run
SCALE_DASHES = {"50M": "dot", "152M": "dash", "369M": "dashdot"}  # any other scale: "longdash"
MARKS = {"": "", "x": "x", "diamond": "D", "square": "s"}  # of a model's setups; then matplotlib's name


def published_curves(published: pd.DataFrame | None, *, x: str) -> pd.DataFrame:
    """Return published curves as they are drawn, a row a point.

    Args:
        published: The columns scale, model, d_state, step, niah_pct (percent) and perhaps setup; None for no
            curves.
        x: "step" or "tokens".

    Returns:
        label, scale, architecture, dash, mark, x, value (a share).

    Raises:
        ValueError: For missing columns.

    Example:
        >>> row = {"scale": "50M", "model": "transformer", "d_state": 0, "step": 1000, "niah_pct": 61.5}
        >>> published_curves(pd.DataFrame([row]), x="step")[["label", "value"]].values.tolist()
        [['published, 50M, transformer', 0.615]]
    """
    columns = ["label", "scale", "architecture", "dash", "mark", "x", "value"]
    if published is None:
        return pd.DataFrame(columns=columns)
    rows = check_table(
        published, ("scale", "model", "d_state", "step", "niah_pct"), what="the published table"
    )
    rows = rows.dropna(subset=["niah_pct"])
    names, setup = architecture_names(rows), _setups(rows)
    number = setup.groupby([rows["scale"], names]).transform(lambda runs: pd.factorize(runs, sort=True)[0])
    labels = [
        ", ".join(filter(None, ("published", scale, name, how)))
        for scale, name, how in zip(rows["scale"], names, setup, strict=True)
    ]
    steps = rows["step"] if x == "step" else rows["step"] * PUBLISHED_TOKENS_PER_STEP
    curves = pd.DataFrame(
        {
            "label": labels,
            "scale": rows["scale"],
            "architecture": names,
            "dash": [SCALE_DASHES.get(scale, "longdash") for scale in rows["scale"]],
            "mark": [list(MARKS)[at % len(MARKS)] for at in number],
            "x": steps,
            "value": rows["niah_pct"] / 100,
        }
    )
    return rows_in_order(curves.sort_values("x"), "label")


def _setups(rows: pd.DataFrame) -> pd.Series:
    """Return what the published table says of a run beside its model: "mb4" is "micro-batch 4"."""
    if "setup" not in rows:
        return pd.Series("", index=rows.index)
    setup = rows["setup"].fillna("").astype(str)
    words = {r"^mb(\d+)$": r"micro-batch \1", "lambda": "λ"}
    return pd.Series(setup).replace(words, regex=True)
