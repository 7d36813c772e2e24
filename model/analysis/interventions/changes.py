"""What becomes of a tensor: zero, scaled, mean, shuffled, random, or as in another run.

Vectors are [batch position head channel] in any order of axes, scores [batch head query key]. All functions
return a new tensor of the same shape and dtype.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def mean_over(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the mean over some axes, as large as x.

    Args:
        x: of any shape.
        axes: which are averaged.

    Example:
        >>> mean_over(torch.tensor([[1.0, 3.0]]), (1,)).tolist()
        [[2.0, 2.0]]
    """
    return x.mean(axes, keepdim=True).expand_as(x)


def steady_turn(
    phase: Float[Tensor, "batch head position pair"],
) -> Float[Tensor, "batch head position pair"]:
    """Return angles that grow by the same amount at every token, and on average end where Φ ends.

    It is what rotation would be without being decided by data: Φ_t = (t + 1) · mean(Φ_L) / L.

    Args:
        phase: Φ, radians.

    Example:
        >>> steady_turn(torch.tensor([0.0, 3.0, 6.0]).reshape(1, 1, 3, 1)).flatten().tolist()
        [2.0, 4.0, 6.0]
    """
    length = phase.shape[2]
    steps = torch.arange(1, length + 1, device=phase.device, dtype=phase.dtype)[:, None]
    return (phase[:, :, -1:].mean(0, keepdim=True) / length * steps).expand_as(phase)


def random_direction(x: Tensor, *, seed: int) -> Tensor:
    """Return vectors of random direction and the norms of x along its last axis.

    Args:
        x: vectors along the last axis.
        seed: of the directions; numbers are drawn on the CPU, so that every device has the same ones.

    Example:
        >>> random_direction(torch.tensor([[3.0, 4.0]]), seed=0).norm().round(decimals=4).item()
        5.0
    """
    drawn = _normal(x, seed)
    return drawn * (x.norm(dim=-1, keepdim=True) / drawn.norm(dim=-1, keepdim=True))


def mean_by_distance(
    scores: Float[Tensor, "batch head query key"], visible: Bool[Tensor, "query key"]
) -> Float[Tensor, "batch head query key"]:
    """Return, for every pair, the mean over the batch and all visible pairs of equal distance i − j.

    What a head does at a distance on average stays, and what it decides by the tokens goes.

    Args:
        scores: of a term, nats.
        visible: True where a query may look.

    Example:
        >>> scores = torch.tensor([[[[1.0, 0.0], [7.0, 3.0]]]])
        >>> mean_by_distance(scores, torch.ones(2, 2).tril().bool()).tolist()
        [[[[2.0, 0.0], [7.0, 2.0]]]]
    """
    length = scores.shape[-1]
    position = torch.arange(length, device=scores.device)
    distance = (position[:, None] - position).clamp(min=0).flatten()
    flat = scores.masked_fill(~visible, 0).mean(0).flatten(1)
    sums = torch.zeros(flat.shape[0], length, device=flat.device, dtype=flat.dtype)
    sums.index_add_(1, distance, flat)
    counts = torch.zeros(length, device=flat.device, dtype=flat.dtype)
    counts.index_add_(0, distance, visible.flatten().to(flat.dtype))
    means = (sums / counts.clamp(min=1))[:, distance].unflatten(1, (length, length))
    return means.masked_fill(~visible, 0).expand_as(scores)


def shuffled_keys(
    scores: Float[Tensor, "batch head query key"], visible: Bool[Tensor, "query key"], *, seed: int
) -> Float[Tensor, "batch head query key"]:
    """Return the scores of every query permuted over the keys that it sees, each query by itself.

    A row keeps its values, so that the softmax is as sharp as it was, but looks elsewhere.

    Args:
        scores: of a term, nats.
        visible: True where a query may look; what is hidden keeps its place.
        seed: of the permutations.

    Example:
        >>> scores = torch.tensor([[[[1.0, 0.0, 0.0], [2.0, 3.0, 0.0], [4.0, 5.0, 6.0]]]])
        >>> shuffled = shuffled_keys(scores, torch.ones(3, 3).tril().bool(), seed=0)
        >>> shuffled.sort(-1).values.equal(scores.sort(-1).values)
        True
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(scores.shape, generator=generator, dtype=torch.float64).to(scores.device)
    place = torch.arange(scores.shape[-1], device=scores.device, dtype=torch.float64)
    hidden_last = 2 + place  # above every random number and every share of a place
    chosen = torch.where(visible, drawn, hidden_last).argsort(-1)
    places = torch.where(visible, place / len(place), hidden_last).argsort(-1).expand_as(chosen)
    return torch.empty_like(scores).scatter(-1, places, scores.gather(-1, chosen))


def random_rows(
    scores: Float[Tensor, "batch head query key"], visible: Bool[Tensor, "query key"], *, seed: int
) -> Float[Tensor, "batch head query key"]:
    """Return rows of random direction with the mean and the spread that each row has over its visible keys.

    Args:
        scores: of a term, nats.
        visible: True where a query may look; elsewhere the result is 0.
        seed: of the rows.

    Example:
        >>> scores = torch.tensor([[[[1.0, 0.0], [2.0, 4.0]]]])
        >>> rows = random_rows(scores, torch.ones(2, 2).tril().bool(), seed=0)
        >>> rows[0, 0, 1].sort().values.round(decimals=4).tolist()  # two keys have one direction, two signs
        [2.0, 4.0]
    """
    seen = visible.sum(-1, keepdim=True).clamp(min=1)
    mean = scores.masked_fill(~visible, 0).sum(-1, keepdim=True) / seen
    norm = (scores - mean).masked_fill(~visible, 0).norm(dim=-1, keepdim=True)
    drawn = _normal(scores, seed).masked_fill(~visible, 0)
    drawn = (drawn - drawn.sum(-1, keepdim=True) / seen).masked_fill(~visible, 0)
    size = drawn.norm(dim=-1, keepdim=True)
    unit = torch.where(size > 0, drawn / size.clamp(min=torch.finfo(size.dtype).tiny), 0)
    return (mean + norm * unit).masked_fill(~visible, 0)


def _normal(like: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
