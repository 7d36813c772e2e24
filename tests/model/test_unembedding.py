"""Products with the vocabulary beside their twins, which build every logit."""

import pytest
import torch
import torch.nn.functional as F
from small_models import SMALL

from model import SISAConfig, SISAModel
from model.network import unembedding
from model.network.unembedding import aligned_rows, logits_of
from model.training.loop import row_loss, stream_loss, training_loss

LABELS = torch.tensor([[0, 1, 2, 3, 4], [-100, -100, -100, -100, 6], [-100] * 5])


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.fixture(params=[False, True], ids=["as it is", "aligned"])
def aligned(request, monkeypatch):
    """Whether rows are padded, which only a GPU asks for."""
    if request.param:
        monkeypatch.setattr(torch.Tensor, "is_cuda", True)


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_the_loss_by_parts_and_its_gradients_are_those_of_all_logits(aligned, monkeypatch, at_once):
    monkeypatch.setattr(unembedding, "TOKENS_AT_ONCE", at_once)
    x, weight = drawn(3, 5, 6), drawn(7, 6, seed=1)
    twin = row_loss(x @ weight.mT, LABELS)
    expected = torch.autograd.grad(3 * twin, (x, weight))
    loss = stream_loss(x, weight, LABELS)
    found = torch.autograd.grad(3 * loss, (x, weight))
    torch.testing.assert_close(loss, twin, rtol=1e-12, atol=0)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-14)


def test_aligned_logits_are_the_logits(aligned):
    x, weight = drawn(2, 3, 6), drawn(7, 6, seed=1)
    logits = logits_of(x, weight)
    torch.testing.assert_close(logits, x @ weight.mT, rtol=1e-12, atol=1e-12)
    found = torch.autograd.grad(logits.square().sum(), (x, weight))
    expected = torch.autograd.grad((x @ weight.mT).square().sum(), (x, weight))
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


def test_rows_of_alignment_are_zeros_below():
    padded = aligned_rows(torch.ones(50_277, 1))
    assert len(padded) == 50_304
    assert padded[:50_277].all()
    assert not padded[50_277:].any()


def test_autocast_makes_products_narrow_and_sums_wide(aligned):
    x, weight = drawn(3, 5, 64).float().detach(), drawn(7, 64, seed=1).float().detach().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = stream_loss(x, weight, LABELS)
        logits = F.linear(x, weight)
    assert logits.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    assert abs(loss - row_loss(logits, LABELS)) < 1e-5  # of the same rounded logits
    loss.backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


@pytest.mark.parametrize("architecture", ["transformer", "sisa", "hymba"])
def test_the_training_loss_of_a_model_is_that_of_its_logits(architecture):
    model = SISAModel(SISAConfig(**SMALL, architecture=architecture)).double().train()
    tokens = torch.randint(0, model.config.d_vocab, (2, 12), generator=torch.Generator().manual_seed(0))
    twin = row_loss(model(tokens), tokens)
    expected = torch.autograd.grad(twin, list(model.parameters()))
    loss = training_loss(model, compiled=False)(tokens, tokens)
    found = torch.autograd.grad(loss, list(model.parameters()))
    torch.testing.assert_close(loss, twin, rtol=1e-12, atol=0)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-12)
