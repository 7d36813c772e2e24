"""Part 4: every mistake that learners make is named, every way to the right answer passes."""

import math
import random
import statistics

import numpy as np
import pytest
import torch
from mistakes import named
from scipy import stats

from data.results.intervals import mean_interval, paired_difference
from model.analysis.interventions.intervention import Intervention
from model.workshop import Checks, NotYet

check = Checks("needle_head")


def student(numbers, factor=None):
    """The 95 % interval of a mean, written out."""
    values = [float(number) for number in numbers]
    mean, n = statistics.fmean(values), len(values)
    half = (factor or stats.t.isf(0.025, n - 1)) * statistics.stdev(values) / n**0.5
    return mean, mean - half, mean + half


def looker_by_loops(patterns, value, answer_start):
    best, found = -1.0, (-1, -1)
    for layer, heads in enumerate(patterns):
        for head, pattern in enumerate(heads):
            mass = sum(pattern[answer_start - 1, key].item() for key in range(value[0], value[1]))
            if mass > best:
                best, found = mass, (layer, head)
    return found


def looker(patterns, value, query):
    mass = patterns.numpy()[:, :, query, slice(*value)].sum(-1)
    return np.unravel_index(mass.argmax(), mass.shape)


def alone(term, value, query):
    weights = np.exp(term.numpy()[query, : query + 1])
    return weights[value[0] : value[1]].sum() / weights.sum()


def drawn(head, n_heads, n, seed):
    return random.Random(seed).sample([each for each in range(n_heads) if each != head], n)


def drawn_until_enough(head, n_heads, n, seed):
    generator, heads = np.random.default_rng(seed), []
    while len(heads) < n:
        other = int(generator.integers(n_heads))
        if other != head and other not in heads:
            heads.append(other)
    return torch.tensor(heads)


def drawn_by_numpy(head, n_heads, n, seed):
    others = np.delete(np.arange(n_heads), head)
    return np.random.default_rng(seed).choice(others, n, replace=False)


def excess_by_pairs(lost, controls):
    found = paired_difference(lost.numpy(), np.mean(controls.numpy(), axis=0))
    return found.value, found.low, found.high


def excess_by_loops(lost, controls):
    return student(
        one - sum(column) / len(column)
        for one, column in zip(lost.tolist(), controls.T.tolist(), strict=True)
    )


RIGHT = {
    "needle_mass": (
        lambda pattern, value, start: sum(pattern[start - 1][key] for key in range(*value)),
        lambda pattern, value, start: pattern.numpy()[:start][-1][slice(*value)].sum(),
        lambda pattern, value, start: torch.einsum("k->", pattern[start - 1, value[0] : value[1]]),
    ),
    "most_looking": (
        looker_by_loops,
        lambda patterns, value, start: tuple(map(int, looker(patterns, value, start - 1))),
        lambda p, value, start: divmod(
            p[..., start - 1, value[0] : value[1]].sum(-1).argmax().item(), p.shape[1]
        ),
    ),
    "mass_alone": (
        alone,
        lambda term, value, query: term[query, : query + 1].softmax(0)[slice(*value)].sum(),
        lambda term, value, query: sum(
            1 / (term[query, : query + 1] - term[query, key]).exp().sum() for key in range(*value)
        ),
    ),
    "moved_by_importance": (
        lambda c, i, value, query: alone(c + i, value, query) - alone(c, value, query),
        lambda c, i, value, query: -np.subtract(alone(c, value, query), alone(i + c, value, query)),
        lambda c, i, value, query: (
            torch.stack([c + i, -c + 2 * c])[:, query, : query + 1].softmax(1)[:, slice(*value)].sum(1)
            @ torch.tensor([1.0, -1.0], dtype=c.dtype)
        ),
    ),
    "without_importance": (
        lambda layer, head: Intervention("importance", layers=[layer], heads=[head]),
        lambda layer, head: Intervention(
            what="importance", how="scale", factor=0, layers=(layer,), heads=(head,)
        ),
        lambda layer, head: Intervention(
            "importance", "zero", range(layer, layer + 1), range(head, head + 1)
        ),
    ),
    "nats_lost": (
        lambda before, after: (before / after).log().sum(1),
        lambda before, after: np.log(np.prod(before.numpy(), 1)) - np.log(np.prod(after.numpy(), 1)),
        lambda before, after: [
            sum(math.log(p) - math.log(q) for p, q in zip(row, other, strict=True))
            for row, other in zip(before.tolist(), after.tolist(), strict=True)
        ],
    ),
    "control_heads": (drawn, drawn_until_enough, drawn_by_numpy),
    "excess": (
        excess_by_pairs,
        excess_by_loops,
        lambda lost, controls: student(lost - controls.sum(0) / controls.shape[0]),
    ),
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(3)])
def test_every_way_to_the_right_answer_passes(name, way):
    check(named(name, RIGHT[name][way]))


def test_every_exercise_is_tried():
    assert set(RIGHT) == {name for name, _ in WRONG} == set(check.exercises)
    assert all(len(ways) == 3 for ways in RIGHT.values())


def two_samples(lost, controls, **options):
    ends = stats.ttest_ind(lost.numpy(), controls.numpy().ravel(), **options).confidence_interval()
    return lost.mean() - controls.mean(), ends.low, ends.high


def loss_with_its_own_interval(lost, controls):
    mean, low, high = student(lost)
    return mean - controls.mean(), low - controls.mean(), high - controls.mean()


def of_score(change):
    return lambda layer, head: Intervention(change, layers=[layer], heads=[head])


WRONG = {
    ("needle_mass", "Off by one"): lambda p, value, start: p[start, value[0] : value[1]].sum(),
    ("needle_mass", "last token of the text"): lambda p, value, start: p[len(p) - 1, slice(*value)].sum(),
    ("needle_mass", "averaged over all queries"): lambda p, value, start: p[:, slice(*value)].sum(1).mean(),
    ("needle_mass", "summed over all queries"): lambda p, value, start: p[:, slice(*value)].sum(),
    ("needle_mass", "as in a slice"): lambda p, value, start: sum(
        p[start - 1, key] for key in range(value[0], value[1] + 1)
    ),
    ("needle_mass", "mean over the span"): lambda p, value, start: p[start - 1, slice(*value)].mean(),
    ("needle_mass", "largest weight"): lambda p, value, start: max(p[start - 1, slice(*value)].tolist()),
    ("needle_mass", "attention that the question receives"): lambda p, value, start: p.T[
        start - 1, slice(*value)
    ].sum(),
    ("most_looking", "Off by one"): lambda p, value, start: looker(p, value, start),
    ("most_looking", "from the end of the text"): lambda p, value, start: looker(p, value, -1),
    ("most_looking", "Averaged over all queries"): lambda p, value, start: looker(
        p.mean(2, keepdim=True), value, 0
    ),
    ("most_looking", "are swapped"): lambda p, value, start: looker_by_loops(p, value, start)[::-1],
    ("most_looking", "one number for layer and head"): lambda p, value, start: (
        p[:, :, start - 1, slice(*value)].sum(-1).argmax()
    ),
    ("mass_alone", "Keys after the query"): lambda term, value, query: term.softmax(1)[
        query, slice(*value)
    ].sum(),
    ("mass_alone", "does not see itself"): lambda term, value, query: (
        term[query, :query].softmax(0)[slice(*value)].sum()
    ),
    ("mass_alone", "These are scores"): lambda term, value, query: term[query, slice(*value)].sum(),
    ("mass_alone", "span alone"): lambda term, value, query: term[query, slice(*value)].softmax(0).sum(),
    ("mass_alone", "not yet divided"): lambda term, value, query: np.exp(
        term.numpy()[query, slice(*value)]
    ).sum(),
    ("moved_by_importance", "sign is turned"): lambda c, i, value, query: (
        alone(c, value, query) - alone(c + i, value, query)
    ),
    ("moved_by_importance", "importance alone would look at"): lambda c, i, value, query: alone(
        i, value, query
    ),
    ("moved_by_importance", "compares each term alone"): lambda c, i, value, query: (
        alone(i, value, query) - alone(c, value, query)
    ),
    ("moved_by_importance", "what content adds"): lambda c, i, value, query: (
        alone(c + i, value, query) - alone(i, value, query)
    ),
    ("moved_by_importance", "under the whole score"): lambda c, i, value, query: alone(c + i, value, query),
    ("moved_by_importance", "in nats"): lambda c, i, value, query: i[query, slice(*value)].sum(),
    ("without_importance", "takes the content away"): of_score("content"),
    ("without_importance", "This changes head"): of_score("head"),
    ("without_importance", "All heads of the layer"): lambda layer, head: Intervention(
        "importance", layers=[layer]
    ),
    ("without_importance", "Every layer loses"): lambda layer, head: Intervention("importance", heads=[head]),
    ("without_importance", "swapped"): lambda layer, head: Intervention(
        "importance", layers=[head], heads=[layer]
    ),
    ("without_importance", "a control of its own"): lambda layer, head: Intervention(
        "importance", "mean", [layer], [head]
    ),
    ("without_importance", "it changes importance of"): lambda layer, head: Intervention(
        "importance", layers=[layer], heads=[head + 1]
    ),
    ("without_importance", "wanted: an Intervention"): lambda layer, head: ("importance", layer, head),
    ("without_importance", "Only a part"): lambda layer, head: Intervention(
        "importance", layers=[layer], heads=[head], queries=[0]
    ),
    ("nats_lost", "sign is turned"): lambda before, after: after.log().sum(1) - before.log().sum(1),
    ("nats_lost", "bits"): lambda before, after: np.log2(before.numpy() / after.numpy()).sum(1),
    ("nats_lost", "base 10"): lambda before, after: (before / after).log10().sum(1),
    ("nats_lost", "mean over the tokens"): lambda before, after: (before / after).log().mean(1),
    ("nats_lost", "difference of probabilities"): lambda before, after: before.prod(1) - after.prod(1),
    ("nats_lost", "difference of mean probabilities"): lambda before, after: (before - after).mean(1),
    ("nats_lost", "before the logarithm"): lambda before, after: before.mean(1).log() - after.mean(1).log(),
    ("nats_lost", "−log p after the change"): lambda before, after: -after.log().sum(1),
    ("nats_lost", "mean over episodes"): lambda before, after: (before / after).log().sum() / len(before),
    ("nats_lost", "Every token stands for itself"): lambda before, after: before.log() - after.log(),
    ("control_heads", "contain the head itself"): lambda head, n_heads, n, seed: random.Random(seed).sample(
        range(n_heads), n
    ),
    ("control_heads", "more than once"): lambda head, n_heads, n, seed: random.Random(seed).choices(
        [each for each in range(n_heads) if each != head], k=n
    ),
    ("control_heads", "has not got"): lambda head, n_heads, n, seed: [each + n_heads for each in range(n)],
    ("control_heads", "draws 1 heads where"): lambda head, n_heads, n, seed: [(head + 1) % n_heads],
    ("control_heads", "Every seed gives the same"): lambda head, n_heads, n, seed: [
        (head + at) % n_heads for at in range(1, n + 1)
    ],
    ("control_heads", "one seed give different"): lambda head, n_heads, n, seed: drawn(
        head, n_heads, n, None
    ),
    ("control_heads", "wanted: a list of"): lambda head, n_heads, n, seed: None,
    ("excess", "no control in this"): lambda lost, controls: student(lost),
    ("excess", "sign is turned"): lambda lost, controls: student(controls.mean(0) - lost),
    ("excess", "some of which are hard"): lambda lost, controls: two_samples(lost, controls.mean(0)),
    ("excess", "that the episodes are the same"): lambda lost, controls: two_samples(
        lost, controls.mean(0), equal_var=False
    ),
    ("excess", "count as episodes of their own"): two_samples,
    ("excess", "interval is too narrow"): lambda lost, controls: student((lost[None] - controls).flatten()),
    ("excess", "taken away as one number"): loss_with_its_own_interval,
    ("excess", "Only the first control"): lambda lost, controls: student(lost - controls[0]),
    ("excess", "1.96"): lambda lost, controls: student(lost - controls.mean(0), factor=1.959964),
    ("excess", "worst control"): lambda lost, controls: student(lost - controls.max(0).values),
}


@pytest.mark.parametrize(("name", "says"), WRONG)
def test_mistakes_are_named(name, says):
    with pytest.raises(NotYet) as told:
        check(named(name, WRONG[name, says]))
    assert says in str(told.value)


def test_a_change_with_the_library_s_interval_passes():
    def excess(lost, controls):
        found = mean_interval((lost - controls.mean(0)).tolist())
        return found.value, found.low, found.high

    assert check(excess) is excess
