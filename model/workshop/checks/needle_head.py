"""Exercises of the part needle_head."""

from model.workshop.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
