"""Solutions of part 4, find and break the needle head."""

from __future__ import annotations

import torch
from jaxtyping import Float

from data.results.intervals import mean_interval
from model.analysis.interventions.intervention import Intervention

Pattern = Float[torch.Tensor, "query key"]
Span = tuple[int, int]


def needle_mass(pattern: Pattern, value: Span, answer_start: int) -> float:
    """Return the share of attention on a span from the token that has to say the answer's first token.

    Args:
        pattern: weights of one head, rows sum to 1.
        value: first position of the span, and the one after its last.
        answer_start: position of the answer's first token.

    Example:
        >>> import torch
        >>> needle_mass(torch.full((4, 4), 0.25), (0, 2), 3)
        0.5
    """
    query = answer_start - 1
    start, stop = value
    return float(pattern[query, start:stop].sum())


def most_looking(
    patterns: Float[torch.Tensor, "layer head query key"], value: Span, answer_start: int
) -> tuple[int, int]:
    """Return layer and number of the head with most of its attention on a span when the answer is due.

    Args:
        patterns: weights of every head.
        value: first position of the span, and the one after its last.
        answer_start: position of the answer's first token.

    Example:
        >>> import torch
        >>> patterns = torch.zeros(2, 3, 4, 4)
        >>> patterns[1, 2, 2, 0] = 1
        >>> most_looking(patterns, (0, 1), 3)
        (1, 2)
    """
    start, stop = value
    mass = patterns[:, :, answer_start - 1, start:stop].sum(-1)
    return divmod(int(mass.argmax()), mass.shape[1])


def mass_alone(term: Pattern, value: Span, query: int) -> float:
    """Return the share of attention on a span if one term were the whole score.

    Args:
        term: content or importance of one head, nats.
        value: first position of the span, and the one after its last.
        query: position that looks; it sees itself and all before it.

    Example:
        >>> import torch
        >>> mass_alone(torch.zeros(4, 4), (0, 1), 1)
        0.5
    """
    start, stop = value
    weights = term[query, : query + 1].softmax(dim=-1)
    return float(weights[start:stop].sum())


def moved_by_importance(content: Pattern, importance: Pattern, value: Span, query: int) -> float:
    """Return by how much importance raises the share of attention on a span.

    Args:
        content: of one head, nats.
        importance: likewise, λ included.
        value: first position of the span, and the one after its last.
        query: position that looks.

    Example:
        >>> import torch
        >>> round(moved_by_importance(torch.zeros(2, 2), torch.tensor([[0, 0], [9.0, 0]]), (0, 1), 1), 3)
        0.5
    """
    return mass_alone(content + importance, value, query) - mass_alone(content, value, query)


def without_importance(layer: int, head: int) -> Intervention:
    """Return the change that sets the importance of one head to zero.

    Args:
        layer: number of the layer.
        head: number of the head in it.

    Example:
        >>> without_importance(0, 3)
        importance of L0H3: zero
    """
    return Intervention("importance", layers=[layer], heads=[head])


def nats_lost(
    before: Float[torch.Tensor, "episode token"], after: Float[torch.Tensor, "episode token"]
) -> Float[torch.Tensor, " episode"]:
    """Return by how many nats the answer of each episode became less likely.

    Args:
        before: probability of each token of the answer, by the unchanged model.
        after: likewise, by the changed one.

    Example:
        >>> import torch
        >>> nats_lost(torch.tensor([[1.0, 0.5]]), torch.tensor([[0.5, 0.25]])).exp().round().tolist()
        [4.0]
    """
    return before.log().sum(dim=1) - after.log().sum(dim=1)


def control_heads(head: int, n_heads: int, n: int, seed: int) -> list[int]:
    """Return heads of the same layer that are knocked out beside one head, to compare with it.

    Args:
        head: the one that is examined.
        n_heads: heads of the layer.
        n: how many controls are drawn.
        seed: of the draw.

    Example:
        >>> 3 in control_heads(3, 8, 7, seed=0)
        False
    """
    others = [other for other in range(n_heads) if other != head]
    generator = torch.Generator().manual_seed(seed)
    return [others[at] for at in torch.randperm(len(others), generator=generator)[:n].tolist()]


def excess(
    lost: Float[torch.Tensor, " episode"], controls: Float[torch.Tensor, "control episode"]
) -> tuple[float, float, float]:
    """Return how many nats more a knock-out costs than its controls, and the ends of the 95 % interval.

    Args:
        lost: nats of each episode's answer without the head.
        controls: nats of the same episodes' answers without each of the control heads.

    Example:
        >>> import torch
        >>> excess(torch.tensor([3.0, 4.0, 5.0]), torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
        (2.0, 2.0, 2.0)
    """
    found = mean_interval((lost - controls.mean(dim=0)).tolist())
    return found.value, found.low, found.high
