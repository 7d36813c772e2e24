"""Ablation of a term of the score: the model without content, or without importance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pandas as pd
import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from data import Episodes, summarise
from data.refusal import one_of, refusal
from model.analysis.evaluation import evaluate
from model.network.network import SISAModel

ScoreTerm = Literal["content", "importance"]  # of s_ij = q_i·k_j / √d_h + λ C̄_i·B̄_j
FACTOR_HOOKS: dict[ScoreTerm, str] = {"content": "hook_q", "importance": "hook_lam"}  # a factor of each term


@contextmanager
def ablated(model: SISAModel, part: ScoreTerm) -> Iterator[SISAModel]:
    """Take one term out of every score of a model for as long as the `with` block lasts.

    The score is s_ij = q_i·k_j / √d_h + λ C̄_i·B̄_j. Without content, q = 0; without importance, λ = 0. A
    factor is set to zero and not the term itself, so that no tensor of query × key is built. Every layer
    loses the term, so later layers see the consequences as well.

    Args:
        model: it gets hooks inside the block and none afterwards, whatever happens inside.
        part: "content" or "importance".

    Raises:
        ValueError: the scores of this model have no such term.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> model, tokens = SISAModel(SISAConfig.preset("tiny")), torch.arange(8)[None]
        >>> with ablated(model, "importance"):
        ...     _, cache = model.run_with_cache(tokens)
        >>> cache["blocks.1.attn.hook_importance_scores"].abs().max().item()
        0.0
    """
    one_of("part", part, score_terms(model))
    with model.hooks(fwd_hooks=[(lambda name: name.endswith(FACTOR_HOOKS[part]), _zero)]):
        yield model


def score_terms(model: SISAModel) -> list[ScoreTerm]:
    """Return the terms, of "content" and "importance", that some layer's scores have.

    A SISA has both, a transformer, ALiBi or FoX has content alone, and a state space has neither, because it
    computes no scores.

    Args:
        model: of any architecture.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> names = ["sisa", "fox", "mamba2"]
        >>> [score_terms(SISAModel(SISAConfig.preset("tiny", architecture=name))) for name in names]
        [['content', 'importance'], ['content'], []]
    """
    if not isinstance(model, SISAModel):
        raise refusal("model", model, legal="a SISAModel", step='Begin with load("niah").')
    hooks = list(model.hook_dict)
    return [term for term, factor in FACTOR_HOOKS.items() if any(name.endswith(factor) for name in hooks)]


def ablations(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """Count exact matches of the whole model, without importance, and without content.

    All rows are of the same episodes, so that differences come from the scores alone. A model whose scores
    have one term or none has the first row alone.

    Args:
        model: it is left as it came.
        episodes: needle episodes of the model's vocabulary.

    Returns:
        scores (which terms are left), successes, n, rate with its 95 % Wilson interval low to high, and nll,
        the mean −log p of the answer in nats.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig, SISAModel
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> ablations(model, task.build(0, n_episodes=2))[["scores", "n"]].values.tolist()
        [['content + importance', 2], ['content alone', 2], ['importance alone', 2]]
    """
    terms = score_terms(model)
    rows = [summarise(evaluate(model, episodes), by=()).assign(scores=" + ".join(terms) or "no scores")]
    removals: list[tuple[ScoreTerm, str]] = [("importance", "content alone"), ("content", "importance alone")]
    for removed, left in removals if len(terms) > 1 else []:
        with ablated(model, removed):
            rows.append(summarise(evaluate(model, episodes), by=()).assign(scores=left))
    columns = ["scores", "successes", "n", "rate", "low", "high", "nll"]
    return pd.concat(rows, ignore_index=True).loc[:, columns]


def _zero(factor: Tensor, hook: HookPoint) -> Tensor:
    """Return zeros in place of a factor, as a forward hook."""
    return torch.zeros_like(factor)
