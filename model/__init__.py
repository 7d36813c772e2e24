"""SISA: attention with a content and an importance term in its score, every part in sight (2606.02332)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "SISAConfig": "model.config",
    "SISAModel": "model.network.network",
    "capture": "model.network.capture",
    "fit": "model.training.fit",
    "save": "model.weights.checkpoint",
    "load": "model.weights.checkpoint",
    "with_rope": "model.network.extension",
    "import_paper_checkpoint": "model.weights.paper",
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
    from model.config import SISAConfig as SISAConfig
    from model.network.capture import capture as capture
    from model.network.extension import with_rope as with_rope
    from model.network.network import SISAModel as SISAModel
    from model.training.fit import fit as fit
    from model.weights.checkpoint import load as load
    from model.weights.checkpoint import save as save
    from model.weights.paper import import_paper_checkpoint as import_paper_checkpoint


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'model' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
