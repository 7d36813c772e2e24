"""SISA: attention whose score has a content and an importance term (arXiv 2606.02332), with every part of it in sight."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "SISAConfig": "model.config",
    "SISAModel": "model.network",
    "capture": "model.trace",
    "fit": "model.training",
    "save": "model.checkpoint",
    "load": "model.checkpoint",
    "import_paper_checkpoint": "model.paper",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'model' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
