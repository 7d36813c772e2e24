"""Needles beyond the training context: exact match by length and depth, for each way to stretch RoPE."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from data import Episodes, NIAHTask, TokenCorpus, summarise
from data.refusal import refusal
from model.analysis.evaluation import evaluate
from model.config import Rope
from model.network.extension import with_rope
from model.network.network import SISAModel
from model.study.runs import VALUE_LENGTH

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
# How many times the training context each code is made for; dynamic NTK follows the input's length instead.
STRETCH: dict[Rope, float] = {"pi": 4.0, "ntk": 4.0, "dynamic_ntk": 1.0, "yarn": 4.0}
EPISODE_SEED = 2_000_003  # far from the seed of any training or evaluation


def length_grid(
    model: SISAModel,
    corpus: TokenCorpus,
    *,
    n_episodes: int = 40,
    lengths: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return how many needles a model finds, one row a position code, context length and depth.

    A model with RoPE is measured as it is and under each way to stretch RoPE; one without has one code.

    Args:
        model: with the tokenizer that it was trained with.
        corpus: its held-out part is the filler; its tokenizer is the model's own.
        n_episodes: of a cell; every position code sees the same ones.
        lengths: in tokens; by default a quarter of the training context to four times it, doubling.

    Returns:
        rope, context_length, depth, then what `data.summarise` counts: successes, n, rate, low, high, nll.

    Raises:
        ValueError: the model has another tokenizer than corpus, or none.

    Example:
        >>> from model import SISAConfig, load
        >>> corpus = TokenCorpus.from_documents(["one text", "another"], tokenizer=load("niah").tokenizer)
        >>> length_grid(SISAModel(SISAConfig.preset("tiny")), corpus)
        Traceback (most recent call last):
        ValueError: corpus is ...; legal: a corpus of the tokenizer inside the model. Name the corpus ...
    """
    if model.tokenizer is None or model.tokenizer.to_str() != corpus.tokenizer_json:
        step = "Name the corpus that the model was trained on."
        raise refusal("corpus", corpus, legal="a corpus of the tokenizer inside the model", step=step)
    models = {model.config.rope: model}
    if model.config.rope == "rope":
        models |= {rope: with_rope(model, rope, factor) for rope, factor in STRETCH.items()}
    tables = []
    for length in lengths or [model.config.n_ctx * 2**i // 4 for i in range(5)]:
        episodes = _episodes(corpus, length=length, n_episodes=n_episodes)
        for rope, stretched in models.items():
            cells = summarise(evaluate(stretched, episodes), by=("context_length", "requested_depth"))
            tables.append(cells.assign(rope=rope))
    return pd.concat(tables, ignore_index=True).rename(columns={"requested_depth": "depth"})


def _episodes(corpus: TokenCorpus, *, length: int, n_episodes: int) -> Episodes:
    """Held-out episodes of one length, n_episodes of every depth."""
    task = NIAHTask(
        filler="corpus",
        corpus=corpus,
        split="heldout",
        lengths=(length,),
        depths=DEPTHS,
        value_length=VALUE_LENGTH,
    )
    return task.build(EPISODE_SEED, n_episodes=n_episodes * len(DEPTHS))
