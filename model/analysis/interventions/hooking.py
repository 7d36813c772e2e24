"""Carry interventions out: hooks that change a running model and are gone afterwards, whatever happens.

A term of the score is changed by its factors where that is the same, so that the fused call stays and no
query × key tensor is built: to take content from a query is to set its q to zero. Where single pairs are
meant, the term's own hook is changed, and only the layers that have one take the explicit path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, reduce

import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from data.refusal import refusal
from model.analysis.interventions.changes import (
    mean_by_distance,
    mean_over,
    random_direction,
    random_rows,
    shuffled_keys,
    steady_turn,
)
from model.analysis.interventions.intervention import TERMS, Intervention, Positions
from model.analysis.interventions.sites import (
    TERM_SITES,
    VECTOR_SITES,
    Site,
    channels_mask,
    checked_layers,
    heads_mask,
    positions_mask,
)
from model.network.network import SISAModel

Hook = tuple[str, Callable[[Tensor, HookPoint], Tensor]]
Clean = Mapping[str, Tensor]  # what hooks fired in another run, by full name


@contextmanager
def intervened(
    model: SISAModel, interventions: Intervention | Iterable[Intervention], *, clean: Clean | None = None
) -> Iterator[SISAModel]:
    """Change a model for as long as the `with` block lasts.

    Several interventions apply in the order in which they are given; blocks may be nested. A pass of another
    thread waits until the block ends. A scale by 1 changes nothing, not even the rounding.

    Args:
        model: it gets hooks inside the block and none afterwards, whatever happens inside.
        interventions: what is changed.
        clean: for how="clean", what the hooks fired in the run that is patched in: `recorded` makes it.

    Raises:
        ValueError: the model has no such quantity, layer or head, or the clean run lacks what is needed.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> model, tokens = SISAModel(SISAConfig.preset("tiny")), torch.arange(8)[None]
        >>> with intervened(model, Intervention("importance", layers=[1], heads=[2])):
        ...     _, cache = model.run_with_cache(tokens)
        >>> cache["blocks.1.attn.hook_importance_scores"].abs().amax((0, 2, 3)).bool().tolist()
        [True, True, False, True]
    """
    hooks = [hook for each in listed(interventions) for hook in hooks_of(model, each, clean=clean)]
    with model.hooks(fwd_hooks=hooks):
        yield model


@torch.no_grad()
def recorded(
    model: SISAModel,
    tokens: Int[Tensor, "batch position"],
    interventions: Intervention | Iterable[Intervention],
) -> dict[str, Tensor]:
    """Run a model once and keep what interventions with how="clean" put in place of another run's.

    Args:
        model: left as it came.
        tokens: of the clean run, as many and as long as those of the run that is changed.
        interventions: those that will be made; others than "clean" need nothing.

    Returns:
        Tensors by full hook name, for `intervened`.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> clean, corrupted = torch.arange(8)[None], torch.arange(1, 9)[None]
        >>> stream = Intervention("residual", "clean", layers=[0])
        >>> run = recorded(model, clean, stream)
        >>> with intervened(model, stream, clean=run):
        ...     bool((model(corrupted) == model(clean)).all())
        True
    """
    names = {
        f"blocks.{layer}.{site.hook}"
        for each in listed(interventions)
        if each.how == "clean"
        for layer in checked_layers(model, each)
        for site in sites_of(each)
    }
    _, cache = model.run_with_cache(
        tokens, names_filter=lambda name: name in names, return_cache_object=False, return_type=None
    )
    return cache


def listed(interventions: Intervention | Iterable[Intervention]) -> list[Intervention]:
    """Return one or several interventions as a list, or refuse what is none.

    Example:
        >>> listed(Intervention("head"))
        [head: zero]
    """
    given = [interventions] if isinstance(interventions, Intervention) else interventions
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        step = 'For example Intervention("importance", layers=[0], heads=[3]).'
        raise refusal("interventions", given, legal="an Intervention, or several", step=step)
    found = list(given)
    if not all(isinstance(each, Intervention) for each in found):
        step = 'For example Intervention("importance", layers=[0], heads=[3]).'
        raise refusal("interventions", found, legal="Interventions alone", step=step)
    return found


def sites_of(intervention: Intervention) -> tuple[Site, ...]:
    """Return the hook points that an intervention changes.

    Example:
        >>> [site.hook for site in sites_of(Intervention("content", "scale", factor=0.5))]
        ['attn.hook_rot_q']
    """
    if intervention.what not in TERMS:
        return (VECTOR_SITES[intervention.what],)
    term = TERM_SITES[intervention.what]
    if intervention.needs_scores:
        return (term.scores,)
    if intervention.how == "clean" and intervention.channels is None:
        return term.factors
    if intervention.how == "clean":
        return term.query, term.key
    return (term.query,) if intervention.keys is None else (term.key,)


def hooks_of(model: SISAModel, intervention: Intervention, *, clean: Clean | None = None) -> list[Hook]:
    """Return an intervention as forward hooks, which `run_with_hooks` takes.

    Args:
        model: that will run.
        intervention: what, how and where.
        clean: what the hooks fired in the run that is patched in.

    Raises:
        ValueError: as `intervened`.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> [name for name, _ in hooks_of(model, Intervention("value", layers=[1]))]
        ['blocks.1.attn.hook_v']
    """
    layers = checked_layers(model, intervention)
    if intervention.changes_nothing:
        return []
    hooks: list[Hook] = []
    for layer in layers:
        for site in sites_of(intervention):
            name = f"blocks.{layer}.{site.hook}"
            from_clean = None
            if intervention.how == "clean":
                from_clean = _of_clean_run(name, clean)
            hooks.append((name, partial(_changed, model, intervention, site, layer, from_clean)))
    return hooks


def _of_clean_run(name: str, clean: Clean | None) -> Tensor:
    """Return what a hook fired in the clean run, or say how to get it."""
    if clean is None or name not in clean:
        step = "Make it by recorded(model, tokens, interventions)."
        came = None if clean is None else f"a run without {name}"
        raise refusal("clean", came, legal=f"what the hooks fired in a run, {name} among them", step=step)
    return clean[name]


def _changed(
    model: SISAModel,
    intervention: Intervention,
    site: Site,
    layer: int,
    clean: Tensor | None,
    x: Tensor,
    hook: HookPoint,
) -> Tensor:
    """Return x with the change made where it applies, as a forward hook."""
    if clean is not None:
        if clean.shape != x.shape:
            step = "Both runs need as many texts of the same length in tokens."
            raise refusal("the clean run's shape", tuple(clean.shape), legal=str(tuple(x.shape)), step=step)
        new = clean.to(x)
    elif intervention.needs_scores:
        new = _scores(model, intervention, layer, x)
    else:
        new = _vector(intervention, site, x)
    where = _where(model, intervention, site, x)
    return new if where is None else torch.where(where, new, x)


def _vector(intervention: Intervention, site: Site, x: Tensor) -> Tensor:
    """Return all of x changed."""
    how = intervention.how
    if how == "scale":
        return x * intervention.factor
    if how == "random":
        return random_direction(x, seed=intervention.seed)
    if how != "mean":
        return torch.zeros_like(x)
    if intervention.what == "rotation":
        return steady_turn(x)
    return mean_over(x, (0,) if site.position is None else (0, site.position))


def _scores(model: SISAModel, intervention: Intervention, layer: int, x: Tensor) -> Tensor:
    """Return the scores of all pairs changed."""
    mixer = model.blocks[layer].attn
    visible = getattr(mixer, "visible")(x.shape[-1], x.device)  # noqa: B009 (of mixers that have scores)
    how, seed = intervention.how, intervention.seed
    if how == "mean":
        return mean_by_distance(x, visible)
    if how == "shuffle":
        return shuffled_keys(x, visible, seed=seed)
    if how == "random":
        return random_rows(x, visible, seed=seed)
    return x * intervention.factor if how == "scale" else torch.zeros_like(x)


def _where(model: SISAModel, intervention: Intervention, site: Site, x: Tensor) -> Tensor | None:
    """Return True where x is changed, to be broadcast; None for everywhere."""
    n_meta = model.config.n_meta
    at_query: Sequence[tuple[int, Positions]] = []
    if site.position is not None:
        keys_axis = site.position + 1 if intervention.needs_scores else site.position
        at_query = [(site.position, intervention.queries), (keys_axis, intervention.keys)]
    masks = [positions_mask(x, axis, at, n_meta=n_meta) for axis, at in at_query]
    width = 1 if intervention.what == "rotation" else 2
    masks += [heads_mask(x, site, intervention.heads)]
    masks += [channels_mask(x, intervention.channels, width=width)]
    given = [mask for mask in masks if mask is not None]
    return reduce(torch.logical_and, given) if given else None
