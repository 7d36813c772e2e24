"""Say which software made a run, a trace or a checkpoint."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

RECORDED_PACKAGES = ("sisa-lens", "torch", "transformer-lens", "lightning", "numpy", "tokenizers", "xarray")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide numbers.

    They are stored beside every run, trace and checkpoint, so that a number that comes out differently can be
    traced to what changed.

    Returns:
        Versions by name; "not installed" where a package is missing.

    Example:
        >>> list(versions())[:3]
        ['python', 'sisa-lens', 'torch']
    """
    return {"python": platform.python_version()} | {name: _version(name) for name in RECORDED_PACKAGES}


def _version(name: str) -> str:
    """Return the version of one package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
