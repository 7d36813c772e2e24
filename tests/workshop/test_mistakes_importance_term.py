"""Part 2 as learners would write it: what goes wrong is named, and what is right passes however it is put."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mistakes import named

from model.workshop import Checks, NotYet
from model.workshop.checking import exercises

PART = "importance_term"
check = Checks(PART)


def sums(x):
    total, found = torch.zeros_like(x[0]), []
    for row in x:
        total = total + row
        found.append(total)
    return torch.stack(found)


def fading(exponent, later=False):
    """Retention from a running sum that is right or wrong, entry by entry."""

    def attempt(log_decay):
        g, n = exponent(log_decay), len(log_decay)
        kept = [[math.exp(g[i] - g[j]) if later or j <= i else 0.0 for j in range(n)] for i in range(n)]
        return torch.tensor(kept, dtype=torch.float64)

    return attempt


left = fading(sums)


def without_own_step(log_decay):
    return torch.cat((torch.zeros(1).double(), sums(log_decay)[:-1]))


def turned(x, phase, *, sign=1.0):
    """A rotation by matrices of two rows."""
    rows = []
    for vector, angles in zip(x.numpy(), sign * phase.numpy(), strict=True):
        pairs = []
        for pair, angle in zip(vector.reshape(-1, 2), angles, strict=True):
            cos, sin = np.cos(angle), np.sin(angle)
            pairs.append(np.array([[cos, -sin], [sin, cos]]) @ pair)
        rows.append(np.concatenate(pairs))
    return torch.tensor(np.array(rows))


def two_pluses(x, phase):
    result = torch.empty_like(x)
    result[:, ::2] = x[:, ::2] * torch.cos(phase) + x[:, 1::2] * torch.sin(phase)
    result[:, 1::2] = x[:, ::2] * torch.sin(phase) + x[:, 1::2] * torch.cos(phase)
    return result


def halves_apart(x, phase):
    right = turned(x, phase)
    return torch.cat((right[:, ::2], right[:, 1::2]), dim=1)


def products(turn_C, turn_B, *, decay=left, angles=sums):
    """The state product from a choice of what is done to either side."""

    def attempt(C, B, theta, log_decay):
        phase = angles(theta)
        return decay(log_decay) * torch.einsum("ic,jc->ij", turn_C(C, phase), turn_B(B, phase))

    return attempt


def as_it_is(x, phase):
    return x


def back(x, phase):
    return turned(x, phase, sign=-1.0)


def angles_late_by_one(theta):
    return torch.roll(sums(theta), 1, dims=0) * (torch.arange(len(theta)) > 0)[:, None]


def decay_added(C, B, theta, log_decay):
    return products(turned, turned, decay=lambda a: left(a * 0))(C, B, theta, log_decay) + left(log_decay)


def swapped_product(C, B, theta, log_decay):
    return products(turned, turned)(B, C, theta, log_decay)


def wide(scale, whole=1.0):
    """[x ; s · bar] from a choice of s."""

    def attempt(x, bar, lam):
        s = scale(x.shape[-1], bar.shape[-1], lam)
        return torch.hstack([x if whole == 1.0 else x * s, bar * s])

    return attempt


right_wide = wide(lambda d, n, lam: math.sqrt(math.sqrt(d) * lam))


def one_call(q_wide=right_wide, k_wide=right_wide, scale=lambda q: q.size(1) ** -0.5, causal=True):
    def attempt(q, k, v, C_bar, B_bar, lam):
        widened = q_wide(q, C_bar, lam), k_wide(k, B_bar, lam)
        q_hat, k_hat = (x.unsqueeze(0) for x in widened)
        given = {} if scale is None else {"scale": scale(q)}
        return F.scaled_dot_product_attention(q_hat, k_hat, v[None], is_causal=causal, **given).squeeze(0)

    return attempt


def plain(x, bar, lam):
    return torch.hstack([x, bar])


def content_only(x, bar, lam):
    return x


def states_swapped(q, k, v, C_bar, B_bar, lam):
    return one_call()(q, k, v, B_bar, C_bar, lam)


def two_softmaxes(q, k, v, C_bar, B_bar, lam):
    seen = torch.ones(len(q), len(q)).tril().bool()
    content = torch.where(seen, q @ k.T * q.shape[1] ** -0.5, -math.inf).softmax(1)
    importance = torch.where(seen, C_bar @ B_bar.T, -math.inf).softmax(1)
    return content @ v + importance @ v * lam


def minimax(g, bound):
    centre = (g[0] + g[-1]) / 2
    return torch.clip(g - centre, -bound, bound)


def gains_at(anchor, sign=1.0):
    def attempt(g, first):
        c = anchor(g, first)
        return torch.exp(sign * (g[first:] - c)), torch.exp(sign * (c - g))

    return attempt


def same_sign(g, first):
    grown = torch.exp(g - g[first])
    return grown[first:], grown


def exponents_only(g, first):
    return g[first:] - g[first], g[first] - g


def own_keys_only(g, first):
    queries, keys = gains_at(lambda g, first: g[first])(g, first)
    return queries, keys[first:]


def all_queries(g, first):
    return torch.exp(g - g[first]), torch.exp(g[first] - g)


MISTAKES = [
    ("half_life", lambda a: 1 / (-a.mean()), "ln 2 is missing"),
    ("half_life", lambda a: np.log(2) / a.numpy().mean(), "half-life is negative"),
    ("half_life", lambda a: 0.5 / a.mean().abs(), "not a half"),
    ("half_life", lambda a: (np.log(2) / a.abs()).mean(), "averaged the half-lives"),
    ("half_life", lambda a: np.log(2) / a.abs(), "half-life a token"),
    ("half_life", lambda a: np.log(2) * a.abs().mean(), "Divide it"),
    ("retention", fading(lambda a: -sums(a)), "sign is turned"),
    ("retention", fading(without_own_step), "off by one"),
    ("retention", fading(lambda a: a), "running sum is missing"),
    ("retention", fading(sums, later=True), "Later keys are not 0"),
    ("retention", lambda a: (sums(a)[:, None] - sums(a)).tril(), "These are the exponents"),
    ("retention", fading(lambda a: sums(a.exp())), "You summed α"),
    ("retention", lambda a: left(a).T, "rows must be query, columns key"),
    ("rotate", back, "turns the wrong way"),
    ("rotate", two_pluses, "Both lines have a plus"),
    ("rotate", halves_apart, "Pairs are neighbours"),
    ("rotate", as_it_is, "Nothing is turned"),
    ("state_product", products(turned, as_it_is), "Only C is turned"),
    ("state_product", products(as_it_is, turned), "Only B is turned"),
    ("state_product", products(turned, back), "their angles add up"),
    ("state_product", products(back, back), "Both turn the wrong way"),
    ("state_product", products(turned, turned, angles=lambda theta: theta), "angles are not summed"),
    ("state_product", products(turned, turned, angles=angles_late_by_one), "off by one"),
    (
        "state_product",
        products(turned, turned, angles=lambda theta: sums(theta.T).T),
        "summed over the pairs",
    ),
    ("state_product", decay_added, "What is left is added"),
    ("state_product", products(as_it_is, as_it_is), "rotation is missing"),
    ("state_product", products(turned, turned, decay=lambda a: left(a * 0)), "decay is missing"),
    ("state_product", swapped_product, "rows must be the queries' C"),
    ("widened", wide(lambda d, n, lam: math.sqrt(lam)), "also the second part"),
    ("widened", wide(lambda d, n, lam: math.sqrt(d) * math.sqrt(lam)), "fourth root"),
    ("widened", wide(lambda d, n, lam: d ** (1 / 4) * lam), "would weigh λ²"),
    ("widened", wide(lambda d, n, lam: math.sqrt(math.sqrt(d))), "λ is missing"),
    ("widened", wide(lambda d, n, lam: n ** (1 / 4) * math.sqrt(lam)), "fourth root of d_state"),
    ("widened", wide(lambda d, n, lam: (n + d) ** (1 / 4) * math.sqrt(lam)), "d_head + d_state"),
    ("widened", wide(lambda d, n, lam: d ** (1 / 4) * math.sqrt(lam), whole=0.0), "multiplies q or k too"),
    ("widened", wide(lambda d, n, lam: d**1 / 4 * math.sqrt(lam)), "d_head ** 0.25"),
    ("widened", plain, "s is missing"),
    ("sisa_attention", one_call(scale=None), "PyTorch's own"),
    ("sisa_attention", one_call(scale=lambda q: 1.0), "scale is 1. "),
    ("sisa_attention", one_call(scale=lambda q: 1 / q.size(1)), "scale is 1/d_head"),
    ("sisa_attention", one_call(causal=False), "see later keys"),
    ("sisa_attention", one_call(k_wide=plain), "one side only"),
    ("sisa_attention", one_call(q_wide=plain), "one side only"),
    ("sisa_attention", one_call(content_only, content_only), "content alone"),
    ("sisa_attention", states_swapped, "C̄ and B̄ are swapped"),
    ("sisa_attention", two_softmaxes, "two softmaxes"),
    ("causal_anchor", minimax, "looks ahead"),
    ("causal_anchor", lambda g, bound: g - (g.amax() + g.amin()) * 0.5, "nothing keeps it in range"),
    ("causal_anchor", lambda g, bound: torch.clip(g - torch.mean(g), -bound, bound), "mean of g over all"),
    ("causal_anchor", lambda g, bound: bound + g, "clamp it from below"),
    ("causal_anchor", lambda g, bound: torch.clip(g + bound, min=-2 * bound), "g ends at −2 · bound"),
    ("causal_anchor", lambda g, bound: torch.clip(g, min=-bound), "anchor is missing"),
    ("causal_anchor", lambda g, bound: torch.clip(g, min=-bound) + bound, "clamped before the shift"),
    ("causal_anchor", lambda g, bound: torch.clip(g + bound, max=-bound), "clamped from above"),
    ("causal_anchor", lambda g, bound: torch.clip(g + bound, min=bound), "clamped at +bound"),
    ("causal_anchor", lambda g, bound: torch.clip(g - bound, min=-bound), "wrong sign"),
    ("block_gains", gains_at(lambda g, first: g[0]), "one for the whole text"),
    ("block_gains", gains_at(lambda g, first: 0.0), "no anchor"),
    ("block_gains", gains_at(lambda g, first: g.min()), "looks ahead"),
    ("block_gains", gains_at(lambda g, first: sum(g[first:]) / len(g[first:])), "mean over the block"),
    (
        "block_gains",
        gains_at(lambda g, first: (g[first:].max() + g[first:].min()) / 2),
        "middle of the block",
    ),
    ("block_gains", gains_at(lambda g, first: g[first], sign=-1.0), "Both signs are turned"),
    ("block_gains", same_sign, "Both sides carry"),
    ("block_gains", exponents_only, "Take e to their power"),
    ("block_gains", own_keys_only, "Keys before the block are missing"),
    ("block_gains", all_queries, "belong to earlier blocks"),
]


@pytest.mark.parametrize(("name", "attempt", "says"), MISTAKES)
def test_a_mistake_is_named(name, attempt, says):
    with pytest.raises(NotYet, match=f"✗ {name}: ") as error:
        check(named(name, attempt))
    assert says in str(error.value)


def by_counting(log_decay):
    rate = float(log_decay.mean())
    low, high = 0.0, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if math.exp(rate * middle) > 0.5 else (low, middle)
    return low


def by_products(log_decay):
    alpha, n = np.exp(log_decay.numpy()), len(log_decay)
    return np.array([[np.prod(alpha[j + 1 : i + 1]) if j <= i else 0.0 for j in range(n)] for i in range(n)])


def by_segments(log_decay):
    n = len(log_decay)
    steps = log_decay[:, None].expand(n, n).tril(-1).cumsum(0)
    return steps.masked_fill(~torch.ones(n, n, dtype=torch.bool).tril(), -math.inf).exp()


def as_complex(x, phase):
    z = torch.view_as_complex(x.reshape(len(x), -1, 2)) * torch.polar(torch.ones_like(phase), phase)
    return torch.view_as_real(z).reshape(x.shape)


def in_place_of_zeros(x, phase):
    result = torch.zeros_like(x)
    result[:, ::2] = x[:, ::2] * phase.cos() - x[:, 1::2] * phase.sin()
    result[:, 1::2] = x[:, ::2] * phase.sin() + x[:, 1::2] * phase.cos()
    return result


def as_a_state(C, B, theta, log_decay):
    """One key at a time: its B travels along the text, fades, turns and is read."""
    n = len(C)
    product = torch.zeros(n, n, dtype=torch.float64)
    for key in range(n):
        state = B[key : key + 1]
        for query in range(key, n):
            if query > key:
                state = back(state, theta[query : query + 1]) * log_decay[query].exp()
            product[query, key] = (C[query] * state[0]).sum()
    return product


def by_factors(C, B, theta, log_decay):
    g, phase = log_decay.cumsum(0)[:, None], theta.cumsum(0)
    return ((as_complex(C, phase) * g.exp()) @ (as_complex(B, phase) * (-g).exp()).T).tril()


def by_copy(x, bar, lam):
    result = torch.empty(len(x), x.shape[1] + bar.shape[1], dtype=x.dtype)
    result[:, : x.shape[1]] = x
    result[:, x.shape[1] :] = bar * math.exp(0.25 * math.log(x.shape[1]) + 0.5 * math.log(lam))
    return result


def query_by_query(q, k, v, C_bar, B_bar, lam):
    rows = []
    for i in range(len(q)):
        scores = k[: i + 1] @ q[i] / math.sqrt(q.shape[1]) + lam * (B_bar[: i + 1] @ C_bar[i])
        rows.append(scores.softmax(0) @ v[: i + 1])
    return torch.stack(rows)


def as_a_bias(q, k, v, C_bar, B_bar, lam):
    seen = torch.ones(len(q), len(q)).tril() > 0
    bias = torch.where(seen, lam * C_bar @ B_bar.T, -math.inf)
    return F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=bias[None])[0]


def token_by_token(g, bound):
    return [max(float(x) + bound, -bound) for x in g]


def gains_by_loops(g, first):
    queries = [math.exp(g[i] - g[first]) for i in range(first, len(g))]
    return torch.tensor(queries).double(), torch.tensor([math.exp(g[first] - x) for x in g]).double()


def in_numpy(g, first):
    fall = g.numpy() - g.numpy()[first]
    return np.exp(fall)[first:], 1 / np.exp(fall)


RIGHT = [
    ("half_life", by_counting),
    ("half_life", lambda a: math.log(0.5) / (sum(a.tolist()) / len(a))),
    ("half_life", lambda a: np.log(2) / -a.numpy().mean()),
    ("retention", by_products),
    ("retention", by_segments),
    ("retention", left),
    ("rotate", turned),
    ("rotate", as_complex),
    ("rotate", in_place_of_zeros),
    ("state_product", as_a_state),
    ("state_product", by_factors),
    ("state_product", products(turned, turned)),
    ("widened", by_copy),
    ("widened", right_wide),
    ("widened", lambda x, bar, lam: np.hstack([x.numpy(), (lam * x.shape[1] ** 0.5) ** 0.5 * bar.numpy()])),
    ("sisa_attention", query_by_query),
    ("sisa_attention", as_a_bias),
    ("sisa_attention", one_call()),
    ("causal_anchor", token_by_token),
    ("causal_anchor", lambda g, bound: torch.maximum(g + bound, torch.full_like(g, -bound))),
    ("causal_anchor", lambda g, bound: np.clip(g.numpy(), -2 * bound, None) + bound),
    ("block_gains", gains_by_loops),
    ("block_gains", gains_at(lambda g, first: g[first])),
    ("block_gains", in_numpy),
]


@pytest.mark.parametrize(("name", "attempt"), RIGHT)
def test_what_is_right_passes_however_it_is_written(name, attempt):
    check(named(name, attempt))


def test_every_exercise_is_written_in_three_right_ways():
    assert sorted(name for name, _ in RIGHT) == sorted(3 * list(exercises(PART)))
