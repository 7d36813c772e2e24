"""Notebook 01: one episode, told to the shipped checkpoint and looked at score by score."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from data import Episodes, NIAHTask, TokenCorpus, topics_corpus
from data.niah.checks import settled_value_length
from data.niah.selection import first_episodes
from data.refusal import folder_path, one_of, refusal, whole
from model.analysis.interventions.effects import effects
from model.analysis.interventions.intervention import How, Intervention
from model.analysis.interventions.summary import summarise_effects
from model.network.network import SISAModel
from model.study.limits import check_episodes, check_reading, check_seed
from model.weights.checkpoint import load, read_config
from sisa_viz.trace.axes import head_name


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Hold the parameters of notebook 01, and build the model and the episodes that it looks at.

    Args:
        checkpoint: a file that model.save wrote, or the name of a shipped one.
        length: tokens of the episode.
        depth: share of the text before the needle, 0 to 1.
        value_length: digits of the value.
        seed: of the episode.
        n_episodes: for the counts with and without importance.
        output_dir: where the trace is written.
        smoke: a few episodes only.

    Raises:
        ValueError: a parameter is not legal; names it.
        FileNotFoundError: there is no such checkpoint.

    Example:
        >>> Exploration().model().config.architecture
        'sisa'
        >>> Exploration(depth=2)
        Traceback (most recent call last):
        ValueError: depth is 2; legal: 0 to 1. 0 puts the needle first, 1 right before the question.
    """

    checkpoint: str = "niah"
    length: int = 192
    depth: float = 0.4
    value_length: int = 4
    seed: int = 0
    n_episodes: int = 100
    output_dir: str = "out/explore"
    smoke: bool = False

    def __post_init__(self) -> None:
        check_seed("seed", self.seed)
        length = whole("length", self.length, least=1)
        settled_value_length(self.value_length)
        check_reading(read_config(self.checkpoint), name="length", length=length)
        check_episodes(self.n_episodes, length=length)
        one_of("smoke", self.smoke, (True, False))
        number = isinstance(self.depth, int | float) and not isinstance(self.depth, bool)
        if not number or not 0 <= self.depth <= 1:
            step = "0 puts the needle first, 1 right before the question."
            raise refusal("depth", self.depth, legal="0 to 1", step=step)
        object.__setattr__(self, "output_dir", str(folder_path("output_dir", self.output_dir)))  # ~ expanded

    def model(self) -> SISAModel:
        """Return the model of the checkpoint; ValueError where it has no tokenizer to read a text with."""
        model = load(self.checkpoint)
        if model.tokenizer is None:
            step = "Save it with its tokenizer."
            raise refusal("checkpoint", self.checkpoint, legal="one with a tokenizer inside", step=step)
        return model

    def task(self, model: SISAModel) -> NIAHTask:
        """Return the task: needles in documentation that the shipped checkpoint's training left out."""
        corpus = heldout_topics(model, self.checkpoint)
        return NIAHTask(
            filler="corpus",
            corpus=corpus,
            split="heldout",
            lengths=(self.length,),
            depths=(self.depth,),
            value_length=self.value_length,
        )

    def episode(self, model: SISAModel) -> Episodes:
        """Return the one episode that is looked at score by score."""
        return self.task(model).build(self.seed, n_episodes=1)

    def episodes(self, model: SISAModel) -> Episodes:
        """Return other episodes, for the counts with and without a term."""
        return self.task(model).build(self.seed + 1, n_episodes=4 if self.smoke else self.n_episodes)


def without_importance(model: SISAModel, episodes: Episodes, *, layer: int = 0) -> pd.DataFrame:
    """Return what the answers lose when one head of a layer has no importance, or its mean at each distance.

    Args:
        model: a SISA.
        episodes: the first ten of them are taken.
        layer: whose heads are changed one after the other.

    Returns:
        A row a head and how: head ("L0H3"), how ("zero", "mean"), log_p_lost (nats of log p(answer)), low,
        high, rate (share of exact matches), n (episodes); the largest loss first.

    Raises:
        ValueError: the model has no importance in that layer.

    Example:
        >>> from model import SISAConfig
        >>> task = NIAHTask(lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> len(without_importance(model, task.build(0, n_episodes=3)))  # four heads
        8
    """
    hows: tuple[How, ...] = ("zero", "mean")
    changes = {
        f"{head_name(layer, head)} {how}": Intervention("importance", how, layers=[layer], heads=[head])
        for head in range(model.config.n_heads)
        for how in hows
    }
    found = summarise_effects(effects(model, first_episodes(episodes, 10), changes))
    parts = found["name"].str.split(" ", expand=True)
    found = found.assign(head=parts[0], how=parts[1]).sort_values("log_p_lost", ascending=False)
    return found.loc[:, ["head", "how", "log_p_lost", "low", "high", "rate", "n"]].reset_index(drop=True)


def heldout_topics(model: SISAModel, checkpoint: str) -> TokenCorpus:
    """Return Python's language reference in the tokens of a model, split as its training split it.

    The shipped checkpoint was trained on a corpus whose topics were cut into parts before some were held out;
    the whole topics that are held out today were among its training text.

    Args:
        model: whose tokenizer is used.
        checkpoint: its name or path.

    Example:
        >>> from model import load
        >>> heldout_topics(load("niah"), "niah").metadata["split"]
        'parts'
    """
    return topics_corpus(model.tokenizer, split="parts" if checkpoint == "niah" else "documents")
