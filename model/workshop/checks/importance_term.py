"""Part 2, the importance term: decay and rotation here, the fused call and its range in two other files."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float

from model.mixers.attention.sisa_score import importance_scores
from model.mixers.parts import rotation
from model.mixers.parts.running_sum import running_sum
from model.workshop.checks.importance_fused import SISA_ATTENTION, WIDENED
from model.workshop.checks.importance_range import BLOCK_GAINS, CAUSAL_ANCHOR
from model.workshop.exercise import Computed, Exercise, Mistake

Decay = Float[torch.Tensor, " position"]
State = Float[torch.Tensor, "position d_state"]
Angles = Float[torch.Tensor, "position pair"]
Product = Float[torch.Tensor, "query key"]


def _log_decay(generator: torch.Generator) -> tuple[Decay]:
    """Draw log α of five to eight tokens, from −0.1 to −0.9."""
    length = int(torch.randint(5, 9, (), generator=generator))
    return (-0.1 - 0.8 * torch.rand(length, generator=generator, dtype=torch.float64),)


def _vectors_and_angles(generator: torch.Generator) -> tuple[State, Angles]:
    """Draw vectors of six channels for four tokens, and an angle for each of their pairs."""
    x = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    return x, 0.2 + torch.rand(4, 3, generator=generator, dtype=torch.float64)


def _states(generator: torch.Generator) -> tuple[State, State, Angles, Decay]:
    """Draw C, B, θ and log α of five to eight tokens."""
    (log_decay,) = _log_decay(generator)
    C, B = torch.randn(2, len(log_decay), 6, generator=generator, dtype=torch.float64)
    theta = 0.2 + torch.rand(len(log_decay), 3, generator=generator, dtype=torch.float64)
    return C, B, theta, log_decay


def _left(log_decay: Decay) -> Product:
    """Return what is left of each key at each query as a product of α, one token after the other."""
    left = torch.zeros(len(log_decay), len(log_decay), dtype=torch.float64)
    for key in range(len(log_decay)):
        alpha = log_decay[key:].exp()
        alpha[0] = 1.0  # a token does not fade at its own step
        left[key:, key] = alpha.cumprod(0)
    return left


def _faded(g: Decay, later: bool = False) -> Product:
    """Return e^(g_i − g_j), with or without the pairs whose key is later."""
    faded = (g[:, None] - g).exp()
    return faded if later else faded.tril()


def _importance(C: State, B: State, theta: Angles, log_decay: Decay) -> Product:
    """Return the library's importance of one head at λ = 1."""
    turned_C, turned_B = rotation.rotated_pair(C, B, running_sum(theta.T).T)
    g = running_sum(log_decay)
    one = torch.ones(1, dtype=torch.float64)
    return importance_scores(turned_C[None, None], turned_B[None, None], g[None, None], one)[0, 0]


def _product(
    C: State, B: State, log_decay: Decay, *, C_phase: Angles | None = None, B_phase: Angles | None = None
) -> Product:
    """Return the product of C and B, each turned by its own angles or not at all, and faded."""
    turned_C = C if C_phase is None else rotation.rotate(C, C_phase)
    turned_B = B if B_phase is None else rotation.rotate(B, B_phase)
    return _left(log_decay) * (turned_C @ turned_B.T)


def _both(C: State, B: State, log_decay: Decay, phase: Angles) -> Product:
    """Return the product with both turned by the same angles."""
    return _product(C, B, log_decay, C_phase=phase, B_phase=phase)


HALF_LIFE = Computed(
    name="half_life",
    results={"half_life": ()},
    arguments=_log_decay,
    expected=lambda log_decay: torch.log2(log_decay.exp()).mean().neg().reciprocal(),
    mistakes=(
        Mistake(
            "ln 2 is missing: after 1/rate tokens e⁻¹ ≈ 0.37 is left, not half.",
            lambda log_decay: -1 / log_decay.mean(),
        ),
        Mistake(
            "The half-life is negative. log α is negative, so the rate is −log α.",
            lambda log_decay: math.log(2) / log_decay.mean(),
        ),
        Mistake(
            "Half of the nats is not a half: e^(−1/2) ≈ 0.61. Solve e^(−rate · tokens) = 1/2.",
            lambda log_decay: -0.5 / log_decay.mean(),
        ),
        Mistake(
            "You averaged the half-lives of single tokens. Average the decay first, then divide ln 2 by it.",
            lambda log_decay: (-math.log(2) / log_decay).mean(),
        ),
        Mistake("This is a half-life a token. Average the decay first.", lambda g: -math.log(2) / g),
        Mistake("ln 2 multiplies the rate. Divide it by the rate.", lambda g: -math.log(2) * g.mean()),
    ),
)
RETENTION = Computed(
    name="retention",
    results={"retention": ("query", "key")},
    arguments=_log_decay,
    expected=_left,
    mistakes=(
        Mistake(
            "The exponent's sign is turned: the past grows. It is g_i − g_j, query minus key; g falls.",
            lambda log_decay: _faded(-log_decay.cumsum(0)),
        ),
        Mistake(
            "The running sum is off by one: here a token fades at its own step, and not at the query's. "
            "g_t includes token t.",
            lambda log_decay: _faded(log_decay.cumsum(0) - log_decay),
        ),
        Mistake(
            "The running sum is missing: g_t adds up log α of all tokens up to t.",
            lambda log_decay: _faded(log_decay),
        ),
        Mistake(
            "Later keys are not 0: above the diagonal g_i − g_j is positive, and its exponential grows.",
            lambda log_decay: _faded(log_decay.cumsum(0), later=True),
        ),
        Mistake(
            "These are the exponents g_i − g_j. Take e to their power.",
            lambda log_decay: (log_decay.cumsum(0)[:, None] - log_decay.cumsum(0)).tril(),
        ),
        Mistake(
            "You summed α. What multiplies must be summed as a logarithm: cumsum of log α.",
            lambda log_decay: _faded(log_decay.exp().cumsum(0)),
        ),
    ),
)
ROTATE = Computed(
    name="rotate",
    results={"rotated": ("position", "channel")},
    arguments=_vectors_and_angles,
    expected=rotation.rotate,
    mistakes=(
        Mistake(
            "It turns the wrong way: the minus stands at a cos φ − b sin φ.",
            lambda x, phase: rotation.rotate(x, -phase),
        ),
        Mistake(
            "Both lines have a plus. A rotation has one minus, at a cos φ − b sin φ, and keeps lengths.",
            lambda x, phase: torch.stack(
                (
                    x[:, 0::2] * phase.cos() + x[:, 1::2] * phase.sin(),
                    x[:, 0::2] * phase.sin() + x[:, 1::2] * phase.cos(),
                ),
                dim=2,
            ).flatten(1),
        ),
        Mistake(
            "All first channels stand before all second ones. Pairs are neighbours: stack with dim=2, "
            "so that flatten(1) interleaves them.",
            lambda x, phase: rotation.rotate(x, phase).unflatten(1, (-1, 2)).mT.flatten(1),
        ),
        Mistake("Nothing is turned.", lambda x, phase: x),
    ),
)
STATE_PRODUCT = Computed(
    name="state_product",
    results={"product": ("query", "key")},
    arguments=_states,
    expected=_importance,
    mistakes=(
        Mistake(
            "Only C is turned. Both sides turn, so that the difference of their angles remains.",
            lambda C, B, theta, a: _product(C, B, a, C_phase=theta.cumsum(0)),
        ),
        Mistake(
            "Only B is turned. Both sides turn, so that the difference of their angles remains.",
            lambda C, B, theta, a: _product(C, B, a, B_phase=theta.cumsum(0)),
        ),
        Mistake(
            "B is turned back while C is turned on, so their angles add up. Turn both by +Φ.",
            lambda C, B, theta, a: _product(C, B, a, C_phase=theta.cumsum(0), B_phase=-theta.cumsum(0)),
        ),
        Mistake(
            "Both turn the wrong way: this is the product for angles −Φ.",
            lambda C, B, theta, a: _both(C, B, a, -theta.cumsum(0)),
        ),
        Mistake(
            "The angles are not summed: Φ_t is the running sum of θ up to t.",
            lambda C, B, theta, a: _both(C, B, a, theta),
        ),
        Mistake(
            "The angles' running sum is off by one: Φ_t includes θ of token t.",
            lambda C, B, theta, a: _both(C, B, a, theta.cumsum(0) - theta),
        ),
        Mistake(
            "The angles are summed over the pairs of channels. Sum them over tokens: cumsum(0).",
            lambda C, B, theta, a: _both(C, B, a, theta.cumsum(1)),
        ),
        Mistake(
            "What is left is added. It multiplies the product.",
            lambda C, B, theta, a: _both(C, B, torch.zeros_like(a), theta.cumsum(0)) + _left(a),
        ),
        Mistake("The rotation is missing.", lambda C, B, theta, a: _product(C, B, a)),
        Mistake(
            "The decay is missing: multiply by what is left of each key.",
            lambda C, B, theta, a: _both(C, B, torch.zeros_like(a), theta.cumsum(0)),
        ),
        Mistake(
            "B asks and C answers: rows must be the queries' C, columns the keys' B.",
            lambda C, B, theta, a: _both(B, C, a, theta.cumsum(0)),
        ),
    ),
)
EXERCISES: tuple[Exercise, ...] = (
    HALF_LIFE,
    RETENTION,
    ROTATE,
    STATE_PRODUCT,
    WIDENED,
    SISA_ATTENTION,
    CAUSAL_ANCHOR,
    BLOCK_GAINS,
)
