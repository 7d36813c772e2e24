"""Lessons: what a reader of an offline page turns by hand, and texts with questions around it."""

from sisa_viz.lessons.lesson import Lesson, decay_rotation, fusion_levels, score_dial
from sisa_viz.lessons.seeds import seed_curves
from sisa_viz.lessons.text import lesson_sections

__all__ = ["Lesson", "decay_rotation", "fusion_levels", "lesson_sections", "score_dial", "seed_curves"]
