"""The check that a notebook of the workshop calls on what a learner wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import torch

from data.refusal import one_of, refusal
from model.workshop.exercise import Attempt, Exercise

PARTS = ("score_by_hand", "importance_term", "three_levels", "needle_head")


class NotYet(AssertionError):
    """Tell a learner what is wrong; a notebook shows these words without the lines of the library."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython prints in the place of a traceback."""
        return [str(self)]


class Checks:
    """Check the exercises of one part; a function that passes is returned, so that later cells can use it.

    Args:
        part: one of `PARTS`.
        solutions: answer what is still open from the file of solutions, as a headless run needs it, or a
            learner who came late. What somebody has written is checked all the same.
        seed: of the arguments that are drawn; by default other ones at every call.

    Raises:
        ValueError: there is no such part.

    Example:
        >>> import math
        >>> check = Checks("score_by_hand")
        >>> def content_score(q, k):
        ...     return q @ k / math.sqrt(len(q))
        >>> content_score = check(content_score)
        ✓ content_score
        >>> def content_score(q, k):
        ...     return q @ k
        >>> content_score = check(content_score)
        Traceback (most recent call last):
        model.workshop.checking.NotYet: ✗ content_score: The scale 1/√d_head is missing: ...
    """

    def __init__(self, part: str, *, solutions: bool = False, seed: int | None = None) -> None:
        one_of("part", part, PARTS)
        one_of("solutions", solutions, (True, False))
        self.part, self.solutions = part, solutions
        self.exercises = exercises(part)
        self._generator = torch.Generator()
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)

    def __call__(self, attempt: Attempt) -> Attempt:
        """Return the attempt if it passes, or the solution if it is open and solutions are asked for.

        Raises:
            NotYet: it is open or wrong; says why.
            ValueError: no exercise of this part has the function's name.
        """
        name = getattr(attempt, "__name__", repr(attempt))
        if name not in self.exercises:
            step = "The function's name says which exercise is checked: keep the one that the notebook gives."
            raise refusal("function", name, legal=", ".join(self.exercises), step=step)
        with _told_of(name):
            try:
                fault = self.exercises[name].fault(attempt, self._generator)
            except NotImplementedError:
                if self.solutions:
                    print(f"○ {name}: the solution is used")
                    return solution(self.part, name)
                fault = "It is still open. Replace `raise NotImplementedError` with your own lines."
        if fault is not None:
            raise NotYet(f"✗ {name}: {fault}")
        print(f"✓ {name}")
        return attempt


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Say that an error came from the learner's function, and which one."""
    try:
        yield
    except Exception as error:
        kind = type(error).__name__
        raise NotYet(f"✗ {name}: It stopped with {kind}: {error}") from error


def exercises(part: str) -> dict[str, Exercise]:
    """Return the exercises of a part by name, in the order of its notebook.

    Args:
        part: one of `PARTS`.

    Example:
        >>> list(exercises("score_by_hand"))[0]
        'content_score'
    """
    return {exercise.name: exercise for exercise in import_module(f"model.workshop.checks.{part}").EXERCISES}


def solution(part: str, name: str) -> Attempt:
    """Return the solution of an exercise: a function whose source a learner can read.

    Args:
        part: one of `PARTS`.
        name: of the exercise.

    Example:
        >>> import torch
        >>> float(solution("score_by_hand", "content_score")(torch.ones(4), torch.ones(4)))
        2.0
    """
    return getattr(import_module(f"model.workshop.solutions.{part}"), name)
