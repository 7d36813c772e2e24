"""capture: what the trace recomputes is what the hooks saw."""

from typing import Any

import numpy as np
import pytest
import torch
from small_models import SMALL, lively

from data import train_tokenizer
from model import SISAConfig, SISAModel, capture
from model.config.architectures import architectures


@pytest.mark.parametrize("half_life", [100.0, 0.3])
def test_trace_recomputes_what_the_hooks_saw(config, tokens, half_life):
    model = lively(SISAModel(config), half_life=half_life)
    trace = capture(model, tokens[0])
    _, cache = model.run_with_cache(tokens[:1])
    above = np.triu(np.ones((12, 12), bool), 1)
    for layer in range(2):
        for head in range(2):
            parts = {"content": "content_scores", "scores": "attn_scores", "pattern": "pattern"}
            if second := {"importance_scores", "bias_scores"} & set(model.blocks[layer].attn.score_sized):
                parts["importance"] = second.pop()
            for part, hook in parts.items():
                ours = getattr(trace.sisa, part)(layer=layer, head=head).values
                assert np.isnan(ours[above]).all()
                theirs = cache[f"blocks.{layer}.attn.hook_{hook}"][0, head].detach().numpy()
                np.testing.assert_allclose(ours[~above], theirs[~above], atol=1e-4)


def test_no_variable_grows_with_the_square_of_the_length(sisa):
    trace = capture(sisa, torch.zeros(64, dtype=torch.int64))
    per_token = 2 * 2 * (2 * 8 + 2 * 4 + 4 + 2)
    assert sum(v.size for v in trace.data_vars.values()) == 64 * per_token + 2 * 2


def test_lam_scale_is_what_editing_lam_would_do(sisa, tokens):
    trace = capture(sisa, tokens[0])
    double = lambda lam, hook: 2 * lam  # noqa: E731
    with sisa.hooks(fwd_hooks=[("blocks.0.attn.hook_lam", double)]):
        _, cache = sisa.run_with_cache(tokens[:1], names_filter="blocks.0.attn.hook_pattern")
    np.testing.assert_allclose(
        np.nan_to_num(trace.sisa.pattern(layer=0, head=1, lam_scale=2.0).values),
        cache["blocks.0.attn.hook_pattern"][0, 1].detach(),
        atol=1e-5,
    )


def test_provenance_and_labels(sisa, tokens):
    trace = capture(sisa, tokens[:1], spans={"needle": [2, 5]})
    assert trace.token.values.tolist() == [str(i) for i in tokens[0].tolist()]
    assert trace.token_id.values.tolist() == tokens[0].tolist()
    assert '"d_state": 4' in trace.attrs["config"]
    assert '"torch"' in trace.attrs["versions"]
    assert trace.attrs["seed"] == "1"
    assert capture(sisa, [1, 2], labels=["one", "<s>"]).token.values.tolist() == ["one", "<s>"]


def test_the_method_gives_the_trace_that_the_function_gives(sisa, tokens):
    asked: dict[str, Any] = dict(spans={"needle": [2, 5]}, dtype="float16", part="attention")
    labels = [f"t{i}" for i in range(tokens.shape[1])]
    method = sisa.capture(tokens[:1], labels, **asked)
    assert method.identical(capture(sisa, tokens[:1], labels, **asked))
    assert method["q"].dtype == np.float16


def test_text_is_tokenised_and_labelled():
    tokenizer = train_tokenizer(["the secret number is 4821\n" * 20], d_vocab=300)
    config = SISAConfig.from_dict(SMALL | {"d_vocab": tokenizer.get_vocab_size(), "d_state": 4})
    model = SISAModel(config, tokenizer=tokenizer)
    trace = capture(model, "the number is 48\n")
    assert trace.attrs["text"] == "the number is 48\n"
    assert "".join(trace.token.values).replace("·", " ").replace("␣", " ").startswith("the number is 48")


def test_several_sequences_are_refused(sisa, tokens):
    with pytest.raises(ValueError, match=r"tokens is 'shape \(2, 12\)'; legal: one sequence"):
        capture(sisa, tokens)
    with pytest.raises(ValueError, match=r"tokens is \['a', 'b'\]; legal: text, or token ids .*one by one"):
        capture(sisa, ["a", "b"])  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="tokenizer is None"):
        capture(sisa, "text")


def test_half_width_factors(sisa, tokens):
    trace = capture(sisa, tokens[0], dtype="float16")
    assert trace.q.dtype == np.float16
    assert trace.anchored_decay.dtype == np.float32


@pytest.mark.parametrize("architecture", [record.name for record in architectures()])
def test_a_trace_keeps_the_config_of_its_model(architecture):
    model = SISAModel(SISAConfig.preset("tiny", architecture=architecture, d_vocab=50))
    trace = capture(model, torch.arange(12))
    assert SISAConfig.from_dict(trace.sisa.config) == model.config
    assert trace.sisa.score.d_state == trace.sizes.get("d_state", 0)
    spaces = {"mamba2", "mamba3"}
    assert trace.sisa.is_state_space == (architecture in spaces)
