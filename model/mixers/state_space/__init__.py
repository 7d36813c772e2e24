"""Selective state spaces: Mamba-2 and Mamba-3."""
