"""Exercises of the part three_levels."""

from model.workshop.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
