"""What a task builds: token rows, their labels, and a table of where everything lies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

IGNORED = -100


@dataclass(frozen=True)
class Row:
    """One episode before padding.

    ``tokens`` int64 [position] ends with ``n_answer`` answer tokens; ``knobs`` is its line of the table.
    """

    tokens: np.ndarray
    n_answer: int
    knobs: dict


@dataclass(frozen=True)
class Episodes:
    """Episodes of one build.

    ``tokens`` and ``labels`` are int64 [episode, position]. ``labels[e, t] == tokens[e, t]`` on the
    answer and -100 elsewhere; the model does the shift by one. Rows shorter than the longest are
    padded on the right with ``pad_id``. ``knobs`` has one line per episode, all spans half-open
    token positions:

    ============================ =====================================================
    context_length               tokens of the episode, answer included, padding not
    requested_depth, actual_depth share of the filler that lies before the needle, 0 to 1
    needle_start, needle_stop    the whole needle that answers the query
    value_start, value_stop      the value inside that needle
    query_start                  first token of the query at the end
    answer_start, answer_stop    the answer, last tokens of the episode
    key, value                   what was asked ("" without keys) and its answer, as text
    ============================ =====================================================
    """

    tokens: np.ndarray
    labels: np.ndarray
    knobs: pd.DataFrame
    pad_id: int

    def __len__(self) -> int:
        return len(self.tokens)

    def spans(self, episode: int) -> dict[str, list[int]]:
        """Needle, value and answer span of one episode, in the form a trace stores."""
        line = self.knobs.iloc[episode]
        return {
            name: [int(line[f"{name}_start"]), int(line[f"{name}_stop"])]
            for name in ("needle", "value", "answer")
        }


def pad_rows(rows: Sequence[Row], *, pad_id: int) -> Episodes:
    """Put rows of unequal length into one rectangle, labels -100 on everything but the answer."""
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
    """Context length (tokens) and requested depth of ``n`` episodes, each [episode].

    Whole rounds of the length x depth grid in shuffled order, so that no cell is ever more than
    one episode ahead of another. ``depths=None`` draws depths uniformly from 0 to 1.
    """
    n_depths = 1 if depths is None else len(depths)
    n_cells = len(lengths) * n_depths
    rounds = [rng.permutation(n_cells) for _ in range(-(-n // n_cells))]
    cells = np.concatenate(rounds)[:n]
    depth = rng.uniform(size=n) if depths is None else np.asarray(depths, float)[cells % n_depths]
    return np.asarray(lengths)[cells // n_depths], depth


def draw_depths(rng: np.random.Generator, depths: Sequence[float] | None, *, n: int) -> np.ndarray:
    """Depths of the needles nobody asks for [n]: from the grid, or uniform from 0 to 1."""
    return rng.uniform(size=n) if depths is None else rng.choice(np.asarray(depths, float), size=n)


@dataclass(frozen=True)
class Needle:
    """One sentence to hide: its token ids and which of them are the value (half-open)."""

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
    """Put ``needles[i]`` before ``filler[places[i]]`` and end with query and the value of needle 0.

    ``lead`` and ``trail`` count tokens at the ends of needle 0 (line breaks) that belong to the
    text but not to its span.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    parts, done, start = [], 0, 0
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
