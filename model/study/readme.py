"""The README's ten rows and docs/reproduction.md: the state of reproduction as text.

Both are made of data/measured, data/published and a folder of benchmark results by `python -m model.study
readme`, and stand between two markers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data import measured
from data.files import write_aside
from data.refusal import refusal
from data.results.verdicts import Claim
from model.study.findings.remaining import remaining_sentence
from model.study.reproduction import NEEDLES, PRESETS_LARGEST_FIRST, Row, headlines, reproduction_rows

BEGIN, END = "<!-- reproduction: begin -->", "<!-- reproduction: end -->"
WIDTH = 140  # characters of a line of text
COLUMNS = (
    *("study", "claim", "published", "measured here"),
    *("verdict", "what would decide it", "seeds it takes"),
)


def write_reproduction(readme: Path, reproduction: Path, *, results: Path) -> None:
    """Write ten rows and what hybrids lose without a half into the README, the whole table into its own page.

    Args:
        readme, reproduction: files with both markers; all else in them stays.
        results: folder of benchmark results.

    Raises:
        ValueError: a file has not both markers, once each, in this order, or there is no such folder. Nothing
            is written then.

    Example:
        >>> write_reproduction(Path("README.md"), Path("reproduction.md"), results=Path("nowhere"))
        Traceback (most recent call last):
        ValueError: results is 'nowhere'; legal: a folder of benchmark results. Name it with --results.
    """
    if not results.is_dir():
        step = "Name it with --results."
        raise refusal("results", str(results), legal="a folder of benchmark results", step=step)
    rows = reproduction_rows(results)
    told = _wrapped(remaining_sentence(measured.levels()))
    texts = {readme: f"{markdown_table(headlines(rows))}\n\n{told}", reproduction: whole_page(rows)}
    pages = {path: _between_markers(path, text) for path, text in texts.items()}
    for path, page in pages.items():
        with write_aside(path) as aside:
            aside.write_text(page)


def markdown_table(rows: Sequence[Row]) -> str:
    """Return rows as a table in markdown.

    Args:
        rows: in the order in which they shall stand.

    Example:
        >>> from data.results.estimate import Estimate
        >>> half = Estimate(value=0.5)
        >>> claim = Claim(claim="a ends", published="50M: 1 %", estimate=half, verdict="undecided")
        >>> print(markdown_table([Row("`tiny`", claim)]).splitlines()[-1])
        | `tiny` | a ends | 50M: 1 % | 0.50 | undecided |  |  |
    """
    lines = [COLUMNS, ["---"] * len(COLUMNS), *[_cells(row) for row in rows]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def whole_page(rows: Sequence[Row]) -> str:
    """Return the whole table and, below it, the conditions under which it was measured.

    Args:
        rows: of `reproduction_rows`.

    Example:
        >>> whole_page([]).splitlines()[0].startswith("| study | claim | published |")
        True
    """
    return f"{markdown_table(rows)}\n\n{_conditions()}"


def _cells(row: Row) -> list[str]:
    """Return a row as text, in the order of `COLUMNS`."""
    claim = row.claim
    found, needed = _found(claim), claim.what_would_decide_it
    return [row.study, claim.claim, claim.published, found, claim.verdict, needed, claim.seeds_needed]


def _found(claim: Claim) -> str:
    """Return the measured number, its interval and what it rests on."""
    row = claim.as_row()
    if not claim.estimate.n + claim.estimate.lost:
        return str(row["measured"])
    counts = [f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}"]
    counts += [f"{row[name]} {name}" for name in ("censored", "left out") if row[name]]
    low = str(row["low"]).removesuffix(" %")
    interval = [f"{low} to {row['high']}"] if low else []
    return f"{row['measured'] or 'unknown'} ({'; '.join([*interval, *counts])})"


def _conditions() -> str:
    """Return what the studies were, and how intervals and verdicts are to be read."""
    metrics = measured.metrics()
    n = metrics.loc[metrics["name"] == f"{NEEDLES}/n", "value"].min()
    params, tokens = _medians("small")
    text = f"""`tiny` is notebook 03 as it is: 0.1M parameters, 400 steps of training on synthetic episodes of
    128 tokens, where the paper's models saw text alone: its verdicts are about the figure, not the way there.
    `small` is [data/measured](../data/measured/README.md): {params:.1f}M parameters, {tokens:.0f}M tokens of
    text without any episode, then {n:.0f} held-out episodes of the set `{NEEDLES}`, whose hidden number has
    four digits. {_larger_sizes()}
    Published figures are one seed each, mostly with a checkpoint every 1,000 steps, so a ratio of steps lies
    between two bounds. Intervals, 95 %, are over seeds: at the end of training Student's t, widened by what
    the episodes leave uncertain and by the skew of shares near 0 and 1; of steps the median's order
    statistics. Steps are compared between runs of one seed, which saw the same text in the same order. A run
    is censored if it had not reached the level by its last evaluation (∞). A pair of runs that both are is
    left out of the median and may be anything in the interval. A verdict on steps takes six seeds. The last
    column is about how many seeds would decide a claim if the spread and the value seen are the true ones."""
    return _wrapped(text)


def _larger_sizes() -> str:
    """Return a sentence for each measured size above `small`."""
    sizes = set(measured.runs()["preset"])
    sentences = []
    for preset in PRESETS_LARGEST_FIRST[-2::-1]:
        if preset in sizes:
            params, tokens = _medians(preset)
            sentences.append(
                f"`{preset}` is the same with {params:.1f}M parameters (the paper's {preset.upper()} has a "
                f"vocabulary of 50,277) and {tokens:.0f}M tokens of a larger corpus."
            )
    return " ".join(sentences)


def _medians(preset: str) -> tuple[float, float]:
    """Parameters and tokens of the compared runs of a size, millions."""
    runs = measured.chosen(measured.runs(), preset=preset)
    return float(np.median(runs["params"])) / 1e6, float(np.median(runs["tokens"])) / 1e6


def _wrapped(text: str) -> str:
    words = " ".join(text.split())
    return textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)


def _between_markers(path: Path, inner: str) -> str:
    """Return the text of a file with `inner` between its markers."""
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in before:
        step = "Put both markers where the table belongs."
        raise refusal("path", str(path), legal=f"a file with {BEGIN}, then {END}, once each", step=step)
    return f"{before}{BEGIN}\n\n{inner}\n\n{END}{after}"
