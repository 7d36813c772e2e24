"""Part 3: every mistake that learners make is named, every way to the right answer passes."""

import math
import statistics
from typing import Any

import numpy as np
import pytest
import torch
from mistakes import named
from scipy import stats

from data.results.intervals import mean_interval
from model.workshop import Checks, NotYet
from model.workshop.checks.levels_verdict import cases, judge_verdict

check = Checks("three_levels")


def masked_softmax(scores):
    future = ~torch.ones_like(scores, dtype=torch.bool).tril()
    return torch.softmax(scores.masked_fill(future, float("-inf")), 1)


def one_by_one(differences, factor=None):
    """The 95 % interval of a mean, written out."""
    n, mean = len(differences), statistics.fmean(differences)
    if n < 2:
        return mean, math.nan, math.nan
    factor = stats.t.isf(0.025, n - 1) if factor is None else factor
    half = factor * statistics.stdev(differences) / n**0.5
    return mean, mean - half, mean + half


def seed_by_seed(first, second):
    return [first[seed] - second[seed] for seed in first if seed in second]


def head_by_loops(attention, state):
    n = len(state)
    rows = [[(attention[i, j] + state[i, j]).item() / 2 + (i == j) for j in range(n)] for i in range(n)]
    return torch.tensor(rows)


def score_by_loops(content, importance, lam):
    found = np.eye(len(content))
    for i in range(len(content)):
        odds = [math.exp(content[i, j]) * math.exp(lam * importance[i, j]) for j in range(i + 1)]
        for j, odd in enumerate(odds):
            found[i, j] += odd / sum(odds)
    return found


def steps_by_loops(steps, curves, level):
    first = []
    for curve in curves.tolist():
        there = [step for step, share in zip(steps.tolist(), curve, strict=True) if share >= level]
        first.append(there[0] if there else math.inf)
    return first


def steps_by_min(steps, curves, level):
    return steps.where(curves >= level, torch.inf).amin(1)


def steps_by_numpy(steps, curves, level):
    there = curves.numpy() >= level
    return np.where(there.any(1), steps.numpy()[there.argmax(1)], np.inf)


def pairs_by_numpy(first, second):
    seeds = [seed for seed in second if seed in first]
    off = np.array([first[seed] for seed in seeds]) - [second[seed] for seed in seeds]
    return (off.mean(), *stats.t.interval(0.95, len(off) - 1, off.mean(), stats.sem(off)))


def pairs_by_library(first, second):
    found = mean_interval(seed_by_seed(first, second))
    return found.value, found.low, found.high


def verdict_by_sign(differences):
    found = mean_interval(differences)
    if math.isnan(found.low) or found.low * found.high <= 0:
        return "undecided"
    return "ahead" if found.value > 0 else "behind"


def verdict_by_hand(differences):
    if len(differences) < 3:
        return "undecided"
    mean, low, _ = one_by_one(differences)
    certain = abs(mean) > mean - low
    return {True: "ahead", False: "behind"}[mean > 0] if certain else "undecided"


def verdict_by_test(differences):
    if len(differences) < 3:
        return "undecided"
    found: Any = stats.ttest_1samp(differences, 0)
    if found.pvalue >= 0.05:
        return "undecided"
    return "behind" if sum(differences) < 0 else "ahead"


RIGHT = {
    "head_level": (
        head_by_loops,
        lambda attention, state: torch.lerp(attention, state, 0.5) + torch.eye(len(state)),
        lambda attention, state: (attention.numpy() + state.numpy() + 2 * np.identity(len(state))) / 2,
    ),
    "score_level": (
        score_by_loops,
        lambda content, importance, lam: masked_softmax(content + lam * importance) + torch.eye(len(content)),
        lambda c, i, lam: torch.eye(len(c)).add(
            torch.nn.functional.normalize((c + lam * i).exp().tril(), p=1)
        ),
    ),
    "first_steps": (steps_by_loops, steps_by_min, steps_by_numpy),
    "median_steps": (
        lambda first: statistics.median(first.tolist()),
        lambda first: np.median(first.numpy()),
        lambda first: first.sort().values[[2, 3]].mean(),
    ),
    "paired_interval": (
        lambda first, second: one_by_one(seed_by_seed(first, second)),
        pairs_by_numpy,
        pairs_by_library,
    ),
    "verdict": (verdict_by_sign, verdict_by_hand, verdict_by_test),
}


@pytest.mark.filterwarnings("ignore:invalid value")  # of numpy's median, where both in the middle are ∞
@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(3)])
def test_every_way_to_the_right_answer_passes(name, way):
    check(named(name, RIGHT[name][way]))


def test_every_exercise_is_tried():
    assert set(RIGHT) == {name for name, _ in WRONG} == set(check.exercises)
    assert all(len(ways) == 3 for ways in RIGHT.values())


def last_for_censored(steps, curves, level):
    return torch.tensor(steps_by_loops(steps, curves, level)).clamp(max=float(steps.max()))


def welch(first, second):
    one, other = list(first.values()), list(second.values())
    ends = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    return statistics.fmean(one) - statistics.fmean(other), ends.low, ends.high


def by_place(first, second):
    return one_by_one([one - other for one, other in zip(first.values(), second.values(), strict=True)])


WRONG = {
    ("head_level", "sum of both"): lambda a, m: torch.eye(len(a)) + a + m,
    ("head_level", "own vector is missing"): lambda a, m: (a + m) / 2,
    ("head_level", "this is the block level"): lambda a, m: (
        torch.eye(len(a)) + a + m + torch.einsum("ij,jk->ik", a, m)
    ),
    ("head_level", "reads what the other wrote"): lambda a, m: torch.eye(len(a)) + a.matmul(m),
    ("head_level", "Half of the residual stream"): lambda a, m: (torch.eye(len(a)) + a + m).div(2),
    ("score_level", "Two softmaxes, then added"): lambda c, i, lam: (
        torch.eye(len(c)) + masked_softmax(c) + lam * masked_softmax(i)
    ),
    ("score_level", "Two softmaxes and their mean"): lambda c, i, lam: (
        torch.eye(len(c)) + 0.5 * masked_softmax(c) + 0.5 * masked_softmax(i)
    ),
    ("score_level", "added after the softmax"): lambda c, i, lam: (
        torch.eye(len(c)) + masked_softmax(c) + (lam * i).tril()
    ),
    ("head_level", "Only one of them is halved"): lambda a, s: torch.eye(len(a)) + a + s / 2,
    ("score_level", "where no mask hides it"): lambda c, i, lam: (
        torch.eye(len(c)) + masked_softmax(c) + lam * i
    ),
    ("score_level", "after the softmax, and the"): lambda c, i, lam: masked_softmax(c) + lam * i,
    ("score_level", "λ is missing"): lambda c, i, lam: torch.eye(len(c)) + masked_softmax(i + c),
    ("score_level", "λ multiplies the content too"): lambda c, i, lam: (
        torch.eye(len(c)) + masked_softmax(lam * c + lam * i)
    ),
    ("score_level", "λ multiplies the content. "): lambda c, i, lam: (
        torch.eye(len(c)) + masked_softmax(lam * c + i)
    ),
    ("score_level", "mask is missing"): lambda c, i, lam: torch.eye(len(c)) + torch.softmax(c + lam * i, 1),
    ("score_level", "score of 0, which is not hidden"): lambda c, i, lam: (
        torch.eye(len(c)) + torch.softmax((c + lam * i) * torch.ones(len(c), len(c)).tril(), 1)
    ),
    ("score_level", "over queries"): lambda c, i, lam: (
        torch.eye(len(c))
        + (c + lam * i).masked_fill(torch.ones(len(c), len(c)).tril() == 0, -math.inf).softmax(0)
    ),
    ("score_level", "own vector is missing"): lambda c, i, lam: masked_softmax(c + lam * i),
    ("first_steps", "given the last step"): last_for_censored,
    ("first_steps", "given the first step"): lambda steps, curves, level: steps[
        (curves >= level).int().argmax(1)
    ],
    ("first_steps", "counts as NaN"): lambda steps, curves, level: [
        math.nan if step == math.inf else step for step in steps_by_loops(steps, curves, level)
    ],
    ("first_steps", "counts as 0 steps"): lambda steps, curves, level: [
        0.0 if step == math.inf else step for step in steps_by_loops(steps, curves, level)
    ],
    ("first_steps", "≥, not >"): lambda steps, curves, level: steps.where(curves > level, torch.inf).amin(1),
    ("first_steps", "numbers of evaluations"): lambda steps, curves, level: [
        next((at for at, share in enumerate(curve) if share >= level), math.inf) for curve in curves
    ],
    ("first_steps", "last evaluation at the level"): lambda steps, curves, level: [
        max((s.item() for s, share in zip(steps, curve, strict=True) if share >= level), default=math.inf)
        for curve in curves
    ],
    ("median_steps", "left out"): lambda first: statistics.median(x for x in first.tolist() if x < math.inf),
    ("median_steps", "And torch.median returns"): lambda first: first[first < math.inf].median(),
    ("median_steps", "upper one"): lambda first: statistics.median_high(first.tolist()),
    ("median_steps", "torch.median returns the lower"): lambda first: torch.median(first),
    ("median_steps", "one censored run makes it ∞"): lambda first: sum(first.tolist()) / len(first),
    ("median_steps", "mean of the runs that came"): lambda first: statistics.fmean(
        x for x in first.tolist() if x < math.inf
    ),
    ("paired_interval", "in the order in which they came"): by_place,
    ("paired_interval", "every seed of one is compared"): welch,
    ("paired_interval", "Unpaired: what a seed does"): lambda first, second: stats_of_two_samples(
        first, second
    ),
    ("paired_interval", "sign is turned"): lambda first, second: one_by_one(seed_by_seed(second, first)),
    ("paired_interval", "1.96"): lambda first, second: one_by_one(seed_by_seed(first, second), factor=1.96),
    ("paired_interval", "spread of single seeds"): lambda first, second: one_by_one(
        seed_by_seed(first, second), factor=float(stats.t.ppf(0.975, 4)) * 5**0.5
    ),
    ("verdict", "One seed is taken as proof"): lambda differences: (
        "ahead" if sum(differences) > 0 else "behind"
    ),
    ("verdict", "Two seeds are taken as proof"): lambda differences: (
        verdict_by_votes(differences) if len(differences) > 1 else "undecided"
    ),
    ("verdict", "Seeds have no votes"): lambda differences: (
        verdict_by_votes(differences) if len(differences) > 2 else "undecided"
    ),
    ("verdict", "interval holds 0, so both signs"): lambda differences: one_error_wide(differences),
    ("verdict", "sign is turned"): lambda differences: {"ahead": "behind", "behind": "ahead"}.get(
        verdict_by_test(differences), "undecided"
    ),
    ("verdict", "lie on one side of 0: that may be said"): lambda differences: "undecided",
    ("verdict", 'wanted: "ahead", "behind" or "undecided"'): lambda differences: sum(differences) > 0,
}


def stats_of_two_samples(first, second):
    seeds = sorted(first.keys() & second.keys())
    one, other = np.array([(first[seed], second[seed]) for seed in seeds]).T
    ends = stats.ttest_ind(one, other).confidence_interval()
    return one.mean() - other.mean(), ends.low, ends.high


def verdict_by_votes(differences):
    above = sum(difference > 0 for difference in differences)
    return "ahead" if above > len(differences) / 2 else "behind"


def one_error_wide(differences):
    """As if an interval were one standard error to each side; five of six are not fooled by their votes."""
    if len(differences) < 3:
        return "undecided"
    mean, low, high = one_by_one(differences, factor=1.0)
    if low < 0 < high:
        return "undecided"
    return "ahead" if mean > 0 else "behind"


@pytest.mark.parametrize(("name", "says"), WRONG)
def test_mistakes_are_named(name, says):
    with pytest.raises(NotYet) as told:
        check(named(name, WRONG[name, says]))
    assert says in str(told.value)


def test_a_verdict_is_judged_on_fresh_differences_that_decide_what_they_say():
    generator = torch.Generator().manual_seed(3)
    for _ in range(50):
        for case in cases(generator):
            assert verdict_by_test(case.differences) == case.wanted
    first, second = (cases(torch.Generator().manual_seed(seed))[-1].differences for seed in (1, 2))
    assert first != second
    assert judge_verdict(verdict_by_test, generator) is None
