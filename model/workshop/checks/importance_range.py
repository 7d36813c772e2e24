"""Part 2, where the range of exponents ends: an anchor for the whole text, and one a block of queries."""

from __future__ import annotations

import torch
from jaxtyping import Float

from model.workshop.exercise import Computed, Mistake

Decay = Float[torch.Tensor, " position"]
Gains = tuple[torch.Tensor, torch.Tensor]


def _decay_and_bound(generator: torch.Generator) -> tuple[Decay, float]:
    """Draw g of twelve tokens and a bound that it leaves, below, after the third."""
    steps = 1.0 + 4.0 * torch.rand(12, generator=generator, dtype=torch.float64)
    steps[0] = 0.5
    g = -steps.cumsum(0)
    return g, float(-g[2]) / 2


def _decay_and_block(generator: torch.Generator) -> tuple[Decay, int]:
    """Draw g of nine tokens, and a block of queries that begins at the third to the sixth."""
    g = -(0.1 + 0.5 * torch.rand(9, generator=generator, dtype=torch.float64)).cumsum(0)
    return g, int(torch.randint(2, 6, (), generator=generator))


def _fall(g: Decay, start: int, end: int) -> torch.Tensor:
    """Return the decay between two positions, added up token by token."""
    return g.diff()[start:end].sum()


def _step_by_step(g: Decay, first: int) -> Gains:
    """Return the gains of a block from decays that are added up token by token."""
    queries = torch.stack([_fall(g, first, query) for query in range(first, len(g))])
    before = torch.stack([_fall(g, key, first) for key in range(first)])
    return queries.exp(), torch.cat((before.exp(), 1 / queries.exp()))


def _gains(g: Decay, first: int, c: torch.Tensor) -> Gains:
    """Return the gains of a block under another anchor."""
    return (g[first:] - c).exp(), (c - g).exp()


CAUSAL_ANCHOR = Computed(
    name="causal_anchor",
    results={"g_hat": ("position",)},
    arguments=_decay_and_bound,
    expected=lambda g, bound: torch.where(g > -2 * bound, g, -2 * bound) + bound,
    mistakes=(
        Mistake(
            "The anchor is the middle of the largest and the smallest g. The smallest is the last token's, "
            "so whoever adds a token changes every earlier one: it looks ahead. Use c = −bound.",
            lambda g, bound: (g - (g.max() + g.min()) / 2).clamp(-bound, bound),
        ),
        Mistake(
            "The anchor is the middle of the largest and the smallest g, which looks ahead, "
            "and nothing keeps it in range. Use c = −bound, and clamp.",
            lambda g, bound: g - (g.max() + g.min()) / 2,
        ),
        Mistake(
            "The anchor is the mean of g over all tokens, later ones too: it looks ahead. Use c = −bound.",
            lambda g, bound: (g - g.mean()).clamp(-bound, bound),
        ),
        Mistake("Nothing keeps g − c above −bound: clamp it from below.", lambda g, bound: g + bound),
        Mistake(
            "It is clamped at −2 · bound after the shift. g ends at −2 · bound, g − c at −bound.",
            lambda g, bound: (g + bound).clamp(min=-2 * bound),
        ),
        Mistake(
            "g is clamped, but the anchor is missing: all of it is still below 0, half of the range unused.",
            lambda g, bound: g.clamp(min=-bound),
        ),
        Mistake(
            "g is clamped before the shift, at −bound: half of the range is given away.",
            lambda g, bound: g.clamp(min=-bound) + bound,
        ),
        Mistake(
            "It is clamped from above. g falls without end: the limit is below.",
            lambda g, bound: (g + bound).clamp(max=-bound),
        ),
        Mistake(
            "It is clamped at +bound. g − c falls: its limit is −bound.",
            lambda g, bound: (g + bound).clamp(min=bound),
        ),
        Mistake(
            "The shift has the wrong sign: g − c with c = −bound is g + bound.",
            lambda g, bound: (g - bound).clamp(min=-bound),
        ),
    ),
)
BLOCK_GAINS = Computed(
    name="block_gains",
    results={"query_gain": ("query",), "key_gain": ("key",)},
    arguments=_decay_and_block,
    expected=_step_by_step,
    mistakes=(
        Mistake(
            "The anchor is the first token's g, one for the whole text: late blocks leave the range again. "
            "Use that of the block's first query.",
            lambda g, first: _gains(g, first, g[0]),
        ),
        Mistake(
            "There is no anchor: c = 0.",
            lambda g, first: _gains(g, first, torch.zeros((), dtype=g.dtype)),
        ),
        Mistake(
            "The anchor is the last token's g, so a query's gain depends on tokens after it: it looks ahead. "
            "Use the first query's.",
            lambda g, first: _gains(g, first, g[-1]),
        ),
        Mistake(
            "The anchor is a mean over the block, so a query's gain depends on tokens after it: "
            "it looks ahead. Use the first query's g.",
            lambda g, first: _gains(g, first, g[first:].mean()),
        ),
        Mistake(
            "The anchor is the middle of the block's largest and smallest g: it looks ahead. "
            "Use the first query's g.",
            lambda g, first: _gains(g, first, (g[first] + g[-1]) / 2),
        ),
        Mistake(
            "Both signs are turned: queries carry e^(g_i − c), keys e^(c − g_j).",
            lambda g, first: _gains(-g, first, -g[first]),
        ),
        Mistake(
            "Both sides carry e^(g − c), so the decays add up. Keys carry e^(c − g_j).",
            lambda g, first: ((g[first:] - g[first]).exp(), (g - g[first]).exp()),
        ),
        Mistake(
            "These are the exponents. Take e to their power.",
            lambda g, first: (g[first:] - g[first], g[first] - g),
        ),
        Mistake(
            "Keys before the block are missing: its queries see them too.",
            lambda g, first: _gains(g[first:], 0, g[first]),
        ),
        Mistake(
            "Queries before the block are among the gains: they belong to earlier blocks.",
            lambda g, first: _gains(g, 0, g[first]),
        ),
    ),
)
