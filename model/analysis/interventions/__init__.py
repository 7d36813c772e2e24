"""Interventions: where in a model, what of it, and how it is changed; and what that does to answers."""
