"""Statistics on tidy tables of runs: variants, intervals, claims; no torch."""
