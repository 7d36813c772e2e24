"""One training run: recipe, batches, loop, run folder."""
