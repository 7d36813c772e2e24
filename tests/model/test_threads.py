"""Threads that share a model: nobody's pass runs through somebody else's hooks."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from model import capture
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import Intervention

PATIENCE = 0.3  # seconds in which a pass that is not held back ends many times over


def caches(model, tokens):
    _, cache = model.run_with_cache(tokens, return_cache_object=False)
    return cache


def watches(model, tokens):
    seen = {}

    def keep(tensor, hook):
        seen["λ"] = tensor

    seen["logits"] = model.run_with_hooks(tokens, fwd_hooks=[("blocks.1.attn.hook_lam", keep)])
    return seen


PASSES = {
    "forward": lambda model, tokens: {"logits": model(tokens)},
    "forward method": lambda model, tokens: {"logits": model.forward(tokens)},
    "generate": lambda model, tokens: {"tokens": model.generate(tokens, max_new_tokens=9)},
    "run_with_hooks": watches,
    "run_with_cache": caches,
    "capture": lambda model, tokens: {
        name: torch.as_tensor(variable.values)
        for name, variable in capture(model, tokens[0]).items()
        if variable.dtype.kind == "f"
    },
}


def same(got, expected):
    return got.keys() == expected.keys() and all(torch.equal(got[name], expected[name]) for name in got)


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_waits_while_another_thread_has_hooks_in(sisa, tokens, name):
    expected = PASSES[name](sisa, tokens)
    with ThreadPoolExecutor(1) as other:
        with intervened(sisa, Intervention("importance")):
            beside = other.submit(PASSES[name], sisa, tokens)
            with pytest.raises(TimeoutError):
                beside.result(timeout=PATIENCE)
        assert same(beside.result(timeout=60), expected)


def test_hooks_wait_for_a_pass_that_has_begun(sisa, tokens):
    expected, inside, hooked = sisa(tokens), threading.Event(), threading.Event()

    def pause(tensor, hook):
        inside.set()
        hooked.wait(PATIENCE)

    def ablate():
        assert inside.wait(60)
        with intervened(sisa, Intervention("importance")):
            hooked.set()
            return sisa(tokens)

    with ThreadPoolExecutor(1) as other:
        beside = other.submit(ablate)
        assert torch.equal(sisa.run_with_hooks(tokens, fwd_hooks=[("hook_embed", pause)]), expected)
        assert not torch.equal(beside.result(timeout=60), expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.reset_hooks(),
        lambda model: model.add_hook("hook_embed", lambda tensor, hook: tensor * 0),
        lambda model: model.add_perma_hook("hook_embed", lambda tensor, hook: tensor * 0),
        lambda model: model.add_caching_hooks(),
        lambda model: model.remove_all_hook_fns(),
    ],
    ids=["reset_hooks", "add_hook", "add_perma_hook", "add_caching_hooks", "remove_all_hook_fns"],
)
def test_hooks_do_not_change_under_another_thread(sisa, tokens, change):
    with ThreadPoolExecutor(1) as other, intervened(sisa, Intervention("importance")):
        expected, beside = sisa(tokens), other.submit(change, sisa)
        with pytest.raises(TimeoutError):
            beside.result(timeout=PATIENCE)
        assert torch.equal(sisa(tokens), expected)


def test_many_ablations_and_captures_side_by_side(sisa, tokens):
    def without_importance():
        with intervened(sisa, Intervention("importance")):
            return PASSES["forward"](sisa, tokens)

    alone = without_importance(), PASSES["capture"](sisa, tokens)
    with ThreadPoolExecutor(2) as threads:
        removed = [threads.submit(without_importance) for _ in range(10)]
        traced = [threads.submit(PASSES["capture"], sisa, tokens) for _ in range(10)]
        assert all(same(one.result(60), alone[0]) for one in removed)
        assert all(same(one.result(60), alone[1]) for one in traced)


def test_one_thread_nests_hooks_and_an_error_gives_the_turn_back(sisa, tokens):
    with intervened(sisa, Intervention("importance")), sisa.hooks():
        once = sisa(tokens)
        with intervened(sisa, Intervention("content")):
            twice = capture(sisa, tokens[0])
        assert torch.equal(sisa(tokens), once)
    assert not twice["q"].any()
    with pytest.raises(ZeroDivisionError), intervened(sisa, Intervention("content")):
        raise ZeroDivisionError
    with pytest.raises(ValueError, match="tokens"):
        sisa(tokens[0])
    with ThreadPoolExecutor(1) as other:
        assert other.submit(sisa, tokens).result(timeout=60).shape == (*tokens.shape, sisa.config.d_vocab)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_has_a_turn_of_its_own(sisa, tokens, duplicate):
    expected, same_model = sisa(tokens), copy.copy(sisa)
    with ThreadPoolExecutor(1) as other:
        with sisa.hooks():
            assert torch.equal(other.submit(duplicate(sisa), tokens).result(timeout=60), expected)
            beside = other.submit(same_model, tokens)  # its modules are the model's own, hooks included
            with pytest.raises(TimeoutError):
                beside.result(timeout=PATIENCE)
        assert torch.equal(beside.result(timeout=60), expected)
    assert not any("turn" in name for name in sisa.state_dict())
