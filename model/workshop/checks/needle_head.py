"""Part 4, find and break the needle head: who looks, by which term, and what the answer needs."""

from model.workshop.checks.needle_breaking import BREAKING
from model.workshop.checks.needle_looking import LOOKING
from model.workshop.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = (*LOOKING, *BREAKING)
