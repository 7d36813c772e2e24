"""The grid of a patching: which part of a run is replaced, cell by cell, and what the model then says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from data.refusal import one_of
from model.analysis.interventions.intervention import (
    AT_KEYS,
    AT_QUERIES,
    WITHOUT_HEADS,
    Intervention,
    Target,
)
from model.analysis.interventions.pairs import Pairs
from model.analysis.interventions.sites import layers_with, n_heads_of, targets
from model.mixers.parts.hooks import at_least_float32
from model.network.network import SISAModel

SAME_IN_ALL_RUNS = "lam"


class Said(NamedTuple):
    """What a model says after each text: log p(right) − log p(corrupted answer), nats, and if it is right."""

    difference: Float[Tensor, " pair"]
    exact_match: Bool[Tensor, " pair"]


class Cell(NamedTuple):
    """A cell of the grid: its layer, its columns in the table, and the patch."""

    layer: int
    columns: dict[str, int | str]
    change: Intervention


def checked_part(model: SISAModel, what: str) -> Target:
    """Return the part that is patched, or refuse one that a model lacks or that is the same in all runs.

    Example:
        >>> from model import SISAConfig
        >>> checked_part(SISAModel(SISAConfig.preset("tiny")), "lam")
        Traceback (most recent call last):
        ValueError: what is 'lam'; legal: 'content', 'importance', ...
    """
    legal = [part for part in targets(model) if part != SAME_IN_ALL_RUNS]
    one_of("what", what, legal)
    return cast(Target, what)


def checked_places(what: Target, given: list[Pairs], at: str | None) -> str:
    """Return where a part is patched; "spans" for the residual stream of episodes unless it is said.

    Args:
        what: the part.
        given: pairs of every length.
        at: "all", "spans" or "positions", or None.

    Raises:
        ValueError: the texts have no spans or several lengths, or the part has no positions.

    Example:
        >>> from model.analysis.interventions.pairs import pairs_of
        >>> tokens = torch.arange(3)[None]
        >>> checked_places("residual", pairs_of(tokens, tokens + 1, torch.tensor([[1, 2]])), None)
        'positions'
    """
    legal = ["all"]
    if what in (*AT_QUERIES, *AT_KEYS):
        legal += ["spans"] if given[0].spans else []
        legal += ["positions"] if len(given) == 1 else []
    if at is None:
        return legal[min(1, len(legal) - 1)] if what == "residual" else "all"
    one_of("at", at, legal)
    return at


def cells_of(model: SISAModel, what: Target, pairs: Pairs, places: str) -> list[Cell]:
    """Return the cells of a grid: layers, heads where the part has them, and places.

    Args:
        model: whose part it is.
        what: the part.
        pairs: that the patches are for.
        places: "all", "spans" or "positions".

    Example:
        >>> from model.analysis.interventions.pairs import pairs_of
        >>> from model import SISAConfig
        >>> pairs = pairs_of(torch.tensor([[1, 2]]), torch.tensor([[1, 3]]), torch.tensor([[2, 3]]))[0]
        >>> cells = cells_of(SISAModel(SISAConfig.preset("tiny")), "head", pairs, "all")
        >>> len(cells), cells[1].columns, cells[1].change
        (8, {'layer': 0, 'head': 1, 'at': 'all'}, head of L0H1: clean)
    """
    masks: Mapping[str | int, Tensor | None] = {"all": None}
    if places == "spans":
        masks = {name: pairs.spans[name] for name in pairs.spans}
    if places == "positions":
        every = torch.eye(pairs.clean.shape[1], dtype=torch.bool, device=pairs.clean.device)
        masks = {at: every[at : at + 1] for at in range(len(every))}
    cells = []
    for layer in layers_with(model, what):
        heads = None if what in WITHOUT_HEADS else range(n_heads_of(model, layer, what))
        for head in heads or [None]:
            change = Intervention(what, "clean", layers=[layer], heads=None if head is None else [head])
            columns: dict[str, int | str] = {"layer": layer}
            columns |= {} if head is None else {"head": head}
            place = "queries" if what in AT_QUERIES else "keys"
            for name, mask in masks.items():
                cells.append(Cell(layer, columns | {"at": name}, replace(change, **{place: mask})))
    return cells


def said(model: SISAModel, stream: Tensor, layer: int, pairs: Pairs) -> Said:
    """Return what a model says after each text when block `layer` is given a residual stream.

    Args:
        model: with whatever hooks it has.
        stream: batch position d_model, at the entry of that block; after the last for the number of blocks.
        layer: number of the block.
        pairs: whose answers are compared.

    Example:
        >>> from model.analysis.interventions.pairs import pairs_of
        >>> from model import SISAConfig
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> pairs = pairs_of(torch.tensor([[1, 2]]), torch.tensor([[1, 3]]), torch.tensor([[2, 3]]))[0]
        >>> said(model, model.embed(pairs.clean), 0, pairs).difference.shape
        torch.Size([1])
    """
    for block in model.blocks[layer:]:
        stream = block(stream)
    logits = at_least_float32(model.unembed(model.ln_final(stream[:, -1])))
    right, wrong = logits.gather(1, pairs.answers).unbind(1)  # log p differ as logits do
    return Said(right - wrong, logits.argmax(-1) == pairs.answers[:, 0])
