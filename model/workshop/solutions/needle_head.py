"""Solutions of the part needle_head."""
