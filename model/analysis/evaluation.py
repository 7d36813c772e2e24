"""Measurements of a model that is not learning: needle episodes, held-out loss, state of every head."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from data import Episodes, score
from data.results.head_table import head_table
from model.network.network import SISAModel, next_token_loss

CHUNK_TOKENS = 16_384
HEAD_STATE: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {  # hook: measure and its value of each head
    "hook_lam": ("lam", lambda lam: lam),
    "hook_log_decay": ("half_life", lambda log_decay: math.log(2) / -log_decay.mean((0, 2))),
    "hook_clamped": ("clamped", lambda clamped: clamped.mean((0, 2))),
}


@torch.no_grad()
def evaluate(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """`data.score` of one forward pass: exact_match, first_token and nll (nats) of every episode.

    Teacher-forced argmax: all tokens of an answer match exactly when greedy decoding would say that answer.
    Episodes of one length go together, without their padding: dynamic NTK follows the length of the input.
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
    """Mean −log p of a token given those before it, nats; tokens [row, position]."""
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
        >>> state.columns.tolist(), round(state["lam"].max(), 4)
        (['layer', 'head', 'clamped', 'half_life', 'lam'], 0.3133)
    """
    _, part = next(_chunks(model, tokens))
    wanted = tuple(HEAD_STATE)
    _, cache = model.run_with_cache(
        part, names_filter=lambda name: name.endswith(wanted), return_cache_object=False, return_type=None
    )
    numbers = []
    for name, fired in cache.items():
        measure, of_head = HEAD_STATE[name.rpartition(".")[2]]
        layer = int(name.split(".")[1])
        numbers += [(layer, head, measure, x) for head, x in enumerate(of_head(fired.float()).tolist())]
    return head_table(numbers)


def _chunks(model: SISAModel, tokens: np.ndarray) -> Iterator[tuple[slice, Tensor]]:
    size = max(1, CHUNK_TOKENS // tokens.shape[1])
    for start in range(0, len(tokens), size):
        rows = slice(start, start + size)
        yield rows, torch.as_tensor(tokens[rows].astype(np.int64), device=model.device)
