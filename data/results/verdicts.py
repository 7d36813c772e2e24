"""What a claim is, how a verdict on it is read off its interval, and the table of claims.

A verdict never says more than its interval: it is "undecided" wherever the interval holds the border.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from data.results.estimate import Estimate
from data.results.planning import MOST_SEEDS, seeds_needed

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced at this scale", "undecided"
NO_CLAIM = "no claim of the paper"
SUPPORTED_HERE, REFUTED_HERE = "supported here", "refuted here"
GROWS_HERE, FALLS_HERE = f"grows here, {NO_CLAIM}", f"falls here, {NO_CLAIM}"
NOT_MEASURED = f"{UNDECIDED}: not measured yet"

Side = Literal["below", "at least", "above"]
COLUMNS = [
    *("claim", "variant", "needles", "published", "measured", "low", "high", "seeds", "censored", "left out"),
    *("verdict", "what would decide it", "seeds needed"),
]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence that may be true or false, beside what was published and what was measured.

    Build it with `judge`, which reads the verdict off the interval; a claim that nothing was measured for is
    built directly, with the verdict `UNDECIDED`.

    Args:
        claim: the sentence.
        published: what the paper says, in a few words; "" where it says nothing.
        estimate: what was measured.
        verdict: one of the words of this file.
        variant: label of the variant, see `data.results.variants.Variant`.
        needles: set of held-out episodes, such as "corpus256".
        form: format of the measured number and of its bounds, such as "{:.1%}".
        unit: words after the measured number alone.
        what_would_decide_it: "" where it is decided or the paper claims nothing.
        seeds_needed: about how many seeds would decide it, as a word.
    """

    claim: str
    published: str
    estimate: Estimate
    verdict: str
    variant: str = ""
    needles: str = ""
    form: str = "{:.2f}"
    unit: str = ""
    what_would_decide_it: str = ""
    seeds_needed: str = ""

    def as_row(self) -> dict[str, str | int]:
        """Return the claim as text by column, in the order of `COLUMNS`."""
        numbers = in_words(self.estimate, self.form)
        if numbers["measured"]:
            numbers["measured"] = f"{numbers['measured']}{self.unit}"
        return {
            "claim": self.claim,
            "variant": self.variant,
            "needles": self.needles,
            "published": self.published,
            **numbers,
            "verdict": self.verdict,
            "what would decide it": self.what_would_decide_it,
            "seeds needed": self.seeds_needed,
        }


def claims_table(rows: Iterable[Claim]) -> pd.DataFrame:
    """Return claims as a table for reading, one row each, always with the same columns.

    Returns:
        claim, variant, needles, published; measured, low, high (text, "" where unknown); seeds, censored,
        left out (pairs of seeds); verdict, what would decide it, seeds needed.

    Example:
        >>> from data.results.intervals import mean_interval
        >>> gain = judge("a beats b", "", mean_interval([1.0, 1.1, 1.2]), border=0, side="above")
        >>> claims_table([gain])[["measured", "low", "high", "verdict"]].iloc[0].tolist()
        ['1.10', '0.85', '1.35', 'reproduced']
    """
    return pd.DataFrame([claim.as_row() for claim in rows], columns=pd.Index(COLUMNS))


def in_few_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of claims as eight columns, which fit a page.

    The interval is one column, and what is censored or left out stands beside the seeds that remain. Variant
    and set of needles are left to the sentence of the claim and to the words around the table.

    Args:
        table: Of `claims_table`, or rows of it.

    Example:
        >>> from data.results.intervals import mean_interval
        >>> gain = judge("a beats b", "", mean_interval([1.0, 1.1, 1.2]), border=0, side="above")
        >>> in_few_columns(claims_table([gain])).iloc[0].tolist()[:5]
        ['a beats b', '', '1.10', '0.85 to 1.35', '3']
    """
    low, high = table["low"].astype(str), table["high"].astype(str)
    seeds = table["seeds"].astype(str)
    for name in ("censored", "left out"):
        seeds += [f", {n} {name}" if n else "" for n in table[name]]
    shown = table.assign(seeds=seeds, **{"95 % interval": (low + " to " + high).where(low + high != "", "")})
    first = ["claim", "published", "measured", "95 % interval", "seeds"]
    return shown.loc[:, [*first, "verdict", "what would decide it", "seeds needed"]]


def judge(
    claim: str,
    published: str,
    estimate: Estimate,
    *,
    border: float,
    side: Side,
    words: tuple[str, str] = (REPRODUCED, NOT_REPRODUCED),
    claimed: bool = True,
    variant: str = "",
    needles: str = "",
    form: str = "{:.2f}",
    unit: str = "",
) -> Claim:
    """Return the claim that a number lies on one side of a border, with the verdict that its interval allows.

    The claim holds where the whole interval lies on that side, fails where the whole interval lies on the
    other one, and is undecided otherwise; then it says what would decide it and about how many seeds that
    takes.

    Args:
        claim, published, estimate, variant, needles, form, unit: see `Claim`.
        border: the number that the claim compares with.
        side: where the claim sees the number; "below" and "above" exclude the border.
        words: what is said where it holds and where it fails.
        claimed: whether the paper claims it; otherwise the verdict is `NO_CLAIM`.

    Example:
        >>> from data.results.median import median_interval
        >>> ratios = median_interval([0.5, 0.6, 0.7, 0.6, 0.5])
        >>> open_claim = judge("fewer steps", "", ratios, border=1, side="below")
        >>> open_claim.verdict, open_claim.what_would_decide_it
        ('undecided', 'more seeds: 5 of at least 6, about 6 at this spread')
    """
    verdict = verdict_on(estimate, border=border, side=side, words=words) if claimed else NO_CLAIM
    needed = seeds_needed(estimate, border) if verdict == UNDECIDED else np.nan
    return Claim(
        claim=claim,
        published=published,
        estimate=estimate,
        verdict=verdict,
        variant=variant,
        needles=needles,
        form=form,
        unit=unit,
        what_would_decide_it=_missing(estimate, border, needed) if verdict == UNDECIDED else "",
        seeds_needed=_count_in_words(needed) if verdict == UNDECIDED else "",
    )


def in_words(estimate: Estimate, form: str) -> dict[str, str | int]:
    """Return an estimate as text by column: measured, low, high, then the counts behind it.

    Args:
        estimate: a number with its interval; what is NaN becomes "".
        form: format of the three numbers.

    Example:
        >>> from data.results.median import median_interval
        >>> in_words(median_interval([0.5, float("inf")]), "{:.1f}")
        {'measured': '∞', 'low': '0.0', 'high': '∞', 'seeds': 2, 'censored': 1, 'left out': 0}
    """
    return {
        "measured": _number(estimate.value, form),
        "low": _number(estimate.low, form),
        "high": _number(estimate.high, form),
        "seeds": estimate.n,
        "censored": estimate.censored,
        "left out": estimate.lost,
    }


def verdict_on(
    estimate: Estimate,
    *,
    border: float,
    side: Side,
    words: tuple[str, str] = (REPRODUCED, NOT_REPRODUCED),
) -> str:
    """Return the verdict that an interval allows on the claim that a number lies on one side of a border.

    Args:
        estimate, border, side, words: see `judge`.

    Example:
        >>> verdict_on(Estimate(value=0.7, low=0.4, high=0.9), border=1, side="below")
        'reproduced'
        >>> verdict_on(Estimate(value=0.7, low=0.4, high=1.2), border=1, side="below")
        'undecided'
    """
    # NaN compares as false with everything, so what has no interval falls through to "undecided".
    below, above = estimate.high < border, estimate.low > border
    if side == "at least":
        above = estimate.low >= border
    holds, fails = (below, above) if side == "below" else (above, below)
    if holds:
        return words[0]
    return words[1] if fails else UNDECIDED


def _missing(estimate: Estimate, border: float, needed: float) -> str:
    """Return what would decide an interval that holds the border, or that there is none of yet."""
    pairs, censored = estimate.n + estimate.lost, estimate.censored + estimate.lost
    parts = []
    if pairs < estimate.fewest:
        parts.append(f"more seeds: {pairs} of at least {estimate.fewest}{_at_this_spread(needed)}")
    if censored:
        parts.append(f"longer training: {censored} of {pairs} pairs censored")
    if not parts:
        parts.append(f"more seeds: the interval holds {border:g}{_at_this_spread(needed)}")
    return "; ".join(parts)


def _at_this_spread(needed: float) -> str:
    if np.isnan(needed):
        return ""
    about = "" if np.isinf(needed) else "about "
    return f", {about}{_count_in_words(needed)} at this spread"


def _count_in_words(needed: float) -> str:
    if np.isnan(needed):
        return "unknown"
    return f"more than {MOST_SEEDS}" if np.isinf(needed) else f"{needed:.0f}"


def _number(value: float, form: str) -> str:
    if np.isnan(value):
        return ""
    return form.format(value).replace("inf", "∞").replace("%", " %")
