"""What the study says, in tables."""
