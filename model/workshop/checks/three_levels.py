"""Part 3, three levels of fusion: what each can express, when a run has learned, and who is ahead."""

from model.workshop.checks.levels_maps import MAPS
from model.workshop.checks.levels_seeds import SEEDS
from model.workshop.checks.levels_verdict import judge_verdict
from model.workshop.exercise import Exercise, Judged

EXERCISES: tuple[Exercise, ...] = (*MAPS, *SEEDS, Judged(name="verdict", judge=judge_verdict))
