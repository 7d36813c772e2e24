"""Three levels of fusion: what of a model answers without one of the two things that it fuses.

| level | what is fused                                    | what is taken out                           |
| ----- | ------------------------------------------------ | ------------------------------------------- |
| block | attention in some layers, a state space in others | all heads of the one kind of layer          |
| head  | attention and state-space heads in every layer   | v of the one kind of head, x of the other   |
| score | content and importance in every score            | the one or the other term                   |
| none  | content, or content and a bias that fades        | the term; all heads, for comparison          |

Beside each removal stand controls in the same place: the mean of what was taken, something random of equal
size, and, of a term, the same scores shuffled over the keys. Source of the question at block and head level:
arXiv 2510.19861, which removes attention from hybrids.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from data import Episodes
from model.analysis.evaluation import heldout_loss
from model.analysis.interventions.effects import effects
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import LEGAL_HOWS, How, Intervention, Target
from model.analysis.interventions.sites import layers_with, targets
from model.analysis.interventions.summary import mean_of_draws, summarise_effects
from model.network.network import SISAModel

REMOVALS: tuple[How, ...] = ("zero", "mean", "random", "shuffle")
OTHER_LAYERS = "other layers"  # a control: as many layers of the other kind
DRAWS = 4  # of other layers


def removals(model: SISAModel) -> dict[str, Intervention]:
    """Return, by name, what is taken out of a model to see what its other half does alone.

    Args:
        model: of any architecture with attention.

    Returns:
        "content" and "importance" or "decay bias" of scores that have two terms; "attention" and "state
        space" of hybrids; "content" alone of plain attention. "heads" are all heads of all layers.

    Example:
        >>> from model import SISAConfig
        >>> names = ["sisa", "jamba", "hymba", "fox"]
        >>> models = [SISAModel(SISAConfig.preset("tiny", architecture=name)) for name in names]
        >>> [list(removals(model)) for model in models]  # doctest: +NORMALIZE_WHITESPACE
        [['content', 'importance', 'heads'], ['attention', 'state space', 'heads'],
         ['attention', 'state space', 'heads'], ['content', 'decay bias', 'heads']]
    """
    there, heads = targets(model), {"heads": Intervention("head")}
    attends, recurs = layers_with(model, "content"), layers_with(model, "state")
    if not recurs:
        terms: dict[Target, str] = {"content": "content", "importance": "importance"}
        if "importance" not in there:
            terms["decay"] = "decay bias"
        return {name: Intervention(term) for term, name in terms.items() if term in there} | heads
    if set(attends) & set(recurs):
        return {"attention": Intervention("value"), "state space": Intervention("state")} | heads
    of_kind = {"attention": attends, "state space": recurs}
    return {name: Intervention("head", layers=layers) for name, layers in of_kind.items() if layers} | heads


def fusion_levels(
    model: SISAModel, episodes: Episodes, heldout: np.ndarray, *, seed: int = 0
) -> pd.DataFrame:
    """Return what remains of answers and of prediction when a model loses one of the things that it fuses.

    Args:
        model: of any architecture with attention; it is left as it came.
        episodes: needle episodes.
        heldout: token ids of text [row, position], for the loss.
        seed: of random controls and of which other layers are drawn.

    Returns:
        One row a removal and how: removed, how ("zero", or a control: "mean", "random", "shuffle", "other
        layers"), the columns of `summarise_effects`, and loss_rise (nats a token of held-out text). "other
        layers" is the mean over draws of as many layers with a state space as have attention.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab, d_state=0))
        >>> table = fusion_levels(model, task.build(0, n_episodes=3), np.arange(32)[None] % 16)
        >>> table[["removed", "how"]].values.tolist()[:4]
        [['content', 'zero'], ['content', 'mean'], ['content', 'random'], ['content', 'shuffle']]
    """
    changes = [*_in_place(model, seed), *_elsewhere(model, seed)]
    by, whole, losses = ["removed", "how"], heldout_loss(model, heldout), []
    for _, _, change in changes:
        with intervened(model, change):
            losses.append(heldout_loss(model, heldout) - whole)
    keys = pd.DataFrame([change[:2] for change in changes], columns=by)
    keys = keys.assign(name=keys.index.astype(str), loss_rise=losses)
    rows = effects(model, episodes, dict(zip(keys["name"], (change for *_, change in changes), strict=True)))
    of_episode = mean_of_draws(rows.merge(keys, on="name"), by=[*by, "episode"])
    return summarise_effects(of_episode, by=by).merge(mean_of_draws(keys, by=by, of=["loss_rise"]), on=by)


def _in_place(model: SISAModel, seed: int) -> Iterator[tuple[str, str, Intervention]]:
    """Yield every removal and its controls in the same place."""
    for removed, change in removals(model).items():
        for how in REMOVALS:
            if how in LEGAL_HOWS[change.what]:
                yield removed, how, Intervention(change.what, how, layers=change.layers, seed=seed)


def _elsewhere(model: SISAModel, seed: int) -> Iterator[tuple[str, str, Intervention]]:
    """Yield draws of as many layers of a state space as have attention, where these are fewer."""
    attends, recurs = layers_with(model, "content"), layers_with(model, "state")
    if set(attends) & set(recurs) or not attends or len(recurs) < len(attends):
        return
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        layers = sorted(rng.choice(recurs, size=len(attends), replace=False).tolist())
        yield "attention", OTHER_LAYERS, Intervention("head", layers=layers)
