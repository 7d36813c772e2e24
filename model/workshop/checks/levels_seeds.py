"""Exercises on curves of several seeds: steps to a level, their median, differences of pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from scipy import stats

from data.results.median import median_interval
from model.workshop.exercise import Computed, Exercise, Mistake

Numbers = Mapping[int, float]
Ends = tuple[float, float, float]
STEPS = torch.arange(10, 90, 10, dtype=torch.float64)


def _draw_curves(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Draw five curves: two that rise, one that falls back, one that meets the level exactly, one below."""
    level = 0.5 + 0.3 * float(torch.rand((), generator=generator, dtype=torch.float64))
    at = torch.randint(1, 5, (5,), generator=generator)
    curves = 0.9 * level * torch.rand(5, len(STEPS), generator=generator, dtype=torch.float64)
    for run in range(4):
        curves[run, at[run] :] = (1 + level) / 2
    curves[2, at[2] + 1 :] = 0.8 * level
    curves[3, at[3]] = level
    return STEPS, curves[torch.randperm(5, generator=generator)], level


def _first(curve: torch.Tensor, level: float, *, otherwise: float) -> float:
    """Return the step of the first evaluation that reaches a level."""
    return next((float(step) for step, share in zip(STEPS, curve, strict=True) if share >= level), otherwise)


def _each(curves: torch.Tensor, level: float, *, otherwise: float) -> torch.Tensor:
    return torch.tensor([_first(curve, level, otherwise=otherwise) for curve in curves])


def _draw_first_steps(generator: torch.Generator) -> tuple[torch.Tensor]:
    """Draw first steps of six runs, of which two never came to the level.

    With one, the median of the others would be what torch.median returns of all six.
    """
    first = 10 + 290 * torch.rand(6, generator=generator, dtype=torch.float64)
    first[torch.randperm(6, generator=generator)[:2]] = torch.inf
    return (first,)


def _draw_pairs(generator: torch.Generator) -> tuple[dict[int, float], dict[int, float]]:
    """Draw numbers of two levels: five seeds in common, in another order, and one more each."""
    seeds = torch.randperm(40, generator=generator)[:7].tolist()
    seed_effect = torch.rand(7, generator=generator).tolist()
    noise = (0.1 * torch.randn(2, 7, generator=generator)).tolist()
    first = {seed: seed_effect[at] + noise[0][at] for at, seed in enumerate(seeds[:6])}
    second = {seed: seed_effect[at] + noise[1][at] for at, seed in enumerate(seeds) if at != 1}
    return first, dict(reversed(second.items()))


def _common(first: Numbers, second: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the seeds that both have, pair by pair."""
    pairs = np.array([(first[seed], second[seed]) for seed in first if seed in second])
    return pairs[:, 0], pairs[:, 1]


def _paired(first: np.ndarray, second: np.ndarray) -> Ends:
    """Return mean and interval by scipy's test of pairs."""
    ends = stats.ttest_rel(first, second).confidence_interval(0.95)  # pyright: ignore[reportAttributeAccessIssue]
    return float(np.mean(first - second)), float(ends.low), float(ends.high)


def _unpaired(first: np.ndarray, second: np.ndarray, *, equal: bool) -> Ends:
    test = stats.ttest_ind(first, second, equal_var=equal)
    ends = test.confidence_interval(0.95)  # pyright: ignore[reportAttributeAccessIssue]
    return float(np.mean(first) - np.mean(second)), float(ends.low), float(ends.high)


def _values(numbers: Numbers) -> np.ndarray:
    return np.array(list(numbers.values()))


def _half_width(first: Numbers, second: Numbers, *, factor: float, ddof: int, share: bool = True) -> Ends:
    """Return the mean of pairs and an interval of some other width."""
    one, other = _common(first, second)
    off = one - other
    half = factor * off.std(ddof=ddof) / (math.sqrt(len(off)) if share else 1.0)
    return float(off.mean()), float(off.mean() - half), float(off.mean() + half)


SEEDS: tuple[Exercise, ...] = (
    Computed(
        name="first_steps",
        results={"first": ("run",)},
        arguments=_draw_curves,
        expected=lambda steps, curves, level: _each(curves, level, otherwise=math.inf),
        mistakes=(
            Mistake(
                "A run that never reached the level is given the last step, as if it had got there then. It "
                "is censored: it needs more steps than were measured, so ∞.",
                lambda steps, curves, level: _each(curves, level, otherwise=float(steps[-1])),
            ),
            Mistake(
                "A run that never reached the level is given the first step: argmax of a row without any "
                "True is 0. It is censored, so ∞.",
                lambda steps, curves, level: _each(curves, level, otherwise=float(steps[0])),
            ),
            Mistake(
                "A run that never reached the level counts as NaN. More is known: it took longer than all "
                "that was measured, so ∞, which can still be ordered.",
                lambda steps, curves, level: _each(curves, level, otherwise=math.nan),
            ),
            Mistake(
                "A run that never reached the level counts as 0 steps, the fastest. It is the slowest: ∞.",
                lambda steps, curves, level: _each(curves, level, otherwise=0.0),
            ),
            Mistake(
                "A run that meets the level exactly has reached it: ≥, not >.",
                lambda steps, curves, level: _each(curves, level + 1e-12, otherwise=math.inf),
            ),
            Mistake(
                "These are numbers of evaluations. Look their steps up in `steps`.",
                lambda steps, curves, level: _each(curves, level, otherwise=math.inf) / 10 - 1,
            ),
            Mistake(
                "This is the last evaluation at the level. Asked is the first.",
                lambda steps, curves, level: torch.stack(
                    [
                        steps[curve >= level].amax() if (curve >= level).any() else STEPS[0] / 0
                        for curve in curves
                    ]
                ),
            ),
        ),
    ),
    Computed(
        name="median_steps",
        results={"median": ()},
        arguments=_draw_first_steps,
        expected=lambda first: median_interval(first.numpy()).value,
        mistakes=(
            Mistake(
                "Runs that never reached the level are left out: the slower a level is, the better it looks. "
                "They are the largest numbers of the row.",
                lambda first: first[first.isfinite()].quantile(0.5),
            ),
            Mistake(
                "torch.median returns the lower one of the two middle numbers. Take their mean.",
                lambda first: first.sort().values[2],
            ),
            Mistake(
                "This is the upper one of the two middle numbers. Take the mean of both.",
                lambda first: first.sort().values[3],
            ),
            Mistake(
                "Runs that never reached the level are left out: the slower a level is, the better it looks. "
                "And torch.median returns the lower one of two middle numbers.",
                lambda first: first[first.isfinite()].sort().values[1],
            ),
            Mistake("This is the mean: one censored run makes it ∞, whatever the others do.", torch.mean),
            Mistake(
                "This is the mean of the runs that came to the level. Asked is the median of all.",
                lambda first: first[first.isfinite()].mean(),
            ),
        ),
    ),
    Computed(
        name="paired_interval",
        results={"mean": (), "low": (), "high": ()},
        arguments=_draw_pairs,
        expected=lambda first, second: _paired(*_common(first, second)),
        mistakes=(
            Mistake(
                "The pairs are not of one seed: numbers are subtracted in the order in which they came.",
                lambda first, second: _paired(_values(first), _values(second)),
            ),
            Mistake(
                "Unpaired: every seed of one is compared with every seed of the other, so that what a seed "
                "does to both counts as noise. Subtract seed by seed first.",
                lambda first, second: _unpaired(_values(first), _values(second), equal=False),
            ),
            Mistake(
                "Unpaired: what a seed does to both counts as noise. Subtract seed by seed first.",
                lambda first, second: _unpaired(*_common(first, second), equal=True),
            ),
            Mistake(
                "The sign is turned round: this is second − first.",
                lambda first, second: _paired(*_common(second, first)),
            ),
            Mistake(
                "The factor 1.96 belongs to a known spread. Five seeds only estimate it: Student's t, 2.78.",
                lambda first, second: _half_width(first, second, factor=1.96, ddof=1),
            ),
            Mistake(
                "This is the spread of single seeds. That of their mean is narrower by √n.",
                lambda first, second: _half_width(
                    first, second, factor=float(stats.t.ppf(0.975, 4)), ddof=1, share=False
                ),
            ),
        ),
    ),
)
