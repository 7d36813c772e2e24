"""The hooked network, its capture as a trace, and TransformerLens' view of it."""
