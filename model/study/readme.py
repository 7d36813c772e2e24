"""The README's state of reproduction, from data/measured, data/published and benchmarks/results.

What stands between its two markers comes from `python -m model.study readme`.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from data import measured, published
from data.files import write_aside
from data.refusal import refusal
from data.results.claims import needle_claims
from data.results.estimate import Estimate
from data.results.variants import Variant
from data.results.verdicts import NO_CLAIM, NOT_REPRODUCED, REPRODUCED, UNDECIDED, Claim

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- reproduction: begin -->", "<!-- reproduction: end -->"
NEEDLES = "repeated512"  # the held-out set closest to the paper's: one repeated sentence, 512 tokens
SIZES = ("small", "50m")
WIDTH = 140
NEAR = 0.05  # speeds that differ by less than this share are alike
COLUMNS = ("study", "claim", "published", "measured here", "verdict", "what would decide it")


def reproduction_table() -> str:
    """A markdown table, one row a claim, and the conditions below it."""
    rows = _needle_rows("`tiny`, trained on episodes", measured.tiny(), needles="niah")
    for preset in SIZES:
        metrics = measured.chosen(measured.metrics(), preset=preset)
        rows += _needle_rows(f"`{preset}`", metrics, needles=NEEDLES)
    rows += speed_rows(RESULTS)
    lines = [f"| {' | '.join(row)} |" for row in (COLUMNS, ["---"] * len(COLUMNS), *rows)]
    return "\n".join([*lines, "", _conditions()])


def write_readme(path: Path = ROOT / "README.md") -> None:
    """Put the table between the markers of a file, all else unchanged.

    Raises:
        ValueError: the file has not both markers, once each, in this order.
    """
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in before:
        step = "Put both markers where the table belongs."
        raise refusal("path", str(path), legal=f"a file with {BEGIN}, then {END}, once each", step=step)
    with write_aside(path) as aside:
        aside.write_text(f"{before}{BEGIN}\n\n{reproduction_table()}\n\n{END}{after}")


def _needle_rows(study: str, metrics: pd.DataFrame, *, needles: str) -> list[list[str]]:
    """Variants that the paper has figures of."""
    names = metrics["name"].str.startswith(f"{needles}/")
    return [
        _row(study, claim)
        for claim in needle_claims(metrics.loc[names])
        if claim.published
        and claim.verdict != NO_CLAIM
        and not Variant.from_label(claim.variant).is_remarkable
    ]


def _row(study: str, claim: Claim) -> list[str]:
    """The cells of one claim, in the order of `COLUMNS`."""
    return [study, claim.claim, claim.published, _found(claim), claim.verdict, claim.what_would_decide_it]


def _found(claim: Claim) -> str:
    row = claim.as_row()
    if not claim.estimate.n + claim.estimate.lost:
        return str(row["measured"])
    counts = [f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}"]
    counts += [f"{row[name]} {name}" for name in ("censored", "left out") if row[name]]
    low = str(row["low"]).removesuffix(" %")
    interval = [f"{low} to {row['high']}"] if low else []
    return f"{row['measured'] or 'unknown'} ({'; '.join([*interval, *counts])})"


def speed_rows(results: Path) -> list[list[str]]:
    """Rows of the table for a folder of benchmark results: those of `benchmarks/cost.py` at paper scales."""
    speeds = published.throughput().query("model == 'sisa'").set_index("scale")["relative"].to_dict()
    costs = [json.loads(path.read_text()) for path in sorted(results.glob("cost_*.json"))]
    return [_speed_row(cost, speeds[scale]) for cost in costs if (scale := cost["preset"].upper()) in speeds]


def _speed_row(result: dict[str, Any], theirs: float) -> list[str]:
    """Training speed of SISA over that of the transformer, side by side in one process; compiled on a GPU.

    Another GPU than the paper's can agree with its figure, but not refute it.
    """
    ratios = {how: result.get(f"sisa_over_transformer_{how}") for how in ("eager", "compiled")}
    ours = {how: ratio for how, ratio in ratios.items() if ratio is not None}
    alike = all(abs(ratio / theirs - 1) < NEAR for ratio in ours.values())
    gpu = published.throughput()["gpu"].iloc[0]
    otherwise = NOT_REPRODUCED if gpu in result["machine"] else UNDECIDED
    others = [f"{ratio:.2f} {how}" for how, ratio in ours.items()]
    last = list(ours.values())[-1]
    conditions = f"(one run, {result['batch']} × {result['length']:,} tokens a step)"
    claim = Claim(
        claim=f"SISA d_state={result['d_state']} trains at {theirs:.2f} of the transformer's speed",
        published=f"{theirs:.2f} ({gpu})",
        estimate=Estimate(value=last),
        form=", ".join([*others[:-1], f"{{:.2f}} {list(ours)[-1]} {conditions}"]),
        verdict=REPRODUCED if alike else otherwise,
        what_would_decide_it=""
        if alike or otherwise == NOT_REPRODUCED
        else f"the same run on the paper's GPU, {gpu}",
    )
    return _row(f"`benchmarks/cost.py`, {result['preset'].upper()}, {result['machine']}", claim)


def _conditions() -> str:
    runs = [measured.chosen(measured.runs(), preset=preset) for preset in SIZES]
    small, large = ([table[name].median() / 1e6 for name in ("params", "tokens")] for table in runs)
    metrics = measured.metrics()
    n = metrics.loc[metrics["name"] == f"{NEEDLES}/n", "value"].min()
    text = f"""`tiny` is notebook 03 as it is: 0.1M parameters, 400 steps of training on synthetic episodes of
    128 tokens, where the paper's models saw text alone: its verdicts are about the figure, not the way there.
    `small` is [data/measured](data/measured/README.md): {small[0]:.1f}M parameters, {small[1]:.0f}M tokens of
    text without any episode, then {n:.0f} held-out episodes of the set `{NEEDLES}`, whose hidden number has
    four digits. `50m` is the same with {large[0]:.1f}M parameters, the paper's 50M at a vocabulary of 4,096,
    and {large[1]:.0f}M tokens of a larger corpus.
    Published figures are one seed each, mostly with a checkpoint every 1,000 steps, so a ratio of steps lies
    between two bounds. Intervals, 95 %, are over seeds: at the end of training Student's t, widened by what
    the episodes leave uncertain and by the skew of shares near 0 and 1; of steps the median's order
    statistics. Steps are compared between runs of one seed, which saw the same text in the same order. A run
    is censored if it had not reached the level by its last evaluation (∞). A pair of runs that both are is
    left out of the median and may be anything in the interval. A verdict on steps takes six seeds."""
    words = " ".join(text.split())
    return textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)
