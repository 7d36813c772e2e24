"""Exercises on what an answer needs: a change of one head, what it costs, and what it is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats

from data.refusal import brief
from data.results.estimate import t_quantile
from model.analysis.interventions.intervention import Intervention
from model.workshop.exercise import Attempt, Computed, Exercise, Judged, Mistake

Lost = Float[torch.Tensor, " episode"]
Controls = Float[torch.Tensor, "control episode"]
Ends = tuple[float, float, float]
SEEDS_TRIED = 6


def judge_change(attempt: Attempt, generator: torch.Generator) -> str | None:
    """Return what is wrong with a function that takes importance from one head, None where nothing is.

    Args:
        attempt: takes layer and head, returns an Intervention.
        generator: of the head.

    Example:
        >>> import torch
        >>> judge_change(lambda layer, head: Intervention("content", layers=[layer], heads=[head]),
        ...              torch.Generator())
        'This takes the content away. Asked is the importance.'
    """
    layer = int(torch.randint(0, 3, (), generator=generator))
    head = 3 + int(torch.randint(0, 5, (), generator=generator))  # never the layer's number
    change = attempt(layer, head)
    if not isinstance(change, Intervention):
        return f"It returns {brief(change)}; wanted: an Intervention."
    if change.what != "importance":
        asked = "Asked is the importance."
        if change.what == "content":
            return f"This takes the content away. {asked}"
        return f"This changes {change.what}, on which more than the score's second term rests. {asked}"
    return _wrong_place(change, layer, head)


def _wrong_place(change: Intervention, layer: int, head: int) -> str | None:
    """Return what is wrong with where and how a change of importance applies."""
    if change.heads is None:
        return "All heads of the layer lose their importance. Name the one: heads=[head]."
    if change.layers is None:
        return "Every layer loses that head's importance. Name the one: layers=[layer]."
    if (list(change.layers), list(change.heads)) == ([head], [layer]):
        return "Layer and head are swapped."
    if (list(change.layers), list(change.heads)) != ([layer], [head]):
        return f"Asked for L{layer}H{head}, it changes {change!r}."
    if change.how not in ("zero", "scale") or (change.how == "scale" and change.factor != 0):
        return f'Importance is replaced ("{change.how}"), a control of its own. Asked is none: "zero".'
    if change.queries is not None or change.keys is not None or change.channels is not None:
        return "Only a part of the importance goes. Leave queries, keys and channels out."
    return None


def judge_controls(attempt: Attempt, generator: torch.Generator) -> str | None:
    """Return what is wrong with a function that draws control heads, None where nothing is.

    Args:
        attempt: takes head, n_heads, n and seed, returns numbers of heads.
        generator: of the arguments.

    Example:
        >>> import torch
        >>> judge_controls(lambda head, n_heads, n, seed: list(range(n)), torch.Generator())
        'The controls contain the head itself: then its own effect is taken away from its effect.'
    """
    n_heads = 6 + int(torch.randint(0, 5, (), generator=generator))
    drawn = []
    for head in range(n_heads):
        seed = int(torch.randint(0, 1 << 30, (), generator=generator))
        calls = [attempt(head, n_heads, n, seed) for n in (n_heads - 1, 3, 3)]
        for n, heads in zip((n_heads - 1, 3), calls, strict=False):
            fault = _wrong_controls(heads, head=head, n_heads=n_heads, n=n)
            if fault is not None:
                return fault
        if _numbers(calls[1]) != _numbers(calls[2]):
            return "Two calls with one seed give different heads. Nobody could repeat that: use the seed."
        drawn.append(tuple(_numbers(calls[1])))
    seeds = [tuple(_numbers(attempt(0, n_heads, 3, seed))) for seed in range(SEEDS_TRIED)]
    if len(set(seeds)) == 1:
        return "Every seed gives the same heads. Draw them, so that the choice is not yours."
    return None


def _numbers(heads: object) -> list[int]:
    return [int(head) for head in cast(Sequence[int], heads)]


def _wrong_controls(heads: object, *, head: int, n_heads: int, n: int) -> str | None:
    """Return what is wrong with the control heads of one call."""
    try:
        numbers = _numbers(heads)
    except (TypeError, ValueError):
        return f"It returns {brief(heads)}; wanted: a list of {n} numbers of heads."
    if head in numbers:
        return "The controls contain the head itself: then its own effect is taken away from its effect."
    if max(Counter(numbers).values(), default=1) > 1:
        return "A head is drawn more than once, and counts that often. Draw without putting back."
    if not all(0 <= number < n_heads for number in numbers):
        return f"There is a head that the layer has not got: {numbers}; legal: 0 to {n_heads - 1}."
    if len(numbers) != n:
        return f"It draws {len(numbers)} heads where {n} are asked for."
    return None


def _draw_probabilities(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw probabilities of answers of three tokens, before and after, of four to seven episodes."""
    n = int(torch.randint(4, 8, (), generator=generator))
    drawn = 0.02 + 0.96 * torch.rand(2, n, 3, generator=generator, dtype=torch.float64)
    return drawn[0], drawn[1]


def _draw_losses(generator: torch.Generator) -> tuple[Lost, Controls]:
    """Draw what six to nine episodes lose: some are hard whatever is knocked out, as real ones are."""
    n = int(torch.randint(6, 10, (), generator=generator))
    hard = 3 * torch.rand(n, generator=generator, dtype=torch.float64)
    noise = torch.randn(4, n, generator=generator, dtype=torch.float64)
    return 2 + hard + 0.3 * noise[0], hard + 0.3 * noise[1:]


def _interval(numbers: object) -> Ends:
    """Return mean and interval by scipy's t distribution."""
    values = np.asarray(numbers, dtype=float).ravel()
    low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    return float(values.mean()), float(low), float(high)


def _unpaired(lost: np.ndarray, controls: np.ndarray, *, equal: bool) -> Ends:
    """Return the difference of means with an interval that forgets which episodes are the same."""
    test = stats.ttest_ind(lost, controls.ravel(), equal_var=equal)
    ends = test.confidence_interval(0.95)  # pyright: ignore[reportAttributeAccessIssue]
    return float(lost.mean() - controls.mean()), float(ends.low), float(ends.high)


def _shifted(lost: Lost, controls: Controls) -> Ends:
    """Return the loss less the mean control, with the interval of the loss alone."""
    mean, low, high = _interval(lost)
    off = float(controls.mean())
    return mean - off, low - off, high - off


def _normal(lost: Lost, controls: Controls) -> Ends:
    mean, low, _ = _interval(lost - controls.mean(0))
    half = (mean - low) / t_quantile(len(lost) - 1) * 1.959964
    return mean, mean - half, mean + half


BREAKING: tuple[Exercise, ...] = (
    Judged(name="without_importance", judge=judge_change),
    Computed(
        name="nats_lost",
        results={"lost": ("episode",)},
        arguments=_draw_probabilities,
        expected=lambda before, after: torch.log(before.prod(1) / after.prod(1)),
        mistakes=(
            Mistake(
                "The sign is turned round: an answer that became less likely has lost nats, so above 0.",
                lambda before, after: torch.log(after.prod(1) / before.prod(1)),
            ),
            Mistake(
                "These are bits, logarithms to the base 2. One nat is 1.44 bits: use the natural logarithm.",
                lambda before, after: torch.log2(before.prod(1) / after.prod(1)),
            ),
            Mistake(
                "These are logarithms to the base 10. Nats are natural logarithms.",
                lambda before, after: torch.log10(before.prod(1) / after.prod(1)),
            ),
            Mistake(
                "This is the mean over the tokens of an answer. The whole answer is asked: probabilities "
                "multiply, so nats add up.",
                lambda before, after: torch.log(before.prod(1) / after.prod(1)) / before.shape[1],
            ),
            Mistake(
                "This is the difference of probabilities. From 1 % to 0.01 % it is tiny; nats tell.",
                lambda before, after: before.prod(1) - after.prod(1),
            ),
            Mistake(
                "This is the difference of mean probabilities. Take −log p of the whole answer.",
                lambda before, after: before.mean(1) - after.mean(1),
            ),
            Mistake(
                "The mean over tokens is taken before the logarithm. Logarithms of tokens add up.",
                lambda before, after: torch.log(before.mean(1) / after.mean(1)),
            ),
            Mistake(
                "This is −log p after the change. What the unchanged model had is still to be taken away.",
                lambda before, after: -torch.log(after.prod(1)),
            ),
            Mistake(
                "This is the mean over episodes. Keep them apart: the interval needs each.",
                lambda before, after: torch.log(before.prod(1) / after.prod(1)).mean(),
            ),
            Mistake(
                "Every token stands for itself here. Add up the tokens of an answer, a number an episode.",
                lambda before, after: torch.log(before / after),
            ),
        ),
    ),
    Judged(name="control_heads", judge=judge_controls),
    Computed(
        name="excess",
        results={"mean": (), "low": (), "high": ()},
        arguments=_draw_losses,
        expected=lambda lost, controls: _interval(lost - controls.mean(0)),
        mistakes=(
            Mistake(
                "There is no control in this: any damage costs something. Take away what the controls cost.",
                lambda lost, controls: _interval(lost),
            ),
            Mistake(
                "The sign is turned round: above 0 should mean that the head costs more than its controls.",
                lambda lost, controls: _interval(controls.mean(0) - lost),
            ),
            Mistake(
                "Unpaired: it forgets that both were measured on the same episodes, some of which are hard "
                "whatever is knocked out. Subtract episode by episode.",
                lambda lost, controls: _unpaired(lost.numpy(), controls.mean(0).numpy(), equal=True),
            ),
            Mistake(
                "Unpaired: it forgets that the episodes are the same. Subtract episode by episode.",
                lambda lost, controls: _unpaired(lost.numpy(), controls.mean(0).numpy(), equal=False),
            ),
            Mistake(
                "Unpaired, and controls count as episodes of their own. Take their mean in each "
                "episode, then subtract.",
                lambda lost, controls: _unpaired(lost.numpy(), controls.numpy(), equal=True),
            ),
            Mistake(
                "Every control counts as an episode of its own, so the interval is too narrow. "
                "Take the mean over controls first.",
                lambda lost, controls: _interval(lost - controls),
            ),
            Mistake(
                "The controls are taken away as one number, which leaves how hard an episode is in the "
                "interval. Subtract episode by episode.",
                _shifted,
            ),
            Mistake(
                "Only the first control is used. Take the mean over all of them.",
                lambda lost, controls: _interval(lost - controls[0]),
            ),
            Mistake(
                "The factor 1.96 belongs to a known spread. Few episodes only estimate it: Student's t.",
                _normal,
            ),
            Mistake(
                "This compares with the worst control of each episode. Take their mean.",
                lambda lost, controls: _interval(lost - controls.amax(0)),
            ),
        ),
    ),
)
