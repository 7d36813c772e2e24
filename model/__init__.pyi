from .config import SISAConfig
from .network.capture import capture
from .network.extension import with_anchor, with_rope
from .network.network import SISAModel
from .training.fit import fit
from .weights.checkpoint import load, save
from .weights.paper import import_paper_checkpoint
from .weights.published import load_published, published_names

__all__ = [
    "SISAConfig",
    "SISAModel",
    "capture",
    "fit",
    "import_paper_checkpoint",
    "load",
    "load_published",
    "published_names",
    "save",
    "with_anchor",
    "with_rope",
]
