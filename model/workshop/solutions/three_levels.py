"""Solutions of the part three_levels."""
