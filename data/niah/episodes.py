"""What a task builds: token rows, their labels, and a table of where everything lies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

IGNORED = -100


@dataclass(frozen=True)
class Row:
    """One episode before padding.

    Args:
        tokens: int64 [position], the last `n_answer` of which are the answer.
        n_answer: tokens of the answer.
        knobs: its line of the table `Episodes.knobs`.
    """

    tokens: np.ndarray
    n_answer: int
    knobs: dict[str, float | str]


@dataclass(frozen=True)
class Episodes:
    """Episodes of one build.

    `labels[e, t] == tokens[e, t]` on the answer and -100 elsewhere; the model does the shift by one. Rows
    shorter than the longest are padded on the right. `knobs` has one line for each episode. A span is given
    by its first position and the position after its last:

    ============================== =====================================================
    context_length                 tokens of the episode, answer included, padding not
    requested_depth, actual_depth  share of the filler that lies before the needle, 0 to 1
    needle_start, needle_stop      the whole needle that answers the query
    value_start, value_stop        the value inside that needle
    query_start                    first token of the query at the end
    answer_start, answer_stop      the answer, last tokens of the episode
    key, value                     what was asked ("" without keys) and its answer, as text
    ============================== =====================================================

    Args:
        tokens: int64 [episode, position].
        labels: int64 [episode, position].
        knobs: the table above.
        pad_id: the id on the right of shorter rows.

    Example:
        >>> from data import NIAHTask
        >>> episodes = NIAHTask(lengths=(16,), value_length=2).build(seed=0, n_episodes=3)
        >>> episodes.tokens.shape, episodes.spans(0)["answer"]
        ((3, 16), [14, 16])
        >>> bool((episodes.labels[0, 14:] == episodes.tokens[0, 14:]).all())
        True
    """

    tokens: np.ndarray
    labels: np.ndarray
    knobs: pd.DataFrame
    pad_id: int

    def __len__(self) -> int:
        """Return the number of episodes."""
        return len(self.tokens)

    def spans(self, episode: int) -> dict[str, list[int]]:
        """Return the needle, value and answer span of one episode, in the form that a trace stores."""
        line = self.knobs.iloc[episode]
        return {
            name: [int(line[f"{name}_start"]), int(line[f"{name}_stop"])]
            for name in ("needle", "value", "answer")
        }


def pad_rows(rows: Sequence[Row], *, pad_id: int) -> Episodes:
    """Put rows of unequal length into one rectangle.

    Labels are the tokens on each answer and -100 on everything else, the value that the loss of PyTorch
    leaves out.

    Args:
        rows: at least one episode.
        pad_id: the id to fill shorter rows with, on the right.

    Example:
        >>> rows = [Row(np.array([5, 6, 7]), 1, {}), Row(np.array([8, 9]), 1, {})]
        >>> pad_rows(rows, pad_id=0).tokens.tolist()
        [[5, 6, 7], [8, 9, 0]]
        >>> pad_rows(rows, pad_id=0).labels.tolist()
        [[-100, -100, 7], [-100, 9, -100]]
    """
    width = max(len(row.tokens) for row in rows)
    tokens = np.full((len(rows), width), pad_id, dtype=np.int64)
    labels = np.full((len(rows), width), IGNORED, dtype=np.int64)
    for index, row in enumerate(rows):
        stop = len(row.tokens)
        tokens[index, :stop] = row.tokens
        labels[index, stop - row.n_answer : stop] = row.tokens[stop - row.n_answer :]
    return Episodes(tokens, labels, pd.DataFrame([row.knobs for row in rows]), pad_id)


def draw_cells(
    rng: np.random.Generator, lengths: Sequence[int], depths: Sequence[float] | None, *, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the context length (tokens) and the requested depth of each episode.

    The grid of lengths and depths is gone through in whole rounds, each in shuffled order, so that no cell
    is ever more than one episode ahead of another: seven episodes of a grid of three are 2, 2 and 3.

    Args:
        rng: where the order comes from.
        lengths: context lengths, tokens.
        depths: shares of the filler before the needle, 0 to 1; None draws each uniformly.
        n: number of episodes.

    Returns:
        Two arrays [episode].

    Example:
        >>> lengths, depths = draw_cells(np.random.default_rng(0), (64, 128), (0.5,), n=4)
        >>> sorted(lengths.tolist()), depths.tolist()
        ([64, 64, 128, 128], [0.5, 0.5, 0.5, 0.5])
    """
    n_depths = 1 if depths is None else len(depths)
    n_cells = len(lengths) * n_depths
    n_rounds = -(-n // n_cells)  # rounded up
    rounds = [rng.permutation(n_cells) for _ in range(n_rounds)]
    cells = np.concatenate(rounds)[:n]
    depth = rng.uniform(size=n) if depths is None else np.asarray(depths, float)[cells % n_depths]
    return np.asarray(lengths)[cells // n_depths], depth


def draw_depths(rng: np.random.Generator, depths: Sequence[float] | None, *, n: int) -> np.ndarray:
    """Return the depths of the needles that are not asked for.

    They come from the same grid as the asked one's, so that depth does not tell the two apart.

    Args:
        rng: where they are drawn from.
        depths: shares of the filler, 0 to 1, each equally likely; None draws uniformly from 0 to 1.
        n: number of needles.

    Returns:
        Depths [n].

    Example:
        >>> draw_depths(np.random.default_rng(0), (0.25,), n=2).tolist()
        [0.25, 0.25]
    """
    return rng.uniform(size=n) if depths is None else rng.choice(np.asarray(depths, float), size=n)


@dataclass(frozen=True)
class Needle:
    """One sentence to hide.

    Args:
        ids: token ids of the whole sentence, line breaks around it included.
        value_start: index of the value's first token in `ids`.
        value_stop: index after the value's last token.
    """

    ids: np.ndarray
    value_start: int
    value_stop: int


def hide(
    filler: np.ndarray,
    places: Sequence[int],
    needles: Sequence[Needle],
    query: np.ndarray,
    *,
    requested_depth: float,
    key: str,
    value: str,
    lead: int = 0,
    trail: int = 0,
) -> Row:
    """Put needles into the filler, and end with the query and the value of the first needle.

    Args:
        filler: token ids [position].
        places: needle i goes before `filler[places[i]]`; `len(filler)` is its end.
        needles: the first one is asked, the others are there to be confused with it.
        query: token ids between filler and answer.
        requested_depth: the depth that was asked for; the one that was met is computed.
        key: what is asked, as text; "" without keys.
        value: the answer, as text.
        lead: tokens at the beginning of the first needle (a line break) that are not in its span.
        trail: tokens at its end that are not in its span.

    Example:
        >>> row = hide(
        ...     np.array([10, 11, 12, 13]), [2], [Needle(np.array([1, 5]), 1, 2)], np.array([2]),
        ...     requested_depth=0.5, key="", value="v",
        ... )
        >>> row.tokens.tolist(), row.knobs["actual_depth"], row.knobs["needle_start"]
        ([10, 11, 1, 5, 12, 13, 2, 5], 0.5, 2)
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    parts, done, start = [], 0, 0  # filler used so far; position of the asked needle in the row
    for index in order:
        parts += [filler[done : places[index]], needles[index].ids]
        done = places[index]
        if index == 0:
            start = sum(map(len, parts)) - len(needles[0].ids)
    asked = needles[0]
    answer = asked.ids[asked.value_start : asked.value_stop]
    tokens = np.concatenate([*parts, filler[done:], query, answer])
    n = len(tokens)
    knobs = {
        "context_length": n,
        "requested_depth": float(requested_depth),
        "actual_depth": places[0] / len(filler),
        "needle_start": start + lead,
        "needle_stop": start + len(asked.ids) - trail,
        "value_start": start + asked.value_start,
        "value_stop": start + asked.value_stop,
        "query_start": n - len(answer) - len(query),
        "answer_start": n - len(answer),
        "answer_stop": n,
        "key": key,
        "value": value,
    }
    return Row(tokens, len(answer), knobs)
