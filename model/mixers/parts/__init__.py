"""What several mixers share: hooks, norms, position codes, running sums."""
