"""SISA: attention with a content and an importance term in its score, every part in sight (2606.02332).

The names below are imported when they are first used, for torch and TransformerLens take seconds: `import
model` alone loads neither. Where each name lives stands in `__init__.pyi`, which editors and type checkers
read as well.
"""

import lazy_loader as lazy

_attach, __dir__, __all__ = lazy.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Import a public name at its first use; an unknown one is answered with those there are."""
    if name in __all__:
        return _attach(name)
    raise AttributeError(f"module 'model' has no attribute {name!r}; it has {', '.join(__all__)}")
