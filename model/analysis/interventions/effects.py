"""What interventions do to the answers of needle episodes, episode by episode.

A pass begins at the first block that an intervention touches, from the residual stream of the unchanged run,
and after the last mixer only the positions that say the answer go on. Both save work and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from data import Episodes
from data.progress import shown
from data.refusal import refusal
from model.analysis.interventions.asked import Asked, asked_of
from model.analysis.interventions.hooking import Clean, intervened, listed
from model.analysis.interventions.intervention import Intervention
from model.analysis.interventions.sites import checked_layers
from model.mixers.parts.hooks import at_least_float32, watched
from model.network.network import SISAModel

Change = Intervention | Iterable[Intervention]


@dataclass(frozen=True)
class Answers:
    """What a pass says about the answer of every episode.

    Args:
        log_p: log p of the whole answer given the text before it, nats, [episode].
        exact_match: whether greedy decoding gives the answer, [episode].
    """

    log_p: Float[Tensor, " episode"]
    exact_match: Bool[Tensor, " episode"]


@torch.no_grad()
def effects(
    model: SISAModel,
    episodes: Episodes,
    interventions: Mapping[str, Change],
    *,
    clean: Clean | None = None,
) -> pd.DataFrame:
    """Return what each of several interventions does to every episode's answer.

    Args:
        model: it is left as it came, after Ctrl-C as well.
        episodes: needle episodes of the model's vocabulary; all of one length where `clean` is given.
        interventions: one or several together, by a name of your own; an empty list changes nothing.
        clean: of `recorded`, for how="clean".

    Returns:
        One row a name and episode: name, episode, log_p (nats, of the whole answer), log_p_lost (what the
        unchanged model has above it: positive where the intervention hurts), exact_match and was_right
        (whether the unchanged model's answer is right).

    Raises:
        ValueError: as `intervened`.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> changes = {"nothing": [], "λ of layer 0": Intervention("lam", layers=[0])}
        >>> table = effects(model, task.build(0, n_episodes=2), changes)
        >>> table.loc[table["name"] == "nothing", "log_p_lost"].tolist()
        [0.0, 0.0]
    """
    if not isinstance(interventions, Mapping):
        step = 'For example {"no importance": Intervention("importance")}.'
        raise refusal("interventions", interventions, legal="Interventions by name", step=step)
    changes = {name: listed(change) for name, change in interventions.items()}
    first = {name: first_layer(model, change) for name, change in changes.items()}
    parts = []
    for asked in asked_of(model, episodes):
        before = unchanged(model, asked)
        for name, change in shown(changes.items(), what="interventions"):
            with intervened(model, change, clean=clean):
                after = answers_from(model, asked, asked.entries[first[name]], first[name])
            parts.append(effect_rows(asked, before, after).assign(name=name))
    table = pd.concat(parts, ignore_index=True)
    table["name"] = pd.Categorical(table["name"], categories=list(changes))  # sorts as they were given
    table = table.sort_values(["name", "episode"], ignore_index=True).astype({"name": str})
    return table.loc[:, ["name", "episode", "log_p", "log_p_lost", "exact_match", "was_right"]]


def first_layer(model: SISAModel, change: Iterable[Intervention]) -> int:
    """Return the first block that an intervention touches; the last one where it touches none.

    Args:
        model: that is changed.
        change: one intervention or several.

    Example:
        >>> from model import SISAConfig
        >>> first_layer(SISAModel(SISAConfig.preset("tiny")), [Intervention("head", layers=[1])])
        1
    """
    return min((min(checked_layers(model, each)) for each in change), default=len(model.blocks) - 1)


def unchanged(model: SISAModel, asked: Asked) -> Answers:
    """Return the model's own answers, by the way in which those of a change in any block are found.

    Args:
        model: without hooks.
        asked: the episodes.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> unchanged(model, next(asked_of(model, task.build(0, n_episodes=2)))).exact_match.shape
        torch.Size([2])
    """
    return answers_from(model, asked, asked.entries[-1], len(model.blocks) - 1)


@torch.no_grad()
def answers_from(model: SISAModel, asked: Asked, stream: Tensor, layer: int) -> Answers:
    """Return what the model answers when block `layer` is given a residual stream.

    Args:
        model: with whatever hooks it has.
        asked: the episodes.
        stream: batch position d_model, at the entry of that block.
        layer: number of the block.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> asked = next(asked_of(model, task.build(0, n_episodes=2)))
        >>> from_the_first = answers_from(model, asked, asked.entries[0], 0)
        >>> from_the_last = answers_from(model, asked, asked.entries[1], 1)
        >>> bool((from_the_first.log_p - from_the_last.log_p).abs().max() < 1e-5)
        True
    """
    last = len(model.blocks) - 1
    for block in model.blocks[layer:last]:
        stream = block(stream)
    block = model.blocks[last]
    if watched(block.hook_mlp_out):  # what is put there has every position of the text
        return _said(model, asked, _at_queries(asked, block(stream)))
    return answers_after_mixer(model, asked, block.after_mixer_at_last(stream, asked.n_last), last)


@torch.no_grad()
def answers_after_mixer(model: SISAModel, asked: Asked, stream: Tensor, layer: int) -> Answers:
    """Return what the model answers when a block is given a residual stream between its mixer and SwiGLU.

    Args:
        model: with whatever hooks it has.
        asked: the episodes.
        stream: batch position d_model, between mixer and SwiGLU of that block.
        layer: number of the block.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> asked = next(asked_of(model, task.build(0, n_episodes=2)))
        >>> middle = model.blocks[1].after_mixer(asked.entries[1])
        >>> answers_after_mixer(model, asked, middle, 1).log_p.shape
        torch.Size([2])
    """
    block = model.blocks[layer]
    if layer + 1 < len(model.blocks):
        return answers_from(model, asked, block.after_mlp(stream), layer + 1)
    if watched(block.hook_mlp_out):
        return _said(model, asked, _at_queries(asked, block.after_mlp(stream)))
    return _said(model, asked, block.after_mlp(_at_queries(asked, stream)))


def _at_queries(asked: Asked, stream: Tensor) -> Tensor:
    """Return a stream at the positions that say the answer; it may hold the last positions alone."""
    from_the_end = asked.queries - asked.entries[0].shape[1]
    return stream[torch.arange(len(stream), device=stream.device)[:, None], from_the_end]


def _said(model: SISAModel, asked: Asked, stream: Tensor) -> Answers:
    """Return the answers that the last stream gives, episode answer d_model."""
    logits = at_least_float32(model.unembed(model.ln_final(stream)))
    log_p = logits.log_softmax(-1).gather(-1, asked.answer[..., None])[..., 0]
    return Answers(log_p.sum(-1), (logits.argmax(-1) == asked.answer).all(-1))


def effect_rows(asked: Asked, before: Answers, after: Answers) -> pd.DataFrame:
    """Return a row an episode: episode, log_p, log_p_lost, exact_match, was_right.

    Args:
        asked: the episodes.
        before: answers of the unchanged model.
        after: answers of the changed one.

    Example:
        >>> import numpy as np
        >>> said = Answers(torch.tensor([-1.0]), torch.tensor([True]))
        >>> asked = Asked(np.array([4]), *(torch.zeros(1, 1, dtype=torch.int64) for _ in range(3)), [], 1)
        >>> effect_rows(asked, said, Answers(torch.tensor([-3.0]), torch.tensor([False]))).values.tolist()
        [[4, -3.0, 2.0, False, True]]
    """
    lost = before.log_p - after.log_p
    return pd.DataFrame(
        {
            "episode": asked.rows,
            "log_p": after.log_p.cpu().numpy(),
            "log_p_lost": lost.cpu().numpy(),
            "exact_match": after.exact_match.cpu().numpy(),
            "was_right": before.exact_match.cpu().numpy(),
        }
    )
