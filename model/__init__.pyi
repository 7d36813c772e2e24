from .config import SISAConfig
from .network.capture import capture
from .network.extension import with_anchor, with_rope
from .network.network import SISAModel
from .training.fit import fit
from .weights.checkpoint import load, save
from .weights.paper import import_paper_checkpoint

__all__ = [
    "SISAConfig",
    "SISAModel",
    "capture",
    "fit",
    "import_paper_checkpoint",
    "load",
    "save",
    "with_anchor",
    "with_rope",
]
