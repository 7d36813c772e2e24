"""The state of reproduction as rows: every claim of the paper beside what was measured here; headlines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

import pandas as pd

from data import measured, published
from data.results.claims import LEVELS, needle_claims
from data.results.estimate import Estimate
from data.results.variants import Variant
from data.results.verdicts import NO_CLAIM, NOT_REPRODUCED, REPRODUCED, UNDECIDED, Claim

NEEDLES = "repeated512"  # the held-out set closest to the paper's: one repeated sentence, 512 tokens
PRESETS_LARGEST_FIRST = ("369m", "152m", "50m", "small")
TINY = "`tiny`, trained on episodes"
HEADLINE_SIZES = (16, 32)  # d_state of the SISA that stands for all in the README
HEADLINE_STUDIES = 3
CLAIM_OF_SPEED = f"fewer steps to {100 * LEVELS[0]:g} %"
ALIKE_WITHIN = 0.05  # speeds that differ by less than this share are alike


class Row(NamedTuple):
    """Hold one row of the table: a claim and the study that it was measured in."""

    study: str
    claim: Claim


class CostResult(TypedDict):
    """Name what is read of a file that `benchmarks/cost.py` wrote."""

    preset: str
    machine: str
    d_state: int
    batch: int
    length: int
    sisa_over_transformer_eager: NotRequired[float]
    sisa_over_transformer_compiled: NotRequired[float]


def reproduction_rows(results: Path) -> list[Row]:
    """Return every claim of the paper with what was measured here, largest models first, speed at the end.

    Variants that the paper has no figures of are left out.

    Args:
        results: folder of benchmark results.

    Example:
        >>> rows = reproduction_rows(Path("no benchmarks"))
        >>> rows[0].study, rows[0].claim.claim
        ('`50m`', 'transformer ends at 95 % or more')
    """
    sizes = set(measured.runs()["preset"])
    rows = []
    for preset in PRESETS_LARGEST_FIRST:
        if preset in sizes:
            metrics = measured.chosen(measured.metrics(), preset=preset)
            rows += _needle_rows(f"`{preset}`", metrics, needles=NEEDLES)
    rows += _needle_rows(TINY, measured.tiny(), needles="niah")
    return rows + speed_rows(results)


def headlines(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that a reader of the README needs, ten at most.

    They are three of each of the three studies of the largest models: where the transformer ends, where SISA
    ends and how soon it finds half of the needles; then the rows on training speed. SISA is that of d_state
    16 or 32, whichever has more seeds in the study, and 16 of two that have as many.

    Args:
        rows: of `reproduction_rows`.

    Example:
        >>> rows = _needle_rows(TINY, measured.tiny(), needles="niah")
        >>> [row.claim.variant for row in headlines(rows)]
        ['transformer', 'SISA d_state=16', 'SISA d_state=16']
    """
    speeds = [row for row in rows if not row.claim.needles]
    studies = dict.fromkeys(row.study for row in rows if row.claim.needles)
    chosen = []
    for study in list(studies)[:HEADLINE_STUDIES]:
        chosen += _headlines_of([row for row in rows if row.study == study])
    return chosen + speeds


def speed_rows(results: Path) -> list[Row]:
    """Return the rows on training speed: what `benchmarks/cost.py` measured at sizes of the paper.

    Args:
        results: folder of benchmark results; its files cost_*.json are read.

    Example:
        >>> result = {"preset": "152m", "machine": "a GPU", "d_state": 32, "batch": 8, "length": 2048}
        >>> text = json.dumps(result | {"sisa_over_transformer_eager": 0.62})
        >>> _ = Path("cost_152m.json").write_text(text)
        >>> [(row.claim.claim, row.claim.verdict) for row in speed_rows(Path())]
        [("SISA d_state=32 trains at 0.61 of the transformer's speed", 'reproduced')]
    """
    table = published.throughput()
    speeds = table.loc[table["model"] == "sisa"].set_index("scale")["relative"].to_dict()
    rows = []
    for path in sorted(results.glob("cost_*.json")):
        result: CostResult = json.loads(path.read_text())
        scale = result["preset"].upper()
        if scale in speeds:
            rows.append(_speed_row(result, theirs=speeds[scale], gpu=table["gpu"].iloc[0]))
    return rows


def _needle_rows(study: str, metrics: pd.DataFrame, *, needles: str) -> list[Row]:
    """Claims on variants that the paper has figures of."""
    names = metrics["name"].str.startswith(f"{needles}/")
    return [
        Row(study, claim)
        for claim in needle_claims(metrics.loc[names])
        if claim.published
        and claim.verdict != NO_CLAIM
        and not Variant.from_label(claim.variant).is_remarkable
    ]


def _headlines_of(rows: Sequence[Row]) -> Iterator[Row]:
    """Three rows of one study."""
    ends = {row.claim.variant: row for row in rows if " ends " in row.claim.claim}
    labels = [Variant("sisa", d_state=size).label for size in HEADLINE_SIZES]
    sisa = max((name for name in labels if name in ends), key=lambda name: ends[name].claim.estimate.n)
    yield ends["transformer"]
    yield ends[sisa]
    yield from (row for row in rows if row.claim.variant == sisa and CLAIM_OF_SPEED in row.claim.claim)


def _speed_row(result: CostResult, *, theirs: float, gpu: str) -> Row:
    """Training speed of SISA over that of the transformer, side by side in one process; compiled on a GPU.

    Another GPU than the paper's can agree with its figure, but not refute it.
    """
    ours = {"eager": result.get("sisa_over_transformer_eager")}
    ours["compiled"] = result.get("sisa_over_transformer_compiled")
    measured_here = {how: speed for how, speed in ours.items() if speed is not None}
    if all(abs(speed / theirs - 1) < ALIKE_WITHIN for speed in measured_here.values()):
        verdict, needed = REPRODUCED, ""
    elif gpu in result["machine"]:
        verdict, needed = NOT_REPRODUCED, ""
    else:
        verdict, needed = UNDECIDED, f"the same run on the paper's GPU, {gpu}"
    *others, last = measured_here
    words = [*[f"{measured_here[how]:.2f} {how}" for how in others], f"{{:.2f}} {last}"]
    claim = Claim(
        claim=f"SISA d_state={result['d_state']} trains at {theirs:.2f} of the transformer's speed",
        published=f"{theirs:.2f} ({gpu})",
        estimate=Estimate(value=measured_here[last]),
        form=f"{', '.join(words)} (one run, {result['batch']} × {result['length']:,} tokens a step)",
        verdict=verdict,
        what_would_decide_it=needed,
    )
    return Row(f"`benchmarks/cost.py`, {result['preset'].upper()}, {result['machine']}", claim)
