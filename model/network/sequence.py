"""One sequence as a capture takes it: its token ids, and a label for each position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Int
from tokenizers import Tokenizer
from torch import Tensor

from data import token_labels
from data.refusal import refusal
from model.config import SISAConfig
from model.network.block import Block

Sequenced = str | Sequence[int] | np.ndarray | Tensor  # one text, or the token ids of one


class Reader(Protocol):
    """Name what turns a text into token ids."""

    @property
    def device(self) -> torch.device:
        """The device that token ids go to."""
        ...

    def to_tokens(self, text: str, /) -> Int[Tensor, "batch position"]:
        """Return the token ids of one text, as a batch of one row."""
        ...


class Capturable(Reader, Protocol):
    """Name what a capture asks of a model; SISAModel is one.

    The network imports this file for its method `capture`, so this file describes the network instead of
    importing it.
    """

    config: SISAConfig
    tokenizer: Tokenizer | None
    seed: int
    blocks: Sequence[Block]

    def run_with_cache(self, *args: Any, **kwargs: Any) -> Any:
        """Run once and return the output and what the hooks fired, by name."""
        ...


def one_sequence(model: Reader, tokens: Sequenced) -> Int[Tensor, "1 position"]:
    """Return one sequence as token ids, on the model's device.

    Args:
        model: a SISAModel, or what reads for another one; text needs a tokenizer.
        tokens: text, or token ids [position] or [1, position].

    Raises:
        ValueError: the tokens are not one sequence, or there are none.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> one_sequence(SISAModel(SISAConfig.preset("tiny")), [5, 3]).tolist()
        [[5, 3]]
    """
    if isinstance(tokens, str):
        return model.to_tokens(tokens)
    try:
        ids = torch.as_tensor(tokens, device=model.device)
    except (TypeError, ValueError, RuntimeError):
        legal = "text, or token ids [position] or [1, position]"
        raise refusal("tokens", tokens, legal=legal, step="Pass texts one by one.") from None
    if not ids.numel():  # before the shape, which would be asked for another axis
        step = "There is nothing to read in an empty text."
        raise refusal("tokens", tokens, legal="one token at least", step=step)
    ids = ids[None] if ids.ndim == 1 else ids
    if ids.ndim != 2 or len(ids) != 1:
        came = f"shape {tuple(ids.shape)}"
        raise refusal(
            "tokens", came, legal="one sequence: [position] or [1, position]", step="Pass rows one by one."
        )
    return ids


def checked_strings(labels: object, length: int) -> list[str]:
    """Return the labels that were given, or refuse what is not a text a position.

    Args:
        labels: what was received.
        length: positions to label.

    Raises:
        ValueError: no list of that many strings.

    Example:
        >>> checked_strings(("a", "b"), 2)
        ['a', 'b']
    """
    given = list(labels) if isinstance(labels, Iterable) and not isinstance(labels, str | bytes) else None
    if given is None or len(given) != length or not all(isinstance(label, str) for label in given):
        legal = f"{length} strings, one a position"
        raise refusal("labels", labels, legal=legal, step="Leave labels out for the tokens' own.")
    return [str(label) for label in given]


def position_labels(model: Capturable, ids: Sequence[int], labels: Sequence[str] | None = None) -> list[str]:
    """Return a label for every position of the residual stream: of meta tokens first, then of the tokens.

    Args:
        model: a SISAModel; one without a tokenizer labels tokens with their ids.
        ids: token ids of one sequence.
        labels: a string a token, in place of the tokenizer's.

    Raises:
        ValueError: labels that are not a string a token.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> position_labels(SISAModel(SISAConfig.preset("tiny", architecture="hymba", n_meta=1)), [5, 3])
        ['<meta 0>', '5', '3']
    """
    if labels is not None:
        own = checked_strings(labels, len(ids))
    else:
        own = list(token_labels(model.tokenizer, ids)) if model.tokenizer else [str(i) for i in ids]
    return [f"<meta {n}>" for n in range(model.config.n_meta)] + own
