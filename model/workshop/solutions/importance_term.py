"""Solutions of the part importance_term."""
