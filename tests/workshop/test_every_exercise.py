"""Every exercise of every part: its mistakes have numbers of their own, and an open one is told so."""

import pytest
from mistakes import assert_mistakes_differ, open_attempt

from model.workshop import Checks, NotYet
from model.workshop.checking import PARTS, exercises
from model.workshop.exercise import Computed

EXERCISES = [(part, name) for part in PARTS for name in exercises(part)]
COMPUTED = [(part, name) for part, name in EXERCISES if isinstance(exercises(part)[name], Computed)]


@pytest.mark.parametrize(("part", "name"), COMPUTED)
def test_no_right_answer_is_told_a_mistake_and_no_two_mistakes_are_alike(part, name):
    assert_mistakes_differ(part, name)


@pytest.mark.parametrize(("part", "name"), EXERCISES)
def test_an_open_exercise_is_told_so(part, name):
    with pytest.raises(NotYet, match="still open"):
        Checks(part)(open_attempt(name))
