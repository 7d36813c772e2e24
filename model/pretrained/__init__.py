"""Shipped checkpoints and how they were trained."""
