"""Ablation of a term of the score: the model without content, or without importance."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from data import Episodes, summarise
from data.refusal import refusal
from model.analysis.evaluation import evaluate
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import Intervention
from model.analysis.interventions.sites import layers_with
from model.network.network import SISAModel

ScoreTerm = Literal["content", "importance"]  # of s_ij = q_i·k_j / √d_h + λ C̄_i·B̄_j
SCORE_TERMS: tuple[ScoreTerm, ...] = ("content", "importance")


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
    return [term for term in SCORE_TERMS if layers_with(model, term)]


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
        with intervened(model, Intervention(removed)):
            rows.append(summarise(evaluate(model, episodes), by=()).assign(scores=left))
    columns = ["scores", "successes", "n", "rate", "low", "high", "nll"]
    return pd.concat(rows, ignore_index=True).loc[:, columns]
