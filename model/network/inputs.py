"""What a forward pass is given, looked at before the first layer: token ids, labels and caches.

torch would fail deep inside the network on what is refused here, or take it: labels of as many numbers but
another shape give a loss, and a cache that an interrupted pass left half filled gives logits.
"""

from __future__ import annotations

import torch
from jaxtyping import Integer
from torch import Tensor
from transformer_lens.config import TransformerLensConfig

from data.memory import check_memory, machine_memory
from data.niah.episodes import IGNORED
from data.refusal import refusal, whole
from model.config import SISAConfig
from model.mixers.parts.cache import LayerCache

Tokens = Integer[Tensor, "batch position"]
SHORT_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.uint16, torch.uint32, torch.uint64)
LONG_INTEGERS = (torch.int64, torch.int32)
FLOAT32_BYTES = 4


def checked_tokens(tokens: object, config: SISAConfig | TransformerLensConfig) -> Tokens:
    """Return token ids as the embedding takes them, or refuse what it would misread or fail on.

    Args:
        tokens: what was received.
        config: says how many ids there are.

    Raises:
        ValueError: no tensor of integers, batch × position, or an id outside the vocabulary.

    Example:
        >>> checked_tokens(torch.tensor([[3, 5]], dtype=torch.uint8), SISAConfig.preset("tiny"))
        tensor([[3, 5]])
    """
    if not isinstance(tokens, Tensor):
        step = "Pass model.to_tokens(text), or torch.tensor([ids])."
        raise refusal("tokens", tokens, legal="a tensor of token ids, batch × position", step=step)
    _check_has_numbers("tokens", tokens)
    if tokens.dtype in SHORT_INTEGERS:  # as in a slice of a corpus, whose tokens are uint16
        tokens = tokens.long()
    if tokens.ndim != 2 or tokens.dtype not in LONG_INTEGERS or not tokens.numel():
        came = f"shape {tuple(tokens.shape)}, {tokens.dtype}"
        legal, step = "non-empty int64 batch × position", "For one sequence pass tokens[None]."
        raise refusal("tokens", came, legal=legal, step=step)
    # on a GPU a look at the values would make every step wait; there the embedding's own assertion speaks
    if not tokens.is_cuda and (tokens.min() < 0 or tokens.max() >= config.d_vocab):
        came = f"{int(tokens.min())} to {int(tokens.max())}"
        legal = f"0 to {config.d_vocab - 1} (d_vocab - 1)"
        raise refusal("token ids", came, legal=legal, step="Use the tokenizer this model was trained with.")
    return tokens


def checked_labels(labels: object, tokens: Tokens, config: SISAConfig) -> Tokens:
    """Return the labels of a loss, or refuse what would be scored wrongly or not at all.

    Args:
        labels: what was received.
        tokens: what the model reads, batch × position, already checked.
        config: says how many ids there are.

    Raises:
        ValueError: no tensor of integers of the shape of the tokens, an id outside the vocabulary, or no
            scored position after the first, whose mean would be NaN.

    Example:
        >>> tokens = torch.tensor([[3, 5]])
        >>> checked_labels(torch.tensor([[-100, 5]]), tokens, SISAConfig.preset("tiny"))
        tensor([[-100,    5]])
    """
    shape = tuple(tokens.shape)
    legal = f"a tensor of token ids of the shape of tokens, {shape}, {IGNORED} where none is scored"
    if not isinstance(labels, Tensor):
        raise refusal("labels", labels, legal=legal, step="Pass a tensor, or leave labels out.")
    _check_has_numbers("labels", labels)
    if labels.dtype not in (*SHORT_INTEGERS, *LONG_INTEGERS) or tuple(labels.shape) != shape:
        came = f"shape {tuple(labels.shape)}, {labels.dtype}"
        step = "Do not shift them: that is done inside."
        raise refusal("labels", came, legal=legal, step=step)
    labels = labels.long()
    if labels.is_cuda:  # there the loss has an assertion of its own, and a look would make every step wait
        return labels
    scored = labels[:, 1:][labels[:, 1:] != IGNORED]
    if not scored.numel():
        came = f"{shape[0]} × {shape[1]} without a scored position after the first"
        legal = "one scored position at least"
        step = "A loss is of the tokens after the first: pass a longer text, or labels that score one."
        raise refusal("labels", came, legal=legal, step=step)
    if scored.min() < 0 or scored.max() >= config.d_vocab:
        came = f"{int(scored.min())} to {int(scored.max())}"
        legal = f"0 to {config.d_vocab - 1} (d_vocab - 1), or {IGNORED} where none is scored"
        raise refusal("labels", came, legal=legal, step="Use the tokenizer this model was trained with.")
    return labels


def check_caches(caches: object, tokens: Tokens, *, n_layers: int) -> None:
    """Refuse caches that are not one past of these rows, each layer's own.

    Args:
        caches: what was received.
        tokens: what comes after that past, batch × position, already checked.
        n_layers: blocks of the model.

    Raises:
        ValueError: another number of caches, one object for two layers, another batch, or layers that hold
            different numbers of positions, as after a pass that was interrupted.

    Example:
        >>> check_caches([LayerCache(), LayerCache()], torch.tensor([[3]]), n_layers=2)
        >>> check_caches([LayerCache()], torch.tensor([[3]]), n_layers=2)
        Traceback (most recent call last):
        ValueError: caches is [LayerCache(...)]; legal: None, or a list of 2 LayerCaches, one a layer. ...
    """
    legal = f"None, or a list of {n_layers} LayerCaches, one a layer"
    step = "Make them with [LayerCache() for _ in model.blocks]."
    if not isinstance(caches, list | tuple) or len({id(cache) for cache in caches}) != n_layers:
        raise refusal("caches", caches, legal=legal, step=step)
    if len(caches) != n_layers or not all(isinstance(cache, LayerCache) for cache in caches):
        raise refusal("caches", caches, legal=legal, step=step)
    lengths = sorted({cache.length for cache in caches})
    if len(lengths) > 1:
        legal = "as many in every layer"
        step = f"A pass may have been interrupted. {step}"
        raise refusal("positions in caches", lengths, legal=legal, step=step)
    rows = {len(cache.kept[0]) for cache in caches if cache.kept} - {len(tokens)}
    if rows:
        came, legal = f"of {rows.pop()} rows", f"of {len(tokens)} rows, as tokens has"
        raise refusal("caches", came, legal=legal, step=step)


def check_new_tokens(asked: object, tokens: Tokens, config: SISAConfig, *, cached: bool) -> int:
    """Return how many tokens shall be added to a text, or refuse what no memory holds.

    Each position takes K̂ and V of every layer where they are kept, and a row of logits where all is computed
    anew at each step.

    Args:
        asked: what was received.
        tokens: the text, batch × position, already checked.
        config: of the model.
        cached: whether the past is kept.

    Raises:
        ValueError: no whole number from 0 on, or too much; names the estimate and the limit.

    Example:
        >>> check_new_tokens(5, torch.tensor([[3]]), SISAConfig.preset("tiny"), cached=True)
        5
    """
    number = whole("max_new_tokens", asked, least=0)
    numbers = 2 * config.n_layers * config.d_model if cached else config.d_vocab
    n_bytes = len(tokens) * (tokens.shape[1] + number) * numbers * FLOAT32_BYTES
    step = "Ask for fewer."
    check_memory("max_new_tokens", number, n_bytes=n_bytes, step=step, limit=machine_memory())
    return number


def _check_has_numbers(name: str, tensor: Tensor) -> None:
    """Refuse a tensor that cannot be indexed like an array: of shapes alone, sparse, or nested."""
    if tensor.is_meta or tensor.is_nested or tensor.layout != torch.strided:
        layout = "nested" if tensor.is_nested else str(tensor.layout)
        kind = "on the device meta" if tensor.is_meta else f"of layout {layout}"
        legal, step = "an ordinary tensor, batch × position", "Make it with torch.tensor([ids])."
        raise refusal(name, f"a tensor {kind}", legal=legal, step=step)
