"""Episodes as interventions take them: alike in length, with the unchanged model's stream at every block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from data import Episodes
from data.niah.episodes import IGNORED
from model.network.network import SISAModel

TOKENS_A_PASS = 16_384
TOKENS_A_PASS_ON_CPU = 2_048  # whose activations fit its cache: an eighth less time than with 9,600


@dataclass(frozen=True)
class Asked:
    """Episodes of one length, and how far the unchanged model has come at the entry of every block.

    Args:
        rows: which episodes of the build these are.
        tokens: their token ids.
        queries: the position before each token of the answer, meta tokens counted.
        answer: the answer's token ids.
        entries: the residual stream at the entry of every block.
        n_last: positions from the first of all queries to the end of the text.
    """

    rows: np.ndarray
    tokens: Int[Tensor, "episode position"]
    queries: Int[Tensor, "episode answer"]
    answer: Int[Tensor, "episode answer"]
    entries: list[Tensor]
    n_last: int


@torch.no_grad()
def asked_of(model: SISAModel, episodes: Episodes) -> Iterator[Asked]:
    """Yield episodes that are alike in length, as many as fit a pass, with the unchanged model's streams.

    Args:
        model: whose streams are kept; all of them are in memory for one pass's episodes.
        episodes: of one build.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> [asked.queries.tolist() for asked in asked_of(model, task.build(0, n_episodes=2))]
        [[[14], [14]]]
    """
    scored = episodes.labels != IGNORED
    alike = episodes.knobs["context_length"].to_numpy(), scored.sum(1)
    for length, n_answer in sorted(set(zip(*(column.tolist() for column in alike), strict=True))):
        group = np.flatnonzero((alike[0] == length) & (alike[1] == n_answer))
        for rows in np.split(group, range(step := max(1, tokens_a_pass(model) // length), len(group), step)):
            tokens = torch.as_tensor(episodes.tokens[rows, :length].astype(np.int64), device=model.device)
            at = np.nonzero(scored[rows])[1].reshape(len(rows), n_answer)
            answers = torch.as_tensor(at, device=model.device)
            yield Asked(
                rows=rows,
                tokens=tokens,
                queries=answers - 1 + model.config.n_meta,
                answer=tokens.gather(1, answers),
                entries=entries_of(model, tokens)[:-1],
                n_last=length - int(at.min()) + 1,
            )


def tokens_a_pass(model: SISAModel) -> int:
    """Return how many tokens go through a model at once.

    Example:
        >>> from model import SISAConfig
        >>> tokens_a_pass(SISAModel(SISAConfig.preset("tiny")))
        2048
    """
    return TOKENS_A_PASS_ON_CPU if model.device.type == "cpu" else TOKENS_A_PASS


@torch.no_grad()
def entries_of(model: SISAModel, tokens: Int[Tensor, "episode position"]) -> list[Tensor]:
    """Return the residual stream at the entry of every block and after the last.

    Args:
        model: that reads the tokens.
        tokens: texts of one length.

    Example:
        >>> from model import SISAConfig
        >>> len(entries_of(SISAModel(SISAConfig.preset("tiny")), torch.arange(8)[None]))
        3
    """
    names = ["blocks.0.hook_resid_pre", *(f"blocks.{at}.hook_resid_post" for at in range(len(model.blocks)))]
    _, cache = model.run_with_cache(
        tokens, names_filter=lambda name: name in names, return_cache_object=False, return_type=None
    )
    return [cache[name] for name in names]
