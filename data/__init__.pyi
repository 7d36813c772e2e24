from . import measured, published
from .batches import TrainingBatches
from .niah.episodes import Episodes
from .niah.scoring import score, summarise
from .niah.task import NIAHTask
from .results.intervals import wilson
from .text.build import build_corpus, open_corpus, topics_corpus
from .text.corpus import TokenCorpus
from .text.labels import token_labels
from .text.overlap import heldout_overlap
from .text.sources import documents
from .text.tokenizer import load_tokenizer, train_tokenizer

__all__ = [
    "Episodes",
    "NIAHTask",
    "TokenCorpus",
    "TrainingBatches",
    "build_corpus",
    "documents",
    "heldout_overlap",
    "load_tokenizer",
    "measured",
    "open_corpus",
    "published",
    "score",
    "summarise",
    "token_labels",
    "topics_corpus",
    "train_tokenizer",
    "wilson",
]
