"""The workshop: checks that name a mistake, solutions, and what its notebooks call."""

from model.workshop.checking import Checks, NotYet

__all__ = ["Checks", "NotYet"]
