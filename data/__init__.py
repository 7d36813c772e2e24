"""Needle episodes, corpora, tokenizer, published and measured figures; loads numpy, never torch.

Every name loads its file on first use, so that ``import data`` is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

_HOMES = {
    "NIAHTask": "niah.task",
    "Episodes": "niah.episodes",
    "score": "niah.scoring",
    "summarise": "niah.scoring",
    "wilson": "results.intervals",
    "TokenCorpus": "text.corpus",
    "build_corpus": "text.build",
    "topics_corpus": "text.build",
    "documents": "text.sources",
    "train_tokenizer": "text.tokenizer",
    "load_tokenizer": "text.tokenizer",
    "token_labels": "text.labels",
    "TrainingBatches": "batches",
}
__all__ = [
    "Episodes",
    "NIAHTask",
    "TokenCorpus",
    "TrainingBatches",
    "build_corpus",
    "documents",
    "load_tokenizer",
    "measured",
    "published",
    "score",
    "summarise",
    "token_labels",
    "topics_corpus",
    "train_tokenizer",
    "wilson",
]

if TYPE_CHECKING:
    from data import measured as measured
    from data import published as published
    from data.batches import TrainingBatches as TrainingBatches
    from data.niah.episodes import Episodes as Episodes
    from data.niah.scoring import score as score
    from data.niah.scoring import summarise as summarise
    from data.niah.task import NIAHTask as NIAHTask
    from data.results.intervals import wilson as wilson
    from data.text.build import build_corpus as build_corpus
    from data.text.build import topics_corpus as topics_corpus
    from data.text.corpus import TokenCorpus as TokenCorpus
    from data.text.labels import token_labels as token_labels
    from data.text.sources import documents as documents
    from data.text.tokenizer import load_tokenizer as load_tokenizer
    from data.text.tokenizer import train_tokenizer as train_tokenizer


def __getattr__(name: str):
    if name in ("published", "measured"):
        return import_module(f"data.{name}")
    if name not in _HOMES:
        raise AttributeError(f"data has no {name!r}; it has {', '.join(sorted(__all__))}")
    return getattr(import_module(f"data.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
