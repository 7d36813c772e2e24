"""Part 1 as learners would write it: what goes wrong is named, and what is right passes however it is put."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mistakes import named

from model.workshop import Checks, NotYet
from model.workshop.checking import exercises

PART = "score_by_hand"
check = Checks(PART)


def without_scale(q, k):
    total = 0.0
    for a, b in zip(q, k, strict=True):
        total = total + a * b
    return total


def scale_without_root(q, k):
    return torch.dot(q, k) / q.numel()


def multiplied(q, k):
    return torch.dot(q, k) * q.numel() ** 0.5


def not_summed(q, k):
    return torch.mul(q, k) * q.numel() ** -0.5


def matrix_without_scale(q, k):
    return torch.einsum("ic,jc->ij", q, k)


def matrix_scale_without_root(q, k):
    return torch.stack([k @ query for query in q]) / q.size(-1)


def root_of_tokens(q, k):
    return torch.matmul(q, k.transpose(0, 1)) / q.size(0) ** 0.5


def only_diagonal(q, k):
    return torch.stack([a @ b for a, b in zip(q, k, strict=True)]) / q.size(1) ** 0.5


def keys_as_rows(q, k):
    return k @ q.T / q.size(1) ** 0.5


def nothing_hidden(scores):
    return scores.clone()


def hidden_where(condition, value=-math.inf):
    def attempt(scores):
        result = scores.clone()
        for i in range(len(scores)):
            for j in range(len(scores)):
                if condition(i, j):
                    result[i, j] = value
        return result

    return attempt


def shares_where(condition, axis=-1):
    return lambda scores: F.softmax(hidden_where(condition)(scores), dim=axis)


def hidden_afterwards(scores):
    return torch.tril(F.softmax(scores, dim=-1))


def one_sum_for_all(scores):
    return never_divided(scores) / never_divided(scores).sum()


def never_divided(scores):
    return torch.exp(hidden_where(later)(scores))


def later(i, j):
    return j > i


def softmax_of(scores):
    return shares_where(later)(scores)


def log_odds(log):
    def attempt(content, product, odds):
        return (log(odds) + content[1] - content[0]) / (product[0] - product[1])

    return attempt


def without_content(content, product, odds):
    return np.log(odds) / float(product[0] - product[1])


def content_added(content, product, odds):
    return (math.log(odds) + (content[0] - content[1])) / (product[0] - product[1])


def odds_of_the_other(content, product, odds):
    return (math.log(1 / odds) - content[0] + content[1]) / (product[0] - product[1])


def upside_down(content, product, odds):
    return (product[0] - product[1]) / (math.log(odds) - content[0] + content[1])


MISTAKES = [
    ("content_score", without_scale, "scale 1/√d_head is missing"),
    ("content_score", scale_without_root, "needs its root"),
    ("content_score", multiplied, "Divide by it"),
    ("content_score", not_summed, "sum over d_head is missing"),
    ("content_scores", matrix_without_scale, "scale 1/√d_head is missing"),
    ("content_scores", matrix_scale_without_root, "needs its root"),
    ("content_scores", root_of_tokens, "root of the number of tokens"),
    ("content_scores", only_diagonal, "the diagonal"),
    ("content_scores", keys_as_rows, "rows must be query, columns key"),
    ("hide_later", nothing_hidden, "Nothing is hidden"),
    ("hide_later", hidden_where(lambda i, j: j >= i), "diagonal is hidden too"),
    ("content_score", lambda q, k: torch.dot(q, k) / math.sqrt(4), "√4, whatever comes"),
    ("content_scores", lambda q, k: q @ k.T / math.sqrt(4), "√4, whatever comes"),
    ("hide_later", hidden_where(lambda i, j: j > i + 1), "One key too many"),
    ("hide_later", hidden_where(lambda i, j: j < i), "hid the past"),
    ("hide_later", hidden_where(later, 0.0), "ordinary score"),
    ("hide_later", hidden_where(later, -1e9), "large negative score"),
    ("causal_softmax", lambda scores: F.softmax(scores, dim=-1), "mask is missing"),
    ("causal_softmax", shares_where(later, axis=0), "runs over the queries"),
    ("causal_softmax", shares_where(lambda i, j: j >= i), "hides the diagonal"),
    ("causal_softmax", shares_where(lambda i, j: j < i), "hides the past"),
    ("causal_softmax", hidden_afterwards, "Hide first"),
    ("causal_softmax", lambda scores: F.softmax(hidden_where(later, 0.0)(scores), dim=1), "e⁰ = 1"),
    ("causal_softmax", never_divided, "divide each by its sum"),
    ("causal_softmax", one_sum_for_all, "sum over all pairs. Each"),
    ("causal_softmax", lambda s: never_divided(s) / s.exp().sum(), "hidden ones too"),
    ("fused_pattern", lambda c, u, lam: softmax_of(c * lam + u), "λ weighs the content"),
    ("fused_pattern", lambda c, u, lam: softmax_of(c * lam + u * lam), "λ weighs both"),
    ("fused_pattern", lambda c, u, lam: softmax_of(u + c), "λ is missing"),
    ("fused_pattern", lambda c, u, lam: softmax_of(c + (u * lam) * lam), "λ enters twice"),
    ("fused_pattern", lambda c, u, lam: softmax_of(c), "content alone"),
    ("fused_pattern", lambda c, u, lam: softmax_of(c) + softmax_of(u) * lam, "two softmaxes"),
    ("fused_pattern", lambda c, u, lam: lam * u + softmax_of(c), "outside the softmax"),
    ("fused_pattern", lambda c, u, lam: softmax_of(softmax_of(u * lam + c)), "softmax is taken twice"),
    ("fused_pattern", lambda c, u, lam: softmax_of(softmax_of(c) + u * lam), "before the second term joins"),
    ("fused_pattern", lambda c, u, lam: F.softmax(u * lam + c, dim=-1), "mask is missing"),
    ("lam_for_odds", log_odds(float), "take ln"),
    ("lam_for_odds", log_odds(math.log10), "base 10"),
    ("lam_for_odds", log_odds(math.log2), "base 2"),
    ("lam_for_odds", without_content, "content is forgotten"),
    ("lam_for_odds", content_added, "wrong sign"),
    ("lam_for_odds", odds_of_the_other, "second key over the first"),
    ("lam_for_odds", upside_down, "this is 1/λ"),
]


@pytest.mark.parametrize(("name", "attempt", "says"), MISTAKES)
def test_a_mistake_is_named(name, attempt, says):
    with pytest.raises(NotYet, match=f"✗ {name}: ") as error:
        check(named(name, attempt))
    assert says in str(error.value)


def by_loops(q, k):
    d_head = q.shape[1]
    return [
        [sum(a * b for a, b in zip(x, y, strict=True)) / d_head**0.5 for y in k.tolist()] for x in q.tolist()
    ]


def in_numpy(scores):
    weights = np.tril(np.exp(scores.numpy() - scores.numpy().max()))
    return weights / weights.sum(axis=1, keepdims=True)


def row_by_row(scores):
    rows = [F.pad(row[: i + 1].softmax(0), (0, len(scores) - i - 1)) for i, row in enumerate(scores)]
    return torch.stack(rows)


def as_bias(content, product, lam):
    one = torch.zeros(1, len(content), 1, dtype=content.dtype)
    bias = hidden_where(later)(content + lam * product)
    values = torch.eye(len(content), dtype=content.dtype)[None]
    return F.scaled_dot_product_attention(one, one, values, attn_mask=bias[None])[0]


def odds_multiply(content, product, lam):
    weights = in_numpy(content) * np.exp(lam * product.numpy())
    return weights / weights.sum(1, keepdims=True)


def by_halving(content, product, odds):
    low, high = -50.0, 50.0
    for _ in range(100):
        lam = (low + high) / 2
        scores = content + lam * product
        low, high = (low, lam) if math.exp(scores[0] - scores[1]) > odds else (lam, high)
    return low


def by_solve(content, product, odds):
    gap = product[:1] - product[1:]
    wanted = torch.tensor([odds]).double().log() - content[:1] + content[1:]
    return torch.linalg.solve(gap[None], wanted)[0]


RIGHT = [
    (
        "content_score",
        lambda q, k: sum(a * b for a, b in zip(q.tolist(), k.tolist(), strict=True)) / len(k) ** 0.5,
    ),
    ("content_score", lambda q, k: np.dot(q.numpy(), k.numpy()) / np.sqrt(q.shape[0])),
    ("content_score", lambda q, k: torch.dot(q / len(q) ** 0.25, k / len(k) ** 0.25)),
    ("content_scores", by_loops),
    ("content_scores", lambda q, k: torch.einsum("ic,jc->ij", q, k) / math.sqrt(k.shape[-1])),
    ("content_scores", lambda q, k: np.inner(q.numpy(), k.numpy()) / q.shape[1] ** 0.5),
    ("hide_later", hidden_where(later)),
    ("hide_later", lambda scores: scores + torch.full_like(scores, -math.inf).triu(1)),
    ("hide_later", lambda scores: np.where(np.tri(len(scores), dtype=bool), scores.numpy(), -np.inf)),
    ("causal_softmax", in_numpy),
    ("causal_softmax", row_by_row),
    ("causal_softmax", shares_where(later)),
    ("fused_pattern", as_bias),
    ("fused_pattern", odds_multiply),
    ("fused_pattern", lambda c, u, lam: row_by_row(torch.stack([c, u * lam]).sum(0))),
    ("lam_for_odds", by_halving),
    ("lam_for_odds", by_solve),
    ("lam_for_odds", lambda c, u, odds: (np.log(odds) - (c[0] - c[1]).item()) / (u[0] - u[1]).item()),
]


@pytest.mark.parametrize(("name", "attempt"), RIGHT)
def test_what_is_right_passes_however_it_is_written(name, attempt):
    check(named(name, attempt))


def test_every_exercise_is_written_in_three_right_ways():
    assert sorted(name for name, _ in RIGHT) == sorted(3 * list(exercises(PART)))
