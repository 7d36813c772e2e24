"""Episodes with another value in the needle: the corrupted halves of pairs that differ in one thing."""

from __future__ import annotations

import numpy as np

from data.niah.episodes import IGNORED, Episodes
from data.refusal import refusal


def with_other_values(episodes: Episodes) -> Episodes:
    """Return the same texts, where each needle hides and each answer gives another episode's value.

    It is symmetric replacement: both halves of a pair are episodes of the task, so that a model sees nothing
    strange in either, and up to the answer they differ in the value alone. The value is that of the next
    episode whose value begins with another token, as the first token of an answer is what tells the halves
    apart; later ones are told by the answer's own beginning.

    Args:
        episodes: of one build.

    Returns:
        Episodes of the same lengths, in the same order.

    Raises:
        ValueError: all values begin with the same token, or are of several lengths.

    Example:
        >>> from data import NIAHTask
        >>> clean = NIAHTask(lengths=(16,), value_length=2).build(seed=0, n_episodes=4)
        >>> corrupted = with_other_values(clean)
        >>> int((clean.tokens != corrupted.tokens).sum(axis=1).max())  # two in the needle, two in the answer
        4
        >>> bool((clean.tokens[:, 14] != corrupted.tokens[:, 14]).all())
        True
    """
    knobs, rows = episodes.knobs, np.arange(len(episodes))
    spans = {name: _places(episodes, name) for name in ("value", "answer")}
    values = np.take_along_axis(episodes.tokens, spans["value"], axis=1)
    first = values[:, 0]
    later = (rows[:, None] + rows[1:]) % len(rows)  # the other episodes, the next one first
    differs = first[later] != first[:, None] if len(rows) > 1 else np.zeros((1, 1), bool)
    if not differs.any(axis=1).all():
        step = "Build more episodes."
        raise refusal("first tokens of the values", first.tolist(), legal="two that differ", step=step)
    partner = later[rows, differs.argmax(axis=1)]
    tokens = episodes.tokens.copy()
    for places in spans.values():
        np.put_along_axis(tokens, places, values[partner], axis=1)
    labels = np.where(episodes.labels == IGNORED, IGNORED, tokens)
    said = knobs["value"].to_numpy()[partner]
    return Episodes(tokens, labels, knobs.assign(value=said), episodes.pad_id)


def _places(episodes: Episodes, span: str) -> np.ndarray:
    """Return the positions of a span of every episode, [episode, token of the span]."""
    start, stop = episodes.knobs[f"{span}_start"].to_numpy(), episodes.knobs[f"{span}_stop"].to_numpy()
    widths = sorted(set((stop - start).tolist()))
    if len(widths) > 1:
        step = "Build them with one value_length."
        raise refusal(f"tokens of the {span}", widths, legal="the same in every episode", step=step)
    return start[:, None] + np.arange(widths[0])
