"""What remains of needles when a model loses one of the two things that it fuses, at three levels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.results.intervals import mean_interval, paired_difference, share_interval
from data.results.variants import Variant
from data.results.verdicts import verdict_on
from model.config.architectures import architecture
from model.study.findings.selection import SHOWN_VARIANT

COLUMNS = (
    *("level", "variant", "removed", "how", "right before", "right after", "low", "high"),
    *("nats lost", "nats low", "nats high", "loss rise", "seeds"),
)
SCORE_LEVEL = f"{SHOWN_VARIANT}, exact anchor"
COMPARED = {"jamba": "Jamba", "hymba": "Hymba", SCORE_LEVEL: "SISA"}
MOST_LEFT = 0.05  # share of answers whose interval is not worth telling below it


def remaining(levels: pd.DataFrame) -> pd.DataFrame:
    """Return what is left of answers and of prediction, one removal or control of a variant a row.

    Args:
        levels: of `data.measured.levels`.

    Returns:
        level of fusion, variant, removed, how, "right before" and "right after" (shares of episodes, means
        over seeds) with the 95 % interval low to high of the latter, "nats lost" (of log p of an answer) with
        its interval over seeds, "loss rise" (nats a token of held-out text), seeds.

    Example:
        >>> from data import measured
        >>> table = remaining(measured.levels())
        >>> table.loc[table["variant"] == "jamba", "level"].unique().tolist()
        ['block']
    """
    rows = []
    keys = levels[["variant", "removed", "how"]].drop_duplicates().values.tolist()
    for variant, removed, how in keys:
        group = levels.query("variant == @variant and removed == @removed and how == @how")
        after = share_interval(group["rate"].to_numpy(float), episodes=int(group["n"].to_numpy().min()))
        lost = mean_interval(group["log_p_lost"].to_numpy(float))
        before = (group["rate"] + group["exact_lost"]).mean()
        rise = group["loss_rise"].mean()
        numbers = (before, after.value, after.low, after.high, lost.value, lost.low, lost.high, rise)
        rows.append((_level(str(variant)), variant, removed, how, *numbers, len(group)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def remaining_sentence(levels: pd.DataFrame) -> str:
    """Return in one sentence what the three levels lose with either of their two things.

    It ends with what SISA answers when importance is, in every text, what it is on average at each distance;
    that is a verdict only where the interval over seeds allows one.

    Args:
        levels: of `data.measured.levels`.

    Example:
        >>> from data import measured
        >>> remaining_sentence(measured.levels()).partition(":")[0]
        'Taken apart at 12M parameters on 3 seeds each'
    """
    table = remaining(levels)
    halves = table.loc[(table["how"] == "zero") & (table["removed"] != "heads")]
    parts = [_of_level(halves.loc[halves["variant"] == variant], name) for variant, name in COMPARED.items()]
    seeds = table.loc[table["variant"].isin(list(COMPARED)), "seeds"].min()
    start = f"Taken apart at 12M parameters on {seeds} seeds each"
    return f"{start}: {'; '.join(parts)}; {_of_mean(levels)}."


def _of_level(rows: pd.DataFrame, name: str) -> str:
    """Return what one hybrid says without either half."""
    left = [
        f"{100 * after:.0f} % without {removed}"
        + ("" if high <= MOST_LEFT else f" (at most {100 * high:.0f} %)")
        for removed, after, high in zip(rows["removed"], rows["right after"], rows["high"], strict=True)
    ]
    before, level = rows["right before"].iloc[0], rows["level"].iloc[0]
    return f"{name} ({level} level) finds {100 * before:.0f} % of needles whole, {' and '.join(left)}"


def _of_mean(levels: pd.DataFrame) -> str:
    """Return what becomes of answers when importance is what it is on average at each distance."""
    own = levels.loc[(levels["variant"] == SCORE_LEVEL) & (levels["removed"] == "importance")]
    mean = own.loc[own["how"] == "mean"]
    change = paired_difference(-mean["exact_lost"].to_numpy(float), np.zeros(len(mean)))
    verdict = verdict_on(change, border=0, side="above", words=("more", "fewer"))
    what = {"more": "answers more needles", "fewer": "answers fewer needles"}
    told = what.get(verdict, "answers as many needles as far as the interval tells")
    points = [100 * x for x in (change.value, change.low, change.high)]
    numbers = f"{points[0]:+.0f} points, {points[1]:+.0f} to {points[2]:+.0f}".replace("-", "−")
    changed = "with importance replaced by its mean at each distance, the same for all texts"
    return f"yet {changed}, SISA {told} ({numbers})"


def _level(variant: str) -> str:
    """Return where a variant fuses."""
    return architecture(Variant.from_label(variant).architecture).level
