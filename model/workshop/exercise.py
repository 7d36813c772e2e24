"""Exercises of the workshop: what a learner's function must return, and the mistakes that have a name.

A check that answers "wrong" teaches little. Here each exercise lists what common mistakes would compute, so
that a learner reads which one it was. Arguments are drawn anew at every call: no number that a check prints
can be returned to pass it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from data.refusal import brief

Attempt = Callable[..., object]
Judge = Callable[[Attempt, torch.Generator], str | None]
DRAWS = 3  # sets of arguments that every attempt is tried on
TOLERANCE = 1e-5  # of the largest entry


@dataclass(frozen=True)
class Mistake:
    """Name a known way to get an exercise wrong.

    Args:
        says: what the learner reads, one or two sentences: what the attempt does, and what is asked for.
        gives: computes, from the exercise's arguments, what the mistake returns.
    """

    says: str
    gives: Attempt


@dataclass(frozen=True, kw_only=True)
class Computed:
    """Hold an exercise whose answer is one or several arrays, computed from its arguments.

    Args:
        name: of the function that the learner writes.
        results: axes of every result by its name, such as {"score": ("query", "key")}.
        arguments: draws one set of arguments.
        expected: computes the right answer, by another way than the solution that learners can read.
        mistakes: what has a name; the first one whose numbers are the attempt's is told.

    Example:
        >>> import torch
        >>> half = Computed(
        ...     name="half",
        ...     results={"half": ("token",)},
        ...     arguments=lambda generator: (torch.randn(3, generator=generator, dtype=torch.float64),),
        ...     expected=lambda x: x / 2,
        ...     mistakes=[Mistake("You doubled.", lambda x: 2 * x)],
        ... )
        >>> half.fault(lambda x: x * 0.5, torch.Generator())
        >>> half.fault(lambda x: x + x, torch.Generator())
        'You doubled.'
    """

    name: str
    results: Mapping[str, tuple[str, ...]]
    arguments: Callable[[torch.Generator], tuple[object, ...]]
    expected: Attempt
    mistakes: Sequence[Mistake] = field(default_factory=tuple)

    def fault(self, attempt: Attempt, generator: torch.Generator) -> str | None:
        """Return what is wrong with an attempt, None where nothing is; what it raises is passed on."""
        draws = [self.arguments(generator) for _ in range(DRAWS)]
        given = []
        for draw in draws:
            passed = [copied(argument) for argument in draw]
            result = attempt(*passed)
            if any(changed(before, after) for before, after in zip(draw, passed, strict=True)):
                return "It changes an argument in place. Make a new array instead: x = x / 2, not x /= 2."
            if not is_numbers(result):
                return f"It returns {brief(result)}; wanted: {self._asked()}."
            given.append(self._arrays(result))
        wanted = [self._arrays(self.expected(*draw)) for draw in draws]
        if all(alike(ours, theirs) for ours, theirs in zip(given, wanted, strict=True)):
            return None
        for mistake in self.mistakes:
            if all(
                alike(ours, self._arrays(mistake.gives(*draw)), nan_too=True)
                for ours, draw in zip(given, draws, strict=True)
            ):
                return mistake.says
        return next(
            self._difference(ours, theirs)
            for ours, theirs in zip(given, wanted, strict=True)
            if not alike(ours, theirs)
        )

    def _asked(self) -> str:
        """Name the results that are asked for: "q_hat and k_hat, in this order"."""
        return " and ".join(self.results) + (", in this order" if len(self.results) > 1 else "")

    def _arrays(self, result: object) -> list[torch.Tensor]:
        """Return the results of one call as arrays in float64, in the order of `results`."""
        several = list(result) if isinstance(result, tuple) else [result]
        return [torch.as_tensor(array).detach().double() for array in several]

    def _difference(self, ours: list[torch.Tensor], wanted: list[torch.Tensor]) -> str:
        """Say in what the results of one call differ from what is wanted."""
        if len(ours) != len(wanted):
            return f"It returns {len(ours)} results; wanted: {len(wanted)}, {self._asked()}."
        triples = zip(self.results.items(), ours, wanted, strict=True)
        return next(
            difference(name, axes, array, right)
            for (name, axes), array, right in triples
            if not alike([array], [right])
        )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Hold an exercise whose attempts are judged by what they do rather than by one right array.

    Args:
        name: of the function that the learner writes.
        judge: calls the attempt; returns what is wrong with it, None where nothing is.

    Example:
        >>> import torch
        >>> def judge(attempt, generator):
        ...     return None if attempt([0.1]) == "undecided" else "One seed decides nothing."
        >>> Judged(name="verdict", judge=judge).fault(lambda differences: "sooner", torch.Generator())
        'One seed decides nothing.'
    """

    name: str
    judge: Judge

    def fault(self, attempt: Attempt, generator: torch.Generator) -> str | None:
        """Return what is wrong with an attempt, None where nothing is; what it raises is passed on."""
        return self.judge(attempt, generator)


Exercise = Computed | Judged


def alike(ours: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor], *, nan_too: bool = False) -> bool:
    """Return whether arrays agree one by one: in shape, in where they are infinite, and to 1e-5.

    Args:
        ours: arrays of any shapes, in float64.
        wanted: arrays to compare them with; no entry counts as equal to NaN.
        nan_too: let NaN equal NaN, to recognise a mistake that makes some.

    Example:
        >>> import torch
        >>> alike([torch.ones(2)], [torch.ones(2) + 1e-7]), alike([torch.ones(2)], [torch.ones(1, 2)])
        (True, False)
    """
    if len(ours) != len(wanted):
        return False
    return all(_one_alike(array, right, nan_too) for array, right in zip(ours, wanted, strict=True))


def _one_alike(array: torch.Tensor, right: torch.Tensor, nan_too: bool) -> bool:
    if array.shape != right.shape:
        return False
    finite = right[right.isfinite()].abs()
    largest = finite.max().item() if finite.numel() else 0.0
    return torch.allclose(array, right, rtol=0.0, atol=TOLERANCE * max(largest, 1e-3), equal_nan=nan_too)


def is_numbers(result: object) -> bool:
    """Return whether a result is a number, an array of numbers, or a tuple of such.

    Args:
        result: what an attempt returned; None where its `return` is missing.

    Example:
        >>> is_numbers(0.5), is_numbers((0.5, [1, 2])), is_numbers(None), is_numbers("0.5")
        (True, True, False, False)
    """
    try:
        for array in result if isinstance(result, tuple) else (result,):
            torch.as_tensor(array).double()
    except (TypeError, ValueError, RuntimeError):
        return False
    return True


def copied(argument: object) -> object:
    """Return a copy of an array, and anything else as it is.

    Args:
        argument: of an attempt, which may change arrays in place.

    Example:
        >>> copied(3)
        3
    """
    return argument.clone() if isinstance(argument, torch.Tensor) else argument


def changed(before: object, after: object) -> bool:
    """Return whether an argument is another one after the call, entry by entry.

    Args:
        before: the argument as it was drawn.
        after: the copy that an attempt was given.

    Example:
        >>> import torch
        >>> x = torch.ones(2)
        >>> changed(x, x.clone().mul_(2)), changed(x, x.clone())
        (True, False)
    """
    tensors = isinstance(before, torch.Tensor) and isinstance(after, torch.Tensor)
    return tensors and not torch.equal(before, after)  # pyright: ignore[reportArgumentType]


def difference(name: str, axes: tuple[str, ...], array: torch.Tensor, right: torch.Tensor) -> str:
    """Say how an array differs from the right one: shape, swapped axes, NaN, or where it is furthest off.

    Args:
        name: of the result.
        axes: names of its axes, in order.
        array: what the attempt returned.
        right: what is wanted.

    Example:
        >>> import torch
        >>> difference("score", ("query", "key"), torch.zeros(2, 3), torch.zeros(2, 2))
        'score has shape (2, 3); wanted: (2, 2), axes (query, key).'
        >>> difference("score", ("query", "key"), torch.eye(2) * 2, torch.eye(2))
        'score is off by up to 1, at query 0, key 0: 2 in place of 1.'
    """
    if array.shape != right.shape:
        legend = f", axes ({', '.join(axes)})" if axes else ", one number"
        return f"{name} has shape {tuple(array.shape)}; wanted: {tuple(right.shape)}{legend}."
    if array.ndim == 2 and alike([array.mT], [right]):
        return f"The axes of {name} are swapped: rows must be {axes[0]}, columns {axes[1]}."
    if array.isnan().any():
        where = array.isnan().nonzero()[0].tolist()
        cause = "Was something divided by 0, or infinity subtracted from itself?"
        return f"{name} is not a number (NaN) at {_place(axes, where)}. {cause}"
    off = (array - right).nan_to_num(nan=0.0).abs().broadcast_to(right.shape)
    where = [int(i) for i in torch.unravel_index(off.argmax(), off.shape)]
    ours, theirs = array[tuple(where)].item(), right[tuple(where)].item()
    place = f", at {_place(axes, where)}" if axes else ""
    return f"{name} is off by up to {off.max().item():.3g}{place}: {ours:.4g} in place of {theirs:.4g}."


def _place(axes: tuple[str, ...], where: Sequence[int]) -> str:
    """Name an entry: "query 2, key 0"."""
    return ", ".join(f"{axis} {index}" for axis, index in zip(axes, where, strict=True)) or "its only entry"
