"""Needles beyond the training context: exact match by length and depth.

Measured for each way to stretch RoPE and, where a model has an importance term, for each anchor of its decay.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from data import Episodes, NIAHTask, TokenCorpus, summarise
from data.files import write_aside
from data.refusal import refusal
from model.analysis.evaluation import evaluate
from model.config import Anchor, Rope, SISAConfig
from model.config.architectures import architecture
from model.network.extension import with_anchor, with_rope
from model.network.network import SISAModel
from model.study.runs import VALUE_LENGTH
from model.training.run import Run

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
# How many times the training context each code is made for; dynamic NTK follows the input's length instead.
STRETCH: dict[Rope, float] = {"pi": 4.0, "ntk": 4.0, "dynamic_ntk": 1.0, "yarn": 4.0}
# "exact" is what the weights say, "causal" what the clamp of one anchor for the whole text makes of it.
ANCHORS: tuple[Anchor, ...] = ("exact", "causal")
WITHOUT_ANCHOR = "none"  # in tables, of models whose scores have no importance term
FILE = "lengths.csv"  # of a run folder
EPISODE_SEED = 2_000_003  # far from the seed of any training or evaluation


def length_grid(
    model: SISAModel,
    corpus: TokenCorpus,
    *,
    n_episodes: int = 40,
    lengths: Sequence[int] | None = None,
    anchors: Sequence[Anchor] = ANCHORS,
) -> pd.DataFrame:
    """Return how many needles a model finds, one row an anchor, position code, context length and depth.

    A model with RoPE is measured as it is and under each way to stretch RoPE; one without has one code. The
    anchor of the decay is set likewise, whichever the model has; a model without importance has none to set.

    Args:
        model: with the tokenizer that it was trained with.
        corpus: its held-out part is the filler; its tokenizer is the model's own.
        n_episodes: of a cell; every anchor and position code sees the same ones.
        lengths: in tokens; by default a quarter of the training context to four times it, doubling.
        anchors: of the decay, for models with an importance term.

    Returns:
        anchor ("none" for models without importance), rope, context_length, depth, then what `data.summarise`
        counts: successes, n, rate, low, high, nll.

    Raises:
        ValueError: the model has another tokenizer than corpus, or none.

    Example:
        >>> from model import SISAConfig, load
        >>> corpus = TokenCorpus.from_documents(["one text", "another"], tokenizer=load("niah").tokenizer)
        >>> length_grid(SISAModel(SISAConfig.preset("tiny")), corpus)
        Traceback (most recent call last):
        ValueError: corpus is ...; legal: a corpus of the tokenizer inside the model. Name the corpus ...
    """
    check_corpus(model, corpus)
    models = _variations(model, anchors)
    tables = []
    for length in lengths or [model.config.n_ctx * 2**i // 4 for i in range(5)]:
        episodes = heldout_episodes(corpus, length=length, n_episodes=n_episodes)
        for (anchor, rope), varied in models.items():
            cells = summarise(evaluate(varied, episodes), by=("context_length", "requested_depth"))
            tables.append(cells.assign(anchor=anchor, rope=rope))
    return pd.concat(tables, ignore_index=True).rename(columns={"requested_depth": "depth"})


def measure_lengths(run: Run, corpus: TokenCorpus, *, n_episodes: int = 40, device: str = "cpu") -> list[str]:
    """Measure a finished run into its lengths.csv, one anchor after the other, and return which.

    What the file holds already, of these weights and as many episodes, is left alone, so that a measurement
    that was stopped goes on at the anchor where it was.

    Args:
        run: a finished one.
        corpus: that it was trained on.
        n_episodes: of a cell of `length_grid`.
        device: "cpu" or "cuda".

    Returns:
        "exact", "causal", or "none" for a model whose decay has no anchor.

    Raises:
        ValueError: the model has another tokenizer than corpus.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from data import topics_corpus, train_tokenizer
        >>> corpus = topics_corpus(train_tokenizer(["a"], d_vocab=258))
        >>> with TemporaryDirectory() as folder:
        ...     config = {"model": SISAConfig.preset("tiny").to_dict(), "training": {}}
        ...     _ = Path(folder, "config.json").write_text(json.dumps(config))
        ...     _ = Path(folder, "model.safetensors").write_bytes(b"")
        ...     cells = pd.DataFrame({"anchor": ["exact", "causal"], "n": 40})
        ...     cells.to_csv(Path(folder, "lengths.csv"), index=False)
        ...     measure_lengths(Run(Path(folder)), corpus)  # both are there
        []
    """
    path, table = run.folder / FILE, pd.DataFrame({"anchor": [], "n": []})
    if path.is_file() and path.stat().st_mtime >= run.weights.stat().st_mtime:
        table = read_lengths(run)
    there = table.loc[table["n"] == n_episodes, "anchor"]
    missing = [name for name in _anchors_of(run) if name not in set(there)]
    for name in missing:
        of_name: list[Anchor] = [anchor for anchor in ANCHORS if anchor == name]  # [] where none is anchored
        model = run.model().to(device)
        grid = length_grid(model, corpus, n_episodes=n_episodes, anchors=of_name)
        others = table.loc[table["anchor"] != name]
        table = grid if others.empty else pd.concat([others, grid], ignore_index=True)
        with write_aside(path) as aside:
            table.to_csv(aside, index=False)
    return missing


def read_lengths(run: Run) -> pd.DataFrame:
    """Return the lengths.csv of a run folder, columns of `length_grid`.

    Files of earlier versions do not name the anchor: it was "causal", the only one that was measured then.

    Args:
        run: one that was measured.

    Raises:
        FileNotFoundError: there is no such file.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     config = {"model": SISAConfig.preset("tiny").to_dict(), "training": {}}
        ...     _ = Path(folder, "config.json").write_text(json.dumps(config))
        ...     _ = Path(folder, "lengths.csv").write_text("rope,n\\nrope,40\\n")
        ...     read_lengths(Run(Path(folder)))["anchor"].item()
        'causal'
    """
    table = pd.read_csv(run.folder / FILE)
    if "anchor" in table:
        return table
    return table.assign(anchor=_anchors_of(run)[-1])


def check_corpus(model: SISAModel, corpus: TokenCorpus) -> None:
    """Refuse a corpus in tokens that a model does not read.

    Args:
        model: with the tokenizer that it was trained with.
        corpus: whose held-out part it shall be measured on.

    Raises:
        ValueError: the model has another tokenizer, or none.

    Example:
        >>> from model import load
        >>> corpus = TokenCorpus.from_documents(["a text", "another"], tokenizer=load("niah").tokenizer)
        >>> check_corpus(load("niah"), corpus)
    """
    if model.tokenizer is None or model.tokenizer.to_str() != corpus.tokenizer_json:
        step = "Name the corpus that the model was trained on."
        raise refusal("corpus", corpus, legal="a corpus of the tokenizer inside the model", step=step)


def heldout_episodes(corpus: TokenCorpus, *, length: int, n_episodes: int) -> Episodes:
    """Return the held-out episodes of one length on which finished runs are measured, the same for all.

    Args:
        corpus: whose held-out part is the filler.
        length: tokens of an episode.
        n_episodes: of every depth in `DEPTHS`.

    Example:
        >>> from data import topics_corpus
        >>> from model import load
        >>> episodes = heldout_episodes(topics_corpus(load("niah").tokenizer), length=64, n_episodes=2)
        >>> episodes.tokens.shape
        (10, 64)
    """
    task = NIAHTask(
        filler="corpus",
        corpus=corpus,
        split="heldout",
        lengths=(length,),
        depths=DEPTHS,
        value_length=VALUE_LENGTH,
    )
    return task.build(EPISODE_SEED, n_episodes=n_episodes * len(DEPTHS))


def _variations(model: SISAModel, anchors: Sequence[Anchor]) -> dict[tuple[str, Rope], SISAModel]:
    """Return the model under every anchor and position code that it can have."""
    anchored = {WITHOUT_ANCHOR: model}
    if _has_anchor(model.config):
        anchored = {anchor: with_anchor(model, anchor) for anchor in anchors}
    models = {}
    for anchor, alike in anchored.items():
        models[anchor, model.config.rope] = alike
        if model.config.rope == "rope":
            for rope, factor in STRETCH.items():
                models[anchor, rope] = with_rope(alike, rope, factor)
    return models


def _anchors_of(run: Run) -> tuple[str, ...]:
    """Return the anchors that a run is measured under, "causal" last."""
    return ANCHORS if _has_anchor(SISAConfig.from_dict(run.config["model"])) else (WITHOUT_ANCHOR,)


def _has_anchor(config: SISAConfig) -> bool:
    return architecture(config.architecture).has_lam
