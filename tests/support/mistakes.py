"""Attempts at exercises of the course, and what must hold of the mistakes that have a name."""

import torch

from model.workshop.checking import exercises
from model.workshop.exercise import Attempt, Computed, alike

DRAWN = 20  # sets of arguments


def named(name: str, attempt: Attempt) -> Attempt:
    """The attempt under an exercise's name, as a notebook's `def` gives it."""

    def renamed(*arguments: object) -> object:
        return attempt(*arguments)

    renamed.__name__ = name
    return renamed


def open_attempt(name: str) -> Attempt:
    """An exercise as the notebook hands it out."""

    def attempt(*arguments: object) -> object:
        raise NotImplementedError

    return named(name, attempt)


def assert_mistakes_differ(part: str, name: str) -> None:
    """Fail where a mistake gives the right numbers, or those of another mistake, on a check's arguments."""
    exercise = exercises(part)[name]
    assert isinstance(exercise, Computed)
    generator = torch.Generator().manual_seed(0)
    for _ in range(DRAWN):
        arguments = exercise.arguments(generator)
        results = [exercise._arrays(exercise.expected(*arguments))]
        for mistake in exercise.mistakes:
            given = exercise._arrays(mistake.gives(*arguments))
            assert not any(alike(given, other, nan_too=True) for other in results), mistake.says
            results.append(given)
