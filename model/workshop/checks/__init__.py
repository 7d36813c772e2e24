"""One file a part of the workshop: its exercises, what they expect, and the mistakes that have a name."""
