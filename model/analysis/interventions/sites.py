"""Where in a model each quantity stands: hook points and the axes of what they fire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from data.refusal import refusal
from model.analysis.interventions.intervention import Intervention, Positions, Target
from model.network.network import SISAModel


class Site(NamedTuple):
    """A hook point of a block, and which axes of its tensor are heads and positions; None where it has none.

    Channels are the last axis where there is one beside these and the batch.
    """

    hook: str
    head: int | None
    position: int | None


class TermSites(NamedTuple):
    """The hook points of a term of the score: factors at the query and at the key, others, and all pairs."""

    query: Site
    key: Site
    others: tuple[Site, ...]
    scores: Site

    @property
    def factors(self) -> tuple[Site, ...]:
        """All factors; the term is a function of them alone."""
        return (self.query, self.key, *self.others)


TERM_SITES: dict[Target, TermSites] = {
    "content": TermSites(
        Site("attn.hook_rot_q", 2, 1),
        Site("attn.hook_rot_k", 2, 1),
        (),
        Site("attn.hook_content_scores", 1, 2),
    ),
    "importance": TermSites(
        Site("attn.hook_rot_C", 1, 2),
        Site("attn.hook_rot_B", 1, 2),
        (Site("attn.hook_anchored_decay", 1, 2), Site("attn.hook_lam", 0, None)),
        Site("attn.hook_importance_scores", 1, 2),
    ),
}
VECTOR_SITES: dict[Target, Site] = {
    "lam": Site("attn.hook_lam", 0, None),
    "decay": Site("attn.hook_log_decay", 1, 2),
    "rotation": Site("attn.hook_phase", 1, 2),
    "value": Site("attn.hook_v", 2, 1),
    "head": Site("attn.hook_z", 2, 1),
    "state": Site("attn.hook_x", 2, 1),
    "mlp": Site("hook_mlp_out", None, 1),
    "residual": Site("hook_resid_pre", None, 1),
}


def first_site(what: Target) -> Site:
    """Return the hook point whose presence says that a layer has a quantity.

    Example:
        >>> first_site("importance").hook
        'attn.hook_rot_C'
    """
    return TERM_SITES[what].query if what in TERM_SITES else VECTOR_SITES[what]


def layers_with(model: SISAModel, what: Target) -> list[int]:
    """Return the layers of a model that have a quantity.

    Args:
        model: of any architecture.
        what: the quantity.

    Example:
        >>> from model import SISAConfig
        >>> jamba = SISAModel(SISAConfig.preset("tiny", architecture="jamba"))
        >>> layers_with(jamba, "content"), layers_with(jamba, "state"), layers_with(jamba, "importance")
        ([1], [0], [])
    """
    if what == "mlp":  # a block without one has the hook point all the same
        return [layer for layer, block in enumerate(model.blocks) if hasattr(block, "mlp")]
    hook, names = first_site(what).hook, model.hook_dict
    return [layer for layer in range(len(model.blocks)) if f"blocks.{layer}.{hook}" in names]


def targets(model: SISAModel) -> list[Target]:
    """Return the quantities that some layer of a model has.

    Example:
        >>> from model import SISAConfig
        >>> targets(SISAModel(SISAConfig.preset("tiny", architecture="fox")))
        ['content', 'decay', 'value', 'head', 'mlp', 'residual']
    """
    known: list[Target] = [*TERM_SITES, *VECTOR_SITES]
    return [what for what in known if layers_with(model, what)]


def n_heads_of(model: SISAModel, layer: int, what: Target) -> int:
    """Return how many heads a quantity of a layer has; 1 where it has none.

    Example:
        >>> from model import SISAConfig
        >>> n_heads_of(SISAModel(SISAConfig.preset("tiny")), 0, "content")
        4
    """
    mixer = model.blocks[layer].attn
    if first_site(what).head is None:
        return 1
    state_space = what == "state" or (what == "decay" and hasattr(mixer, "n_state_heads"))
    return mixer.n_output_heads if state_space or what == "head" else model.config.n_heads


def checked_layers(model: SISAModel, intervention: Intervention) -> list[int]:
    """Return the layers that an intervention changes, or refuse what this model does not have.

    Args:
        model: that is to be changed.
        intervention: what, how and where.

    Raises:
        ValueError: the model, or a layer that was named, lacks the quantity, a head or a channel.

    Example:
        >>> from model import SISAConfig
        >>> model = SISAModel(SISAConfig.preset("tiny", architecture="fox"))
        >>> checked_layers(model, Intervention("content"))
        [0, 1]
        >>> checked_layers(model, Intervention("importance"))
        Traceback (most recent call last):
        ValueError: what is 'importance'; legal: 'content', 'decay', ... A fox has no other.
    """
    what, there = intervention.what, layers_with(model, intervention.what)
    if not there:
        legal = ", ".join(map(repr, targets(model)))
        raise refusal("what", what, legal=legal, step=f"A {model.config.architecture} has no other.")
    layers = there if intervention.layers is None else list(intervention.layers)
    if not set(layers) <= set(there):
        step = f"These layers have {what}."
        raise refusal("layers", intervention.layers, legal=", ".join(map(str, there)), step=step)
    fewest = min(n_heads_of(model, layer, what) for layer in layers)
    if intervention.heads is not None and max(intervention.heads) >= fewest:
        step = "Leave heads out for all of them."
        raise refusal("heads", intervention.heads, legal=f"0 to {fewest - 1}", step=step)
    pairs = min(_pairs(model, layer, what) for layer in layers)
    if intervention.channels is not None and max(intervention.channels) >= pairs:
        step = "Pairs of channels are counted."
        raise refusal("channels", intervention.channels, legal=f"0 to {pairs - 1}", step=step)
    return layers


def _pairs(model: SISAModel, layer: int, what: Target) -> int:
    """Return how many pairs of channels a term of a layer has."""
    return (model.config.d_head if what == "content" else model.config.layer_state(layer)) // 2


def heads_mask(x: Tensor, site: Site, heads: Sequence[int] | None) -> Tensor | None:
    """Return True at the heads that are chosen, to be broadcast against x; None for all.

    Args:
        x: what the hook point fired.
        site: the hook point.
        heads: numbers of heads.

    Example:
        >>> heads_mask(torch.zeros(1, 2, 3), Site("attn.hook_log_decay", 1, 2), [1]).flatten().tolist()
        [False, True]
    """
    if heads is None or site.head is None:
        return None
    chosen = torch.zeros(x.shape[site.head], dtype=torch.bool, device=x.device)
    chosen[list(heads)] = True
    return _along(chosen, x, site.head)


def positions_mask(x: Tensor, axis: int, positions: Positions, *, n_meta: int) -> Tensor | None:
    """Return True at the positions that are chosen, to be broadcast against x; None for all.

    Args:
        x: what the hook point fired; its first axis is the batch.
        axis: of the positions in x.
        positions: of the text, which begins after the meta tokens.
        n_meta: number of meta tokens.

    Raises:
        ValueError: there is no such position, or the mask has another shape than the texts.

    Example:
        >>> positions_mask(torch.zeros(1, 3, 1), 1, [0, 2], n_meta=0).flatten().tolist()
        [True, False, True]
    """
    if positions is None:
        return None
    length = x.shape[axis] - n_meta
    if isinstance(positions, Tensor):
        if positions.shape[1] != length or positions.shape[0] not in (1, x.shape[0]):
            legal = f"({x.shape[0]}, {length}), as the texts have"
            step = "Give one row a text."
            raise refusal("the mask's shape", tuple(positions.shape), legal=legal, step=step)
        chosen = torch.nn.functional.pad(positions.to(x.device), (n_meta, 0))
        return chosen.reshape(len(chosen), *(-1 if at == axis else 1 for at in range(1, x.ndim)))
    if max(positions) >= length:
        raise refusal("positions", list(positions), legal=f"0 to {length - 1}", step="The text ends there.")
    chosen = torch.zeros(x.shape[axis], dtype=torch.bool, device=x.device)
    chosen[[n_meta + at for at in positions]] = True
    return _along(chosen, x, axis)


def channels_mask(x: Tensor, pairs: Sequence[int] | None, *, width: int) -> Tensor | None:
    """Return True at the channels of the pairs that are chosen, along the last axis; None for all.

    Args:
        x: what the hook point fired.
        pairs: numbers of pairs.
        width: channels of a pair in x; 1 where x holds an angle a pair.

    Example:
        >>> channels_mask(torch.zeros(1, 6), [1], width=2).tolist()
        [False, False, True, True, False, False]
    """
    if pairs is None:
        return None
    chosen = torch.zeros(x.shape[-1] // width, dtype=torch.bool, device=x.device)
    chosen[list(pairs)] = True
    return chosen.repeat_interleave(width)


def _along(chosen: Tensor, x: Tensor, axis: int) -> Tensor:
    return chosen.reshape([-1 if at == axis else 1 for at in range(x.ndim)])
