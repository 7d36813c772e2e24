"""Measure a model that is not learning: needle episodes, held-out loss, state of every head."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from data import Episodes, score
from data.results.head_table import head_table
from model.network.network import SISAModel
from model.network.unembedding import next_token_loss

TOKENS_A_PASS = 16_384  # a forward pass; their logits of 50,277 ids take 3.3 GB in float32
HEAD_STATE: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {  # hook: measure and its value of each head
    "hook_lam": ("lam", lambda lam: lam),
    "hook_log_decay": ("half_life", lambda log_decay: math.log(2) / log_decay.mean((0, 2)).abs()),
    "hook_clamped": ("clamped", lambda clamped: clamped.mean((0, 2))),
}


@torch.no_grad()
def evaluate(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """Return exact_match, first_token and nll (nats) of every episode, from one forward pass of each.

    The argmax is teacher-forced, which asks the same as greedy decoding: all tokens of the answer match
    exactly when greedy decoding would say that answer, since up to a first miss both see the same text.
    Episodes of one length go together and without padding, because dynamic NTK follows the input's length.

    Args:
        model: one that knows the episodes' vocabulary.
        episodes: of one build.

    Returns:
        The knobs of the episodes beside their scores, as `data.score` gives them.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> len(evaluate(model, task.build(0, n_episodes=3))[["exact_match", "first_token", "nll"]])
        3
    """
    predictions, nll = np.zeros_like(episodes.tokens), np.zeros(episodes.tokens.shape, np.float32)
    lengths = episodes.knobs["context_length"].to_numpy()
    for length in np.unique(lengths):
        alike = np.flatnonzero(lengths == length)
        for part, tokens in _chunks(model, episodes.tokens[alike, :length]):
            log_p, rows = model(tokens)[:, :-1].float().log_softmax(-1), alike[part]
            predictions[rows, 1:length] = log_p.argmax(-1).cpu()
            nll[rows, 1:length] = -log_p.gather(-1, tokens[:, 1:, None])[..., 0].cpu()
    return score(episodes, predictions=predictions, nll=nll)


@torch.no_grad()
def heldout_loss(model: SISAModel, tokens: np.ndarray) -> float:
    """Return the mean −log p of a token given those before it, in nats.

    Args:
        model: what predicts.
        tokens: token ids [row, position]; every position but the first of a row is predicted.

    Example:
        >>> from model import SISAConfig
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> loss = heldout_loss(model, np.arange(64).reshape(2, 32))
        >>> 3 < loss < 6  # log 64 = 4.16 for a uniform guess
        True
    """
    # fsum rounds once, at the end, however many passes there are
    losses = [len(part) * next_token_loss(model(part), part).item() for _, part in _chunks(model, tokens)]
    return math.fsum(losses) / len(tokens)


@torch.no_grad()
def head_state(model: SISAModel, tokens: np.ndarray) -> pd.DataFrame:
    """Measure λ, half-life and share of clamped positions of every head that has them.

    The half-life is log 2 / (−mean log α), in tokens: so many tokens halve the importance of what came
    before.

    Args:
        model: of any architecture; a transformer has none of the three.
        tokens: token ids [row, position]; as many rows count as fit one forward pass.

    Returns:
        layer, head, and a column for each measure that there is: clamped, half_life, lam.

    Example:
        >>> from model import SISAConfig
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> state = head_state(model, np.arange(32)[None])
        >>> state.columns.tolist(), round(float(state["lam"].max()), 4)
        (['layer', 'head', 'clamped', 'half_life', 'lam'], 0.3133)
    """
    _, part = next(_chunks(model, tokens))
    wanted = tuple(HEAD_STATE)
    _, cache = model.run_with_cache(
        part, names_filter=lambda name: name.endswith(wanted), return_cache_object=False, return_type=None
    )
    numbers: list[tuple[int, int, str, float]] = []
    for name, fired in cache.items():
        measure, of_head = HEAD_STATE[name.rpartition(".")[2]]
        layer = int(name.split(".")[1])
        numbers += [(layer, head, measure, x) for head, x in enumerate(of_head(fired.float()).tolist())]
    return head_table(numbers)


def _chunks(model: SISAModel, tokens: np.ndarray) -> Iterator[tuple[slice, Tensor]]:
    """Yield as many rows as fit one pass: which they are, and their token ids on the model's device."""
    size = max(1, TOKENS_A_PASS // tokens.shape[1])
    for start in range(0, len(tokens), size):
        rows = slice(start, start + size)
        yield rows, torch.as_tensor(tokens[rows].astype(np.int64), device=model.device)
