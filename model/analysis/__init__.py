"""Measure what a trained model does: evaluations, the needle lens, ablations."""
