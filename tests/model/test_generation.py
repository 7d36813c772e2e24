"""Generation: batches of unequal prompts, sampling that its seed decides, stop tokens, what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from small_models import SMALL, lively
from tokenizers import Tokenizer, models, pre_tokenizers

from model import SISAConfig, SISAModel, with_rope
from model.config.architectures import architecture as record_of
from model.config.architectures import architectures
from model.network.generation import Choice

PROMPTS = [[3, 1, 4], [7], [1, 5, 9, 2, 6, 5], [8, 0, 2]]
SAMPLED = {"temperature": 1.3, "top_k": 6, "seed": 5}
NAMES = [record.name for record in architectures()]


def reference(name):
    """A lively model in float64; four layers, so that a hybrid has layers of both kinds."""
    sizes: dict[str, Any] = SMALL | {"d_model": 32, "n_layers": 4, "architecture": name}
    if record_of(name).d_state:
        sizes["d_state"] = 8
    return lively(SISAModel(SISAConfig(**sizes)), half_life=3.0).double()


@pytest.fixture(params=[*NAMES, "dynamic_ntk"])
def model(request):
    if request.param == "dynamic_ntk":
        return with_rope(reference("sisa"), "dynamic_ntk", 2.0)
    return reference(request.param)


def greedy(model, prompt, n_new):
    """The likeliest tokens one by one, from whole passes over one row."""
    ids = torch.tensor([prompt])
    for _ in range(n_new):
        ids = torch.cat((ids, model(ids)[:, -1:].argmax(-1)), dim=1)
    return ids[0].tolist()


def test_each_row_of_a_batch_is_continued_as_alone(model):
    together = model.generate(PROMPTS, max_new_tokens=5)
    assert together.shape == (4, 6 + 5)
    for row, prompt in zip(together.tolist(), PROMPTS, strict=True):
        missing = 6 - len(prompt)
        assert row == [0] * missing + greedy(model, prompt, 5)
        assert row[missing:] == model.generate([prompt], max_new_tokens=5)[0].tolist()


@pytest.mark.parametrize("choice", [{}, SAMPLED], ids=["greedy", "sampled"])
def test_tokens_do_not_depend_on_the_cache_nor_on_the_other_rows(model, choice):
    tokens = model.generate(PROMPTS, max_new_tokens=4, **choice)
    assert torch.equal(tokens, model.generate(PROMPTS, max_new_tokens=4, use_cache=False, **choice))
    others = [[2, 2], PROMPTS[1], [4], PROMPTS[3]]
    changed = model.generate(others, max_new_tokens=4, **choice)
    assert torch.equal(tokens[[1, 3], 3:], changed[[1, 3]])
    assert torch.equal(tokens[:, :8], model.generate(PROMPTS, max_new_tokens=2, **choice))


def test_prompts_come_as_tensors_arrays_or_texts(sisa):
    vocabulary = {"[UNK]": 0, "[PAD]": 10, **{f"w{i}": i for i in range(1, 10)}}
    expected = sisa.generate([[3, 5, 5], [7]], max_new_tokens=4)
    arrays = [np.array([3, 5, 5], dtype=np.uint16), torch.tensor([7])]
    assert torch.equal(sisa.generate(arrays, max_new_tokens=4), expected)
    assert torch.equal(sisa.generate(torch.tensor([[3, 5, 5]]), max_new_tokens=4), expected[:1])
    sisa.tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    sisa.tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    texts = sisa.generate(["w3 w5 w5", "w7"], max_new_tokens=4)
    assert texts[1, :2].tolist() == [10, 10]  # the tokenizer's padding
    assert torch.equal(texts[:, 2:], expected[:, 2:])


def test_a_seed_decides_what_is_sampled_and_nothing_global_is_touched(sisa):
    before = torch.get_rng_state()
    again = [sisa.generate(PROMPTS, max_new_tokens=12, temperature=2.0, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(again[0], again[1])
    assert not torch.equal(again[0], again[2])
    assert torch.equal(before, torch.get_rng_state())
    same = sisa.generate([[3]] * 8, max_new_tokens=12, temperature=2.0)
    assert len({tuple(row) for row in same.tolist()}) == 8  # each row draws for itself


def test_the_coldest_and_the_narrowest_choice_are_greedy(sisa):
    likeliest = sisa.generate(PROMPTS, max_new_tokens=8)
    assert torch.equal(sisa.generate(PROMPTS, max_new_tokens=8, temperature=3.0, top_k=1), likeliest)
    assert torch.equal(sisa.generate(PROMPTS, max_new_tokens=8, temperature=1e-310), likeliest)
    warm = sisa.generate(PROMPTS, max_new_tokens=8, temperature=1e308)
    assert not torch.equal(warm, likeliest)


@pytest.mark.parametrize("top_k", [1, 3, 11])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_shares_of_tokens_are_their_probabilities(top_k, temperature):
    logits = torch.randn(11, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    drawn = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000  # evenly over 0 to 1
    chosen = Choice(temperature, top_k, seed=0).of(logits.expand(len(drawn), -1), drawn)
    p = (logits / temperature).exp()
    p[logits.argsort(descending=True)[top_k:]] = 0
    shares = chosen.bincount(minlength=11) / len(drawn)
    assert (shares - p / p.sum()).abs().max() <= 1.1e-4
    assert torch.equal(shares > 0, p > 0)


def test_a_model_samples_by_its_own_probabilities(sisa):
    chosen = sisa.generate([[3, 1, 4]] * 4_000, max_new_tokens=1, temperature=1.5, top_k=4)[:, -1]
    largest, ids = sisa(torch.tensor([[3, 1, 4]]))[0, -1].topk(4)
    p = (largest / 1.5).softmax(-1)
    counts = chosen.bincount(minlength=11)
    assert counts[ids].sum() == 4_000
    # Pearson's statistic with 3 degrees of freedom: 16.3 is passed once in a thousand seeds
    assert ((counts[ids] - 4_000 * p) ** 2 / (4_000 * p)).sum() < 16.3


@pytest.mark.parametrize("drawn", [0.0, 1 - 2**-53])
def test_the_ends_of_the_random_numbers_give_tokens_that_have_a_probability(drawn):
    logits = torch.tensor([[-1e9, 0.0, 1.0, -1e9, *[0.3] * 40]])
    chosen = Choice(0.7, logits.shape[1], seed=0).of(logits, torch.tensor([drawn], dtype=torch.float64))
    assert logits[0, chosen] > -1


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_row_ends_with_its_stop_token_and_the_rest_go_on(sisa, use_cache):
    free = sisa.generate(PROMPTS, max_new_tokens=12)
    new = free[:, 6:].tolist()
    stop = next(token for token in range(1, 11) if 0 < sum(token in row[:8] for row in new) < len(new))
    ended = sisa.generate(PROMPTS, max_new_tokens=12, stop=[stop], use_cache=use_cache)
    kept = [row[: row.index(stop) + 1] if stop in row else row for row in new]
    longest = max(map(len, kept))
    assert ended[:, 6:].tolist() == [row + [0] * (longest - len(row)) for row in kept]
    assert torch.equal(ended[:, :6], free[:, :6])


def test_generation_ends_once_all_rows_have(sisa):
    passes = []
    with sisa.hooks(fwd_hooks=[("hook_embed", lambda x, hook: passes.append(len(x)))]):
        out = sisa.generate(PROMPTS, max_new_tokens=1_000, stop=list(range(11)))
    assert out.shape == (4, 7)
    assert passes == [2, 1, 1]  # one a length, with as many rows as there are of it


def test_no_pass_holds_padding(sisa):
    fed = []
    with sisa.hooks(fwd_hooks=[("hook_embed", lambda x, hook: fed.append(tuple(x.shape[:2])))]):
        sisa.generate(PROMPTS, max_new_tokens=2, use_cache=False)
    assert fed == [(2, 3), (2, 4), (1, 1), (1, 2), (1, 6), (1, 7)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tokens": []}, r"tokens is \[\]; legal: a tensor .* or a list of prompts, one at least"),
        ({"tokens": "text"}, r"tokens is 'text'; .* Put a single text into a list: \[text\]"),
        ({"tokens": [[3], []]}, r"Prompt 1: tokens is \[\]; legal: one token at least"),
        ({"tokens": [[3], [11]]}, r"Prompt 1: token ids is '11 to 11'; legal: 0 to 10"),
        ({"tokens": [[3], [0.5]]}, "Prompt 1: tokens is 'shape"),
        ({"tokens": [[3], None]}, "Prompt 1: tokens is None"),
        ({"tokens": [[3], "text"]}, "Prompt 1: tokenizer is None"),
        ({"tokens": [3, 5]}, r"Prompt 0: tokens is 'shape \(\)'"),
        ({"temperature": -0.1}, "temperature is -0.1; legal: finite numbers >= 0"),
        ({"temperature": float("nan")}, "temperature is nan; legal: finite"),
        ({"temperature": float("inf")}, "temperature is inf; legal: finite"),
        ({"temperature": True}, "temperature is True; legal: finite"),
        ({"temperature": "hot"}, "temperature is 'hot'; legal: finite"),
        ({"top_k": 0}, "top_k is 0; legal: whole numbers >= 1 and <= 11"),
        ({"top_k": 12}, "top_k is 12; legal: whole numbers >= 1 and <= 11"),
        ({"top_k": 2.0}, "top_k is 2.0; legal: whole numbers"),
        ({"stop": 3}, r"stop is 3; legal: a list of token ids. Put a single id into a list: \[id\]"),
        ({"stop": "end"}, "stop is 'end'; legal: a list of token ids"),
        ({"stop": [3, 11]}, "a token id in stop is 11; legal: whole numbers >= 0 and <= 10"),
        ({"seed": 0.5}, "seed is 0.5; legal: whole numbers"),
        ({"max_new_tokens": 10**12}, "max_new_tokens is 1000000000000; legal: what fits"),
    ],
    ids=str,
)
def test_what_cannot_be_generated_is_refused_at_once(sisa, given, message):
    def fail(x, hook):
        pytest.fail("a pass ran before the check")

    asked = {"tokens": [[3, 1]], "max_new_tokens": 2} | given
    with sisa.hooks(fwd_hooks=[("hook_embed", fail)]), pytest.raises(ValueError, match=message):
        sisa.generate(asked.pop("tokens"), **asked)


def test_no_new_tokens_give_the_padded_prompts(sisa):
    assert sisa.generate([[3, 1], [7]], max_new_tokens=0).tolist() == [[3, 1], [0, 7]]
