"""What a check says: of right, wrong, open and broken attempts, and of names that no exercise has."""

import math

import numpy as np
import pytest
import torch

from model.workshop import Checks, NotYet
from model.workshop.checking import PARTS, solution
from model.workshop.exercise import DRAWS, difference

check = Checks("score_by_hand")


def named(function, name="content_score"):
    function.__name__ = name
    return function


def test_what_passes_is_returned_and_said(capsys):
    mine = named(lambda q, k: (q * k).sum() / len(q) ** 0.5)
    assert check(mine) is mine
    assert capsys.readouterr().out == "✓ content_score\n"


RIGHT = (
    lambda q, k: float(sum(x * y for x, y in zip(q, k, strict=True))) / math.sqrt(len(q)),
    lambda q, k: np.dot(q.numpy(), k.numpy()) / np.sqrt(q.shape[0]),
    lambda q, k: torch.dot(q / len(q) ** 0.25, k / len(k) ** 0.25),
)


@pytest.mark.parametrize("right", RIGHT)
def test_any_way_to_the_right_number_passes(right):
    check(named(right))


WRONG = {
    "scale 1/√d_head is missing": lambda q, k: q @ k,
    "changes an argument in place": lambda q, k: q.div_(len(q) ** 0.5) @ k,
    "returns None; wanted: score": lambda q, k: None,
    "returns 2 results; wanted: 1, score": lambda q, k: (q, k),
    r"score has shape \(3,\); wanted: \(\), one number": lambda q, k: torch.zeros(3),
    "not a number .NaN. at its only entry": lambda q, k: math.nan,
    "off by up to": lambda q, k: 0.9 * q @ k / len(q) ** 0.5,
    "stopped with ZeroDivisionError: division by zero": lambda q, k: 1 / 0,
    "still open": lambda q, k: (_ for _ in ()).throw(NotImplementedError),
}


@pytest.mark.parametrize("says", WRONG)
def test_what_does_not_pass_is_told_why(says):
    with pytest.raises(NotYet, match=says) as error:
        check(named(WRONG[says]))
    assert error.value._render_traceback_() == [str(error.value)]


def test_swapped_axes_are_named():
    right = torch.arange(4.0).view(2, 2)
    assert "swapped: rows must be query, columns key" in difference("s", ("query", "key"), right.mT, right)


def open_exercise(q, k):
    raise NotImplementedError


def test_solutions_answer_what_is_open_but_not_what_is_wrong(capsys):
    late = Checks("score_by_hand", solutions=True)
    assert late(named(open_exercise)) is solution("score_by_hand", "content_score")
    assert "the solution is used" in capsys.readouterr().out
    with pytest.raises(NotYet, match="scale"):
        late(named(WRONG["scale 1/√d_head is missing"]))


def test_a_name_without_an_exercise_is_refused():
    with pytest.raises(ValueError, match="function is 'content'; legal: content_score"):
        check(named(lambda q, k: q @ k, "content"))
    with pytest.raises(ValueError, match="part is 'five'; legal: 'score_by_hand'"):
        Checks("five")


def test_arguments_are_drawn_anew_so_that_a_printed_number_passes_no_second_time():
    queries = []
    check(named(lambda q, k: (queries.append(q[:4].clone()), q @ k / len(q) ** 0.5)[1]))
    check(named(lambda q, k: (queries.append(q[:4].clone()), q @ k / len(q) ** 0.5)[1]))
    assert len({tuple(q.tolist()) for q in queries}) == 2 * DRAWS


@pytest.mark.parametrize("part", PARTS)
def test_every_solution_passes_its_check(part):
    checks = Checks(part)
    for name in checks.exercises:
        checks(solution(part, name))
