"""What of a class the reference leaves out: fields of named tuples, which say nothing of themselves."""

from sphinx.application import Sphinx

ALIAS = "Alias for field number"  # what Python writes about each


def leave_out(app: Sphinx, what: str, name: str, found: object, skip: bool, options: object) -> bool | None:
    """Say that such a field is left out, and nothing about all others."""
    return True if str(getattr(found, "__doc__", "")).startswith(ALIAS) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.connect("autodoc-skip-member", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
