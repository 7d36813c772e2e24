"""Exercises of the part importance_term."""

from model.workshop.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
