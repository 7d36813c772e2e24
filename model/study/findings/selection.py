"""Which measured runs notebooks compare, and what they say where nothing has been measured yet."""

from __future__ import annotations

import pandas as pd

from data import measured
from data.refusal import one_of
from data.results.tables import episode_sets
from model.study.plans import planned
from model.study.runs import StudyRun

NOT_YET = "not measured yet"
SHOWN_VARIANT = "SISA d_state=16"  # what notebooks show unless they are told another variant


def needle_sets() -> list[str]:
    """Return the names of the held-out sets that notebooks compare, those of 512 tokens of context.

    Example:
        >>> needle_sets()
        ['corpus256', 'corpus512', 'repeated256', 'repeated512']
    """
    return episode_sets(measured.on_text(measured.metrics()))


def check_needles(needles: str) -> None:
    """Refuse a name that is no held-out set of the study.

    Args:
        needles: filler and context length in tokens, such as "corpus256".

    Raises:
        ValueError: lists the sets that there are.

    Example:
        >>> check_needles("web256")
        Traceback (most recent call last):
        ValueError: needles is 'web256'; legal: 'corpus256', ...
    """
    one_of("needles", needles, needle_sets())


def variants(*plans: str) -> list[str]:
    """Return the labels of what some plans compare, each once, in the order of the plans.

    Args:
        plans: names in `model.study.plans.PLANS`.

    Example:
        >>> variants("50m")
        ['transformer', 'SISA d_state=16', 'SISA d_state=32']
    """
    return list(dict.fromkeys(run.variant for plan in plans for run in planned(plan, StudyRun())))


def compared(*plans: str, preset: str = "small") -> pd.DataFrame:
    """Return the measured metrics of what some plans compare, at one size and one learning rate a variant.

    Which rate that is, `data.measured.chosen` says. Variants without runs are not in the table.

    Args:
        plans: names in `model.study.plans.PLANS`.
        preset: size of the models.

    Returns:
        Columns of `data.measured.metrics`.

    Example:
        >>> large = compared("50m", preset="50m")
        >>> sorted(set(large["preset"])), bool(large.groupby("architecture")["lr"].nunique().max() == 1)
        (['50m'], True)
    """
    metrics = measured.chosen(measured.metrics(), preset=preset)
    return metrics.loc[metrics["architecture"].isin(variants(*plans))]


def with_episodes() -> pd.DataFrame:
    """Return the measured metrics of runs that had needle episodes in training.

    They answer another question than all others, which learn from text alone, and so are never in the table
    of `compared`.

    Example:
        >>> bool((with_episodes()["episode_fraction"] > 0).all())
        True
    """
    metrics = measured.metrics()
    return metrics.loc[metrics["episode_fraction"] > 0]


def unmeasured(what: str, *, command: str) -> pd.DataFrame:
    """Return a table that says what has not been measured and how to measure it, to show instead of a figure.

    Args:
        what: the thing that is missing.
        command: what a reader would type.

    Example:
        >>> unmeasured("speed", command="make bench").to_dict("records")
        [{'not measured yet': 'speed', 'what would measure it': 'make bench'}]
    """
    return pd.DataFrame({NOT_YET: [what], "what would measure it": [command]})
