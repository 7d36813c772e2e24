"""Needle episodes, corpora, tokenizer, published and measured figures; loads numpy, never torch.

Every name loads its file on first use, so that `import data` is light; `__init__.pyi` says which file.
"""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a public name on first use, or raise an AttributeError that lists the known names."""
    if name not in __all__:
        raise AttributeError(f"data has no {name!r}; it has {', '.join(__all__)}")
    return _load(name)
