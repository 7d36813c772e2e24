"""Some of the episodes of a build."""

from __future__ import annotations

import numpy as np

from data.niah.episodes import Episodes


def first_episodes(episodes: Episodes, n: int) -> Episodes:
    """Return the first episodes of a build; all of them where there are no more.

    Builds go through their grid of lengths and depths in whole rounds, so the first ones are spread over it.

    Args:
        episodes: of one build.
        n: how many.

    Example:
        >>> from data import NIAHTask
        >>> len(first_episodes(NIAHTask(lengths=(16,)).build(seed=0, n_episodes=5), 2))
        2
    """
    return chosen_episodes(episodes, np.arange(min(n, len(episodes))))


def chosen_episodes(episodes: Episodes, rows: np.ndarray) -> Episodes:
    """Return some episodes of a build in another order.

    Args:
        episodes: of one build.
        rows: numbers of the episodes.

    Example:
        >>> from data import NIAHTask
        >>> episodes = NIAHTask(lengths=(16,)).build(seed=0, n_episodes=5)
        >>> chosen_episodes(episodes, np.array([3])).knobs["value"].item() == episodes.knobs["value"][3]
        True
    """
    knobs = episodes.knobs.iloc[rows].reset_index(drop=True)
    return Episodes(episodes.tokens[rows], episodes.labels[rows], knobs, episodes.pad_id)
