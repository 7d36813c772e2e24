"""A layer of the shipped model, rebuilt from the solutions of part 2: where it is exact, and where not."""

import pytest
import torch
import torch.nn.functional as F

from model.workshop.own_layer import one_call, own_layer, real_layer
from model.workshop.solutions import importance_term as part

RIGHT = {"rotate": part.rotate, "block_gains": part.block_gains, "attention": part.sisa_attention}


def off(real, **changed) -> float:
    return float((own_layer(real, **RIGHT | changed) - real.output).abs().max())


@pytest.mark.parametrize("layer", range(6))
def test_every_layer_is_rebuilt_to_one_in_a_hundred_thousand(layer):
    assert off(real_layer(layer=layer, n_tokens=200)) < 1e-5


def default_scale(q, k, v, C_bar, B_bar, lam):
    q_hat, k_hat = part.widened(q, C_bar, lam), part.widened(k, B_bar, lam)
    return F.scaled_dot_product_attention(q_hat[None], k_hat[None], v[None], is_causal=True)[0]


def one_side(q, k, v, C_bar, B_bar, lam):
    return part.sisa_attention(q, k, v, C_bar, B_bar / lam**0.5, lam)


WRONG = [
    {"attention": default_scale},
    {"attention": one_side},
    {"rotate": lambda x, phase: x},
    {"block_gains": lambda g, first: (torch.ones(len(g) - first), torch.ones(len(g)))},
]


@pytest.mark.parametrize("changed", WRONG)
def test_a_wrong_function_is_seen_in_the_layer(changed):
    assert off(real_layer(layer=0, n_tokens=80), **changed) > 1e-3


def test_a_long_text_breaks_one_call_and_an_anchor_holds_it_up_to_its_range():
    real = real_layer(layer=0, n_tokens=640)
    head = real.heads[2]
    g = head.log_decay.cumsum(0)
    call = {"rotate": part.rotate, "attention": part.sisa_attention}
    assert one_call(head, g, **call).isnan().all(1).all()
    error = (one_call(head, part.causal_anchor(g, 38.0), **call) - head.z).abs().amax(1)
    past = g < -76
    assert error[~past].max() < 1e-4 < 1e-2 < error[past].max()
    assert off(real) < 1e-5


def test_the_papers_anchor_lets_later_tokens_change_earlier_ones():
    g = real_layer(layer=0, n_tokens=640).heads[2].log_decay.cumsum(0)

    def minimax(g):
        return (g - (g.max() + g.min()) / 2).clamp(-11.0, 11.0)

    differences = [minimax(g[:n])[:100].diff() for n in (100, 640)]
    assert (differences[0] - differences[1]).abs().max() > 0.01
    fixed = [part.causal_anchor(g[:n], 38.0)[:100] for n in (100, 640)]
    assert torch.equal(*fixed)
