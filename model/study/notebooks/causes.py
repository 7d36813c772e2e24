"""Notebook 08: its parameters, its episodes, and the measurements that several of its cells share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pandas as pd

from data import Episodes, NIAHTask
from data.refusal import one_of, whole
from model.analysis.interventions.effects import effects
from model.analysis.interventions.intervention import TERMS, Intervention
from model.analysis.interventions.summary import summarise_effects
from model.analysis.knockouts import knockouts
from model.network.network import SISAModel
from model.study.findings.causes import KEYS, LOSS, NEEDED, term_verdicts
from model.study.lengths import DEPTHS
from model.study.limits import check_episodes, check_reading, check_seed
from model.study.notebooks.exploration import Exploration, heldout_topics
from model.weights.checkpoint import read_config
from sisa_viz.trace.axes import head_name

EPISODES_OF_A_SMOKE_RUN = 3
PAIRS = 8  # of texts that differ in the number; fewer may all begin with one of two digits
FEW = 4  # episodes of each depth and length, pairs of texts, and episodes of the controls of all heads


class Question(NamedTuple):
    """An episode up to its question: the query that must say the answer, the key to be found, the answer."""

    tokens: list[int]
    query: int
    key: int
    answer: int


@dataclass(frozen=True, kw_only=True)
class Causes:
    """Hold the parameters of notebook 08.

    Args:
        checkpoint: a shipped name, or a .safetensors file that model.save wrote; with a tokenizer.
        length: tokens of an episode; the second length is half of it.
        n_episodes: that every head is knocked out on.
        seed: of the episodes.
        smoke: three episodes of each kind only.

    Raises:
        ValueError: a parameter is not legal; names it.
        FileNotFoundError: there is no such checkpoint.

    Example:
        >>> Causes(smoke=True).few
        3
        >>> Causes(n_episodes=2)
        Traceback (most recent call last):
        ValueError: n_episodes is 2; legal: whole numbers >= 3. ...
    """

    checkpoint: str = "niah"
    length: int = 192
    n_episodes: int = 16
    seed: int = 0
    smoke: bool = False

    def __post_init__(self) -> None:
        check_seed("seed", self.seed)
        length = whole("length", self.length, least=64)
        check_reading(read_config(self.checkpoint), name="length", length=length)
        check_episodes(whole("n_episodes", self.n_episodes, least=3), length=length)
        one_of("smoke", self.smoke, (True, False))

    @property
    def few(self) -> int:
        """Episodes of what is measured on fewer than the knock-outs are."""
        return EPISODES_OF_A_SMOKE_RUN if self.smoke else min(FEW, self.n_episodes)

    def model(self) -> SISAModel:
        """Return the model of the checkpoint; ValueError where it has no tokenizer."""
        return Exploration(checkpoint=self.checkpoint).model()

    def episodes(self, model: SISAModel) -> Episodes:
        """Return the episodes of the knock-outs, of one length and all depths."""
        n_episodes = EPISODES_OF_A_SMOKE_RUN if self.smoke else self.n_episodes
        return self._task(model, [self.length]).build(self.seed, n_episodes=n_episodes)

    def texts_of_pairs(self, model: SISAModel) -> Episodes:
        """Return the texts that are patched, so many that a third knows neither number of a pair."""
        return self._task(model, [self.length]).build(self.seed + 2, n_episodes=PAIRS)

    def by_depth(self, model: SISAModel) -> Episodes:
        """Return other episodes, `few` of every depth and both lengths."""
        lengths = [self.length // 2, self.length]
        cells = len(lengths) * len(DEPTHS)
        return self._task(model, lengths).build(self.seed + 1, n_episodes=self.few * cells)

    def _task(self, model: SISAModel, lengths: Sequence[int]) -> NIAHTask:
        corpus = heldout_topics(model, self.checkpoint)
        return NIAHTask(
            filler="corpus",
            corpus=corpus,
            split="heldout",
            lengths=lengths,
            depths=DEPTHS,
            value_length=4,
        )


def first_question(episodes: Episodes) -> Question:
    """Return the first episode as a question: its text, the last token before the answer, and the value.

    Args:
        episodes: needle episodes.

    Example:
        >>> from data import NIAHTask
        >>> asked = first_question(NIAHTask(lengths=(16,)).build(0, n_episodes=1))
        >>> asked.query, len(asked.tokens), asked.tokens[asked.key] == asked.answer
        (14, 16, True)
    """
    start, stop = [int(episodes.knobs[f"answer_{end}"].iloc[0]) for end in ("start", "stop")]
    tokens = episodes.tokens[0, :stop].tolist()
    return Question(tokens, start - 1, int(episodes.knobs["value_start"].iloc[0]), tokens[start])


def all_knockouts(model: SISAModel, episodes: Episodes, *, n_control: int) -> pd.DataFrame:
    """Return the knock-outs of every head and term; what is needed has its mean by distance on all episodes.

    That a mean costs nothing says something only on texts where the knock-out costs something.

    Args:
        model: of an architecture with scores.
        episodes: needle episodes.
        n_control: episodes of all other controls.

    Returns:
        The columns of `model.analysis.knockouts.knockouts`, a row a layer, head, term and how.

    Example:
        >>> from model import SISAConfig
        >>> task = NIAHTask(lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> len(all_knockouts(model, task.build(0, n_episodes=3), n_control=2))  # 8 heads, 2 terms, 4 hows
        64
    """
    table = knockouts(model, episodes, n_control=n_control)
    needed = needed_terms(table)
    controlled = needed.loc[needed["term"].isin(TERMS)]  # a decay bias has no controls
    changes = [replace(change, how="mean") for change in _removals(controlled)]
    if not changes:
        return table
    found = summarise_effects(effects(model, episodes, {str(change): change for change in changes}))
    better = controlled[KEYS].reset_index(drop=True).assign(how="mean").join(found.drop(columns="name"))
    both = pd.concat([table, better], ignore_index=True)
    return both.drop_duplicates([*KEYS, "how"], keep="last").sort_index(ignore_index=True)


def needed_terms(table: pd.DataFrame) -> pd.DataFrame:
    """Return the heads and terms that a table of knock-outs shows to be needed, the largest loss first.

    Args:
        table: of `all_knockouts`.

    Example:
        >>> row = {"layer": 0, "head": 3, "term": "importance", "how": "zero", "n": 9}
        >>> needed_terms(pd.DataFrame([row | {"log_p_lost": 3.0, "low": 2.0, "high": 4.0}]))["name"].tolist()
        ['L0H3']
    """
    verdicts = term_verdicts(table)
    return verdicts.loc[verdicts["verdict"] == NEEDED].reset_index(drop=True)


def knockouts_by_depth(model: SISAModel, episodes: Episodes, needed: pd.DataFrame) -> pd.DataFrame:
    """Return what the answers lose without each of some heads' terms, by depth and length of the text.

    Args:
        model: whose heads they are.
        episodes: of several depths and lengths.
        needed: a row a head and term: layer, head, term.

    Returns:
        name ("importance of L0H3"), context_length, depth, then the columns of `summarise_effects`; no rows
        where no head is given.

    Example:
        >>> from model import SISAConfig
        >>> task = NIAHTask(lengths=(16,), depths=(0.0, 1.0), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> heads = pd.DataFrame({"layer": [0], "head": [1], "term": ["importance"]})
        >>> table = knockouts_by_depth(model, task.build(0, n_episodes=6), heads)
        >>> table[["name", "depth", "n"]].values.tolist()
        [['importance of L0H1', 0.0, 3], ['importance of L0H1', 1.0, 3]]
    """
    names = [
        f"{term} of {head_name(*place)}" for term, place in zip(needed["term"], _places(needed), strict=True)
    ]
    changes = dict(zip(names, _removals(needed), strict=True))
    by = ["name", "context_length", "depth"]
    if not changes:
        return pd.DataFrame(columns=pd.Index([*by, *LOSS]))
    knobs = episodes.knobs.assign(depth=episodes.knobs["requested_depth"])[by[1:]]
    table = effects(model, episodes, changes).join(knobs, on="episode")
    table = table.sort_values(["context_length", "depth"], kind="stable")
    return summarise_effects(table, by=by)


def _places(table: pd.DataFrame) -> list[tuple[int, int]]:
    return [(int(layer), int(head)) for layer, head in zip(table["layer"], table["head"], strict=True)]


def _removals(table: pd.DataFrame) -> list[Intervention]:
    """Return the interventions that take a term away from a head, a row each."""
    return [
        Intervention(term, layers=[layer], heads=[head])
        for term, (layer, head) in zip(table["term"], _places(table), strict=True)
    ]
