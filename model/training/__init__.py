"""Train one model: recipe, batches, loop and the folder of a run."""
