"""Learning curves of several variants, to which a reader lets in one seed after the other."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data.refusal import refusal
from data.results.intervals import share_interval
from data.results.tables import one_run_a_seed, pick_metric
from sisa_viz.lessons.lesson import Lesson
from sisa_viz.look.colours import architecture_colour
from sisa_viz.look.labels import column_label

DASHES = ("none", "8 3", "2 3", "10 3 2 3")
DIGITS = 5  # of a share; the page shows whole percents


def seed_curves(
    metrics: pd.DataFrame, *, variants: Sequence[str], episodes: int, metric: str = "niah/exact_match"
) -> Lesson:
    """Return the lesson on what one seed says, and what several: curves with a slider for the seeds let in.

    With three seeds or more there is a 95 % interval, `share_interval`; below there is none.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it; one run a variant and seed, and all of
            them measured at the same steps.
        variants: At most four, in the order of the legend.
        episodes: Number of episodes behind each share.
        metric: The name of a share in the table.

    Raises:
        ValueError: There are too many variants, one has no runs, or runs differ in their steps.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> lesson = seed_curves(example_runs(), variants=["transformer"], episodes=128)
        >>> len(lesson.data["variants"][0]["runs"])  # seeds
        2
    """
    if not 1 <= len(variants) <= len(DASHES):
        step = "More curves would be a thicket."
        raise refusal("variants", list(variants), legal=f"1 to {len(DASHES)} of them", step=step)
    rows = one_run_a_seed(pick_metric(metrics, metric))
    table = rows.pivot_table(index="step", columns=["architecture", "seed"], values="value")
    for name in variants:
        if name not in table.columns.get_level_values("architecture"):
            known = ", ".join(sorted(set(rows["architecture"])))
            raise refusal("variants", name, legal=known, step="Name one of these.")
    shown = table.loc[:, list(variants)]
    if shown.isna().to_numpy().any() or len({shown[name].shape[1] for name in variants}) > 1:
        legal = "as many seeds of each variant, measured at the same steps"
        raise refusal("metrics", "runs of different lengths", legal=legal, step="Choose variants that match.")
    curves = [
        {
            "name": name,
            "colour": architecture_colour(name),
            "dash": dash,
            **_curves(shown[name].to_numpy().T, episodes),
        }
        for name, dash in zip(variants, DASHES, strict=False)
    ]
    half_found = int(shown.mean(axis=1).sub(0.5).abs().to_numpy().argmin())  # where curves differ most
    data = {"steps": shown.index.tolist(), "label": column_label(metric), "start": half_found}
    return Lesson("seeds", "Let one seed in after the other", {**data, "variants": curves})


def _curves(runs: np.ndarray, episodes: int) -> dict[str, object]:
    """Single runs (seed × step), and for every number of seeds the mean with its interval, step by step."""
    means = [
        [_estimate(runs[:seeds, at], episodes) for at in range(runs.shape[1])]
        for seeds in range(1, len(runs) + 1)
    ]
    return {"runs": runs.round(DIGITS).tolist(), "means": means}


def _estimate(values: np.ndarray, episodes: int) -> dict[str, float | None]:
    found = share_interval(values, episodes=episodes)
    low, high = [round(end, DIGITS) if found.has_interval else None for end in (found.low, found.high)]
    return {"mean": round(found.value, DIGITS), "low": low, "high": high}
