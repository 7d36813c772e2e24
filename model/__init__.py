"""SISA: attention with a content and an importance term in its score, every part in sight (2606.02332)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "SISAConfig": "model.config",
    "SISAModel": "model.network",
    "capture": "model.trace",
    "fit": "model.training",
    "save": "model.checkpoint",
    "load": "model.checkpoint",
    "with_rope": "model.extension",
    "import_paper_checkpoint": "model.paper",
}

__all__ = [
    "SISAConfig",
    "SISAModel",
    "capture",
    "fit",
    "import_paper_checkpoint",
    "load",
    "save",
    "with_rope",
]

if TYPE_CHECKING:
    from model.checkpoint import load as load
    from model.checkpoint import save as save
    from model.config import SISAConfig as SISAConfig
    from model.extension import with_rope as with_rope
    from model.network import SISAModel as SISAModel
    from model.paper import import_paper_checkpoint as import_paper_checkpoint
    from model.trace import capture as capture
    from model.training import fit as fit


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'model' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
