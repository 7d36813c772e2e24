"""The linear core: recurrence, chunks and dual form are one map, whatever the decay."""

import pytest
import torch

from model.mixers.state_space.ssd import (
    CHUNK_LENGTH,
    chunked,
    implicit_attention,
    quadratic,
    recurrent,
    segment_sums,
)

DECAYS = {
    "mild": lambda a: -0.1 * a,
    "strong": lambda a: torch.full_like(a, -50.0),
    "none": lambda a: torch.full_like(a, -1e-6),
    "mixed": lambda a: torch.where(a > 0.5, -50.0, -1e-6),
}


def draw(length, *, decay="mild", shared=False, dtype=torch.float32, seed=0):
    """u, a, K, Q of 2 rows, 3 heads, 4 channels, 6 states; decays of a step up to 0.1 nats where mild."""
    g = torch.Generator().manual_seed(seed)
    keys = (2, 1 if shared else 3, length, 6)
    a = DECAYS[decay](torch.rand(2, 3, length, generator=g, dtype=dtype))
    u, K, Q = (torch.randn(shape, generator=g, dtype=dtype) for shape in ((2, 3, length, 4), keys, keys))
    return [x.requires_grad_() for x in (u, a, K, Q / 6)]


def with_gradients(form, inputs, **options):
    """Output and the gradient of a fixed weighted sum by every input."""
    y = form(*inputs, **options)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype)
    return [y.detach(), *torch.autograd.grad((weights * y).sum(), inputs, materialize_grads=True)]


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("length", [1, 7, CHUNK_LENGTH, 2 * CHUNK_LENGTH + 9])
def test_three_forms_are_one_map(length, decay):
    for shared, strict in ((False, False), (True, True)):
        inputs = draw(length, decay=decay, shared=shared)
        reference = with_gradients(recurrent, inputs, strict=strict)
        for form in (chunked, quadratic):
            for got, expected in zip(with_gradients(form, inputs, strict=strict), reference, strict=True):
                assert got.isfinite().all()
                assert (got - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())


@pytest.mark.parametrize("chunk", [1, 5, 64, 300])
def test_any_chunk_gives_the_same(chunk):
    inputs = draw(100, dtype=torch.float64)
    torch.testing.assert_close(chunked(*inputs, chunk=chunk), recurrent(*inputs), atol=1e-12, rtol=0)


@pytest.mark.parametrize("form", [recurrent, quadratic, chunked])
def test_gradients_are_those_of_finite_differences(form):
    options = {"chunk": 3} if form is chunked else {}
    inputs = [x[:1, :2].detach().requires_grad_() for x in draw(7, dtype=torch.float64)]
    assert torch.autograd.gradcheck(lambda *x: form(*x, **options), inputs)


def test_gradients_of_the_implicit_attention():
    _, a, K, Q = (x[:1, :2].detach().requires_grad_() for x in draw(5, dtype=torch.float64))
    g = torch.Generator().manual_seed(2)
    weight, own = (torch.rand(1, 2, 5, generator=g, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(implicit_attention, (weight, a, K, Q, own))


@pytest.mark.parametrize("form", [quadratic, chunked])
def test_nothing_looks_ahead_or_into_other_rows(form):
    inputs = draw(2 * CHUNK_LENGTH + 5)
    y = form(*inputs)
    for x in torch.autograd.grad(y[1, :, 70].sum(), inputs):
        assert not x[0].any()
        assert not x[1, :, 71:].any()
        assert x[1, :, :71].any()


@pytest.mark.parametrize("form", [quadratic, chunked])
def test_a_step_of_minus_infinity_starts_anew(form):
    u, a, K, Q = (x.detach() for x in draw(100))
    a[..., 40] = -torch.inf
    apart = [form(*(x[:, :, span] for x in (u, a, K, Q))) for span in (slice(0, 40), slice(40, 100))]
    inputs = [x.requires_grad_() for x in (u, a, K, Q)]
    together = form(*inputs)
    assert (together - torch.cat(apart, dim=2)).abs().max() <= 1e-5
    assert all(x.isfinite().all() for x in torch.autograd.grad(together.sum(), inputs))


def test_segment_sums_of_a_small_example():
    ninf = -torch.inf
    expected = torch.tensor([[0.0, ninf, ninf], [-2.0, 0.0, ninf], [-5.0, -3.0, 0.0]])
    a = torch.tensor([-1.0, -2.0, -3.0])
    assert torch.equal(segment_sums(a), expected)
    assert torch.equal(segment_sums(a, strict=True), expected.fill_diagonal_(ninf))


def test_small_decays_keep_their_digits_after_large_ones():
    """Running sums would leave 1e-6 less than one digit beside −50,000."""
    a = torch.full((1100,), -50.0)
    a[1000:] = -1e-6
    assert segment_sums(a)[1099, 1000].item() == pytest.approx(-99e-6, rel=1e-4)


def test_implicit_attention_is_the_map_as_a_matrix():
    u, a, K, Q = draw(90)
    weight = torch.rand(2, 3, 90, generator=torch.Generator().manual_seed(2))
    y = chunked(weight[..., None] * u, a, K, Q)
    assert (implicit_attention(weight, a, K, Q) @ u - y).abs().max() <= 1e-5
    own = (K * Q).sum(-1)[..., None] * u
    strict = chunked(weight[..., None] * u, a, K, Q, strict=True)
    assert (strict + weight[..., None] * own - y).abs().max() <= 1e-5
    assert (
        implicit_attention(weight, a, K, Q, weight / 3) @ u - strict - weight[..., None] / 3 * own
    ).abs().max() <= 1e-5


def test_half_precision_keeps_sums_and_states_wide():
    inputs = [x.detach().bfloat16() for x in draw(200)]
    reference, narrow = recurrent(*(x.float() for x in inputs)), chunked(*inputs)
    assert narrow.dtype == torch.bfloat16
    assert (narrow - reference).norm() <= 5e-3 * reference.norm()
