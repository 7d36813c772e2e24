"""Needle-in-a-haystack episodes: tasks, builders, the paper's own protocol, scoring."""
