"""Attention and state space together: by layer (Jamba style) and by head (Hymba style)."""
