"""Knock-outs: every head without one term of its score, and what the answers lose by it.

Heads of one layer do not see each other, and their outputs are added up. So one pass of a layer's mixer with
a term taken from all of its heads gives what each head alone would say without it, and only the layers after
it have to run once a head. `effects` is the explicit twin; mixers whose heads meet in a norm (Hymba) take it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import pandas as pd
import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from data import Episodes
from data.niah.selection import first_episodes
from data.progress import shown
from data.refusal import one_of, refusal, whole
from model.analysis.interventions.asked import Asked, asked_of
from model.analysis.interventions.effects import (
    Answers,
    answers_after_mixer,
    answers_from,
    effect_rows,
    unchanged,
)
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import How, Intervention, Target
from model.analysis.interventions.sites import layers_with, n_heads_of, targets
from model.analysis.interventions.summary import summarise_effects
from model.mixers.attention.attention import Attention
from model.network.network import SISAModel

KNOCKED_OUT: tuple[Target, ...] = ("content", "importance", "decay")  # "decay" where it is a term: FoX, ALiBi
CONTROLS: tuple[How, ...] = ("random", "shuffle", "mean")
CONTROL_EPISODES = 20


def knockouts(
    model: SISAModel,
    episodes: Episodes,
    *,
    terms: Sequence[str] | None = None,
    controls: Sequence[str] = CONTROLS,
    n_control: int = CONTROL_EPISODES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return what the answers lose when one term of one head's score is taken out, for every head and term.

    Beside each knock-out (how "zero") stand its controls: the term replaced by a row of equal mean and
    spread but random direction ("random"), permuted over the keys ("shuffle"), and by what the head scores
    at each distance on average over the texts of one pass, fewer on a CPU than on a GPU ("mean"). A head that
    is needed for what its term says loses as much under them; one that loses more under "random" or "shuffle"
    than under "zero" only suffers from noise.

    Args:
        model: of an architecture with scores; it is left as it came.
        episodes: needle episodes; a knock-out is measured on all of them.
        terms: of the score, those that the model has by default; "decay" is the bias of FoX and ALiBi.
        controls: of "random", "shuffle" and "mean"; none where empty. A bias has none.
        n_control: episodes that controls are measured on, the first of each length.
        seed: of the random rows and permutations.

    Returns:
        One row a layer, head, term and how: log_p_lost (mean nats of log p of the answer) with its 95 %
        interval low to high, exact_lost (share of all episodes that were right and are not, less those that
        became right) with exact_low and exact_high, n (episodes).

    Raises:
        ValueError: the model computes no scores, or has no such term.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> table = knockouts(model, task.build(0, n_episodes=4), controls=["shuffle"])
        >>> len(table), sorted(set(table["term"])), sorted(set(table["how"]))  # 2 layers, 4 heads
        (32, ['content', 'importance'], ['shuffle', 'zero'])
    """
    chosen = checked_terms(model, terms)
    for control in controls:
        one_of("controls", control, CONTROLS)
    few = first_episodes(episodes, whole("n_control", n_control, least=2))
    zeros = [Intervention(term, seed=seed) for term in chosen]
    instead = [
        Intervention(term, cast(How, how), seed=seed)
        for how in controls
        for term in chosen
        if term != "decay"
    ]
    parts = [_every_head(model, episodes, zeros), *([_every_head(model, few, instead)] if instead else [])]
    return summarise_effects(pd.concat(parts, ignore_index=True), by=("layer", "head", "term", "how"))


def _every_head(model: SISAModel, episodes: Episodes, changes: Sequence[Intervention]) -> pd.DataFrame:
    """Return a row an episode, change and head of every layer that has the term; changes come in order."""
    rows: dict[Intervention, list[pd.DataFrame]] = {change: [] for change in changes}
    for asked in asked_of(model, episodes):
        before = unchanged(model, asked)
        for layer in shown(range(len(model.blocks)), what=f"layers of {len(asked.rows)} episodes"):
            there = [change for change in changes if layer in layers_with(model, change.what)]
            heads_apart = isinstance(model.blocks[layer].attn, Attention)
            one_by_one = _by_outputs if heads_apart else _by_hooks
            for change, head, after in one_by_one(model, asked, there, layer):
                place = {"layer": layer, "head": head, "term": change.what, "how": change.how}
                rows[change].append(effect_rows(asked, before, after).assign(**place))
    return pd.concat([part for change in changes for part in rows[change]], ignore_index=True)


def _by_hooks(
    model: SISAModel, asked: Asked, changes: Sequence[Intervention], layer: int
) -> Iterator[tuple[Intervention, int, Answers]]:
    """Yield the answers with one change of one head after the other, each from a whole pass."""
    for change in changes:
        for head in range(n_heads_of(model, layer, change.what)):
            with intervened(model, replace(change, layers=[layer], heads=[head])):
                after = answers_from(model, asked, asked.entries[layer], layer)
            yield change, head, after


@torch.no_grad()
def _by_outputs(
    model: SISAModel, asked: Asked, changes: Sequence[Intervention], layer: int
) -> Iterator[tuple[Intervention, int, Answers]]:
    """Yield the same from one pass of the mixer a change: a head's difference is added to the stream."""
    entry, W_O = asked.entries[layer], model.blocks[layer].attn.W_O
    before, middle = _outputs(model, layer, entry)
    for change in changes:
        with intervened(model, replace(change, layers=[layer])):
            after, _ = _outputs(model, layer, entry)
        for head in range(before.shape[2]):
            share = (after[:, :, head] - before[:, :, head]).to(middle.dtype) @ W_O[head]
            yield change, head, answers_after_mixer(model, asked, middle + share, layer)


def _outputs(model: SISAModel, layer: int, entry: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the heads of a layer say, batch position head d_head, and the stream after its mixer."""
    said = {}

    def keep(z: Tensor, hook: HookPoint) -> None:
        said["z"] = z

    with model.hooks(fwd_hooks=[(f"blocks.{layer}.attn.hook_z", keep)]):
        middle = model.blocks[layer].after_mixer(entry)
    return said["z"], middle


def checked_terms(model: SISAModel, terms: Sequence[str] | None) -> list[Target]:
    """Return the terms that are taken out: those that are asked for, by default all that the scores have.

    Args:
        model: of an architecture with scores.
        terms: names of terms, or None.

    Raises:
        ValueError: the model computes no scores, or has no such term.

    Example:
        >>> from model import SISAConfig
        >>> models = [SISAModel(SISAConfig.preset("tiny", architecture=name)) for name in ("sisa", "fox")]
        >>> [checked_terms(model, None) for model in models]
        [['content', 'importance'], ['content', 'decay']]
    """
    scored, there = layers_with(model, "content"), targets(model)
    found: list[Target] = [term for term in KNOCKED_OUT if term in there and scored]
    if "importance" in found or not all(hasattr(model.blocks[at].attn, "hook_bias_scores") for at in scored):
        found = [term for term in found if term != "decay"]
    if not found:
        step = "It computes no scores; whole heads are taken out by effects(…) with Intervention('head')."
        raise refusal("model", model.config.architecture, legal="one with attention", step=step)
    if terms is None:
        return found
    for term in terms:
        one_of("terms", term, found)
    return [cast(Target, term) for term in terms]
