"""Importance by channel: what state channels of one phase speed, and heads of one half-life, are for."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from data import Episodes
from data.refusal import refusal, whole
from model.analysis.interventions.asked import asked_of
from model.analysis.interventions.effects import effects
from model.analysis.interventions.intervention import Intervention
from model.analysis.interventions.sites import layers_with
from model.analysis.interventions.summary import mean_of_draws, summarise_effects
from model.network.network import SISAModel

KNOCKOUT, RANDOM, SAME_HEADS = "zero", "random group", "random pairs of the same heads"
ENDS = {"phase speed": ("slow", "fast"), "half-life": ("short", "long")}
PLACE = ["layer", "head"]


@torch.no_grad()
def channel_knockouts(
    model: SISAModel, episodes: Episodes, *, groups: int = 3, draws: int = 4, seed: int = 0
) -> pd.DataFrame:
    """Return what the answers lose when importance loses the channels of one phase speed or half-life.

    All pairs of state channels of all heads are ranked by their phase speed and cut into groups of equal
    size, and all heads by their half-life, as `channel_speeds` measures them on these episodes. Each group's
    share of importance is taken out, and beside it a random group of as many pairs or heads. A group of pairs
    has a second control, as many random pairs of each of the heads that it has pairs in: a group that loses
    more than this one is needed for its speed and not only for the heads in which it happens to lie.

    Args:
        model: of an architecture whose scores have importance; it is left as it came.
        episodes: needle episodes.
        groups: into how many pairs and heads are cut, two to as many as there are heads.
        draws: random groups, over which a control is averaged.
        seed: of the random groups.

    Returns:
        One row a group and how: kind ("phase speed" or "half-life"), group (from "slow" or "short" on), how
        ("zero" or a control: "random group", "random pairs of the same heads"), least and most (the edges of
        the group, radians a token or tokens), size (pairs or heads), and the columns of `summarise_effects`.

    Raises:
        ValueError: the scores have no importance, or there are fewer heads than groups.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> table = channel_knockouts(model, task.build(0, n_episodes=3), draws=1)
        >>> table.loc[table["how"] == "zero", "group"].tolist()
        ['slow', 'middle', 'fast', 'short', 'middle', 'long']
    """
    pairs = channel_speeds(model, episodes)
    heads = pairs.drop_duplicates(PLACE).loc[:, [*PLACE, "half_life"]].reset_index(drop=True)
    groups = whole("groups", groups, least=2, most=len(heads))
    draws, rng = whole("draws", draws, least=1), np.random.default_rng(whole("seed", seed, least=0))
    keys, changes = [], []
    for kind, table, column in (("phase speed", pairs, "phase_speed"), ("half-life", heads, "half_life")):
        for name, rows in zip(_names(kind, groups), _cut(table[column].to_numpy(float), groups), strict=True):
            values = table[column].to_numpy()[rows]
            key = {"kind": kind, "group": name, "least": values.min(), "most": values.max()}
            for how, chosen in _draws(table, rows, draws, rng):
                keys.append(key | {"how": how, "size": len(rows)})
                changes.append(_without(table.iloc[chosen]))
    named = pd.DataFrame(keys).assign(name=[str(at) for at in range(len(keys))])
    found = effects(model, episodes, dict(zip(named["name"], changes, strict=True)))
    by = ["kind", "group", "how", "least", "most", "size"]
    return summarise_effects(mean_of_draws(found.merge(named, on="name"), by=[*by, "episode"]), by=by)


@torch.no_grad()
def channel_speeds(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """Return how fast every pair of state channels turns, and how long its head remembers.

    Args:
        model: of an architecture whose scores have importance.
        episodes: texts to measure on.

    Returns:
        One row a layer, head and pair: phase_speed (median of abs θ_t over all tokens, radians a token) and
        half_life (of the head, log 2 / (−mean log α), tokens).

    Raises:
        ValueError: the scores have no importance.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> len(channel_speeds(model, task.build(0, n_episodes=2)))  # of 2 layers and 4 heads each
        64
    """
    layers = layers_with(model, "importance")
    if not layers:
        came, step = model.config.architecture, "Whole heads are taken out by sufficient_heads."
        raise refusal("model", came, legal="one whose scores have importance", step=step)
    fired: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {layer: [] for layer in layers}
    for asked in asked_of(model, episodes):
        _, cache = model.run_with_cache(
            asked.tokens,
            names_filter=lambda name: name.endswith(("hook_phase", "hook_log_decay")),
            return_type=None,
        )
        for layer, parts in fired.items():
            prefix = f"blocks.{layer}.attn.hook_"
            phase, log_decay = cache[prefix + "phase"], cache[prefix + "log_decay"]
            theta = phase.diff(dim=2, prepend=torch.zeros_like(phase[:, :, :1]))
            speeds = theta.abs().transpose(0, 1).flatten(1, 2)  # head, token of any text, pair
            parts.append((speeds.cpu().numpy(), log_decay.transpose(0, 1).flatten(1).double().cpu().numpy()))
    tables = []
    for layer, parts in fired.items():
        speed, log_decay = [np.concatenate(each, axis=1) for each in zip(*parts, strict=True)]
        speeds, half_life = np.median(speed, axis=1), math.log(2) / np.abs(log_decay.mean(axis=1))
        head, pair = np.indices(speeds.shape)
        columns = {"head": head.ravel(), "pair": pair.ravel(), "phase_speed": speeds.ravel()}
        tables.append(pd.DataFrame(columns).assign(layer=layer, half_life=half_life[head.ravel()]))
    columns = [*PLACE, "pair", "phase_speed", "half_life"]
    return pd.concat(tables, ignore_index=True).loc[:, columns]


def _names(kind: str, groups: int) -> list[str]:
    """Return what the groups of a kind are called, from the slowest or shortest on."""
    first, last = ENDS[kind]
    if groups == 3:
        return [first, "middle", last]
    return [first, *(f"{at} of {groups}" for at in range(2, groups)), last]


def _cut(values: np.ndarray, groups: int) -> list[np.ndarray]:
    """Return the rows of every group, from the least values to the greatest."""
    return np.array_split(np.argsort(values, kind="stable"), groups)


def _draws(
    table: pd.DataFrame, rows: np.ndarray, draws: int, rng: np.random.Generator
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a group and its controls: what it is, and which rows of the table."""
    yield KNOCKOUT, rows
    for _ in range(draws):
        yield RANDOM, rng.choice(len(table), size=len(rows), replace=False)
    if "pair" not in table:
        return
    counts = table.iloc[rows].groupby(PLACE).size()
    places = table.reset_index().groupby(PLACE)["index"].apply(np.array)
    for _ in range(draws):
        of_heads = [rng.choice(places[place], size=n, replace=False) for place, n in counts.items()]
        yield SAME_HEADS, np.concatenate(of_heads)


def _without(rows: pd.DataFrame) -> list[Intervention]:
    """Return what takes importance from some pairs of channels, or from all of some heads."""
    chosen: dict[tuple[int, int], list[int]] = {}
    pairs = rows["pair"] if "pair" in rows else [-1] * len(rows)  # −1 for all of a head
    for layer, head, pair in zip(rows["layer"], rows["head"], pairs, strict=True):
        chosen.setdefault((int(layer), int(head)), []).append(int(pair))
    return [
        Intervention(
            "importance", layers=[layer], heads=[head], channels=sorted(pairs) if min(pairs) >= 0 else None
        )
        for (layer, head), pairs in sorted(chosen.items())
    ]
