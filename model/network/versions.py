"""Which software made a run, a trace or a checkpoint."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("sisa-lens", "torch", "transformer-lens", "lightning", "numpy", "tokenizers", "xarray")


def versions() -> dict[str, str]:
    """Python and the packages that decide numbers; "not installed" where one is missing."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
