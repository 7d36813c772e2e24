"""Needles beyond the training context: exact match by length and depth, for each way to stretch RoPE."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from data import NIAHTask, TokenCorpus, summarise
from data.refusal import refusal
from model.analysis.evaluation import evaluate
from model.config import Rope
from model.network.extension import with_rope
from model.network.network import SISAModel
from model.study.runs import VALUE_LENGTH

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
STRETCH: dict[Rope, float] = {
    "pi": 4.0,
    "ntk": 4.0,
    "dynamic_ntk": 1.0,
    "yarn": 4.0,
}  # dynamic_ntk follows the input's length
SEED = 2_000_003  # far from any training or evaluation seed


def length_grid(
    model: SISAModel,
    corpus: TokenCorpus,
    *,
    n_episodes: int = 40,
    lengths: Sequence[int] | None = None,
) -> pd.DataFrame:
    """One row a position code, context length and depth, as `data.summarise` counts.

    Args:
        corpus: its held-out part is the filler; its tokenizer is the model's own.
        n_episodes: of a cell; every position code sees the same ones.
        lengths: in tokens; by default a quarter of the training context to four times it, doubling.

    Raises:
        ValueError: the model has another tokenizer than corpus, or none.
    """
    if model.tokenizer is None or model.tokenizer.to_str() != corpus.tokenizer_json:
        step = "Name the corpus that the model was trained on."
        raise refusal("corpus", corpus, legal="a corpus of the tokenizer inside the model", step=step)
    lengths = lengths or [model.config.n_ctx * 2**i // 4 for i in range(5)]
    models = {model.config.rope: model}
    if model.config.rope == "rope":
        models |= {rope: with_rope(model, rope, factor) for rope, factor in STRETCH.items()}
    tables = []
    for length in lengths:
        task = NIAHTask(
            filler="corpus",
            corpus=corpus,
            split="heldout",
            lengths=(length,),
            depths=DEPTHS,
            value_length=VALUE_LENGTH,
        )
        episodes = task.build(SEED, n_episodes=n_episodes * len(DEPTHS))
        for rope, stretched in models.items():
            cells = summarise(evaluate(stretched, episodes), by=("context_length", "requested_depth"))
            tables.append(cells.assign(rope=rope))
    return pd.concat(tables, ignore_index=True).rename(columns={"requested_depth": "depth"})
