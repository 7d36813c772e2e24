"""silencing: one term of a head at zero, and what the model then says, against scores zeroed pair by pair."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from intervened_models import TASK, hooks_left, model_of
from small_models import SMALL

from data import train_tokenizer
from model import SISAConfig, SISAModel, capture
from model.analysis.episode import capture_episode
from model.analysis.silencing import silenced, silencing, silent_terms
from sisa_viz.explorer import ScoreExplorer

SCORES = {"content": "content_scores", "importance": "importance_scores", "decay": "bias_scores", "head": "z"}


@pytest.fixture(scope="module")
def sisa():
    return model_of("sisa")


@pytest.fixture(scope="module")
def trace(sisa):
    return capture_episode(sisa, TASK.build(0, n_episodes=1))


def zeroed(model, ids, *, term, layer, head):
    """Logits and cache of a run whose hook on all pairs (or on z) sets one head to zero; no Intervention."""

    def zero(x, hook):
        x = x.clone()
        x[(slice(None), slice(None), head) if term == "head" else (slice(None), head)] = 0
        return x

    with model.hooks(fwd_hooks=[(f"blocks.{layer}.attn.hook_{SCORES[term]}", zero)]), torch.no_grad():
        return model.run_with_cache(torch.as_tensor(ids)[None])


def text_of(trace):
    ids = trace["token_id"].values
    return ids[ids >= 0]


def greedy(model, prompt, n, **change):
    """n tokens, the whole text read anew for each."""
    for _ in range(n):
        logits, _ = zeroed(model, prompt, **change)
        prompt = np.append(prompt, logits[0, -1].argmax().item())
    return prompt[-n:].tolist()


@pytest.mark.parametrize(
    ("name", "term", "layer"),
    [
        *[("sisa", term, layer) for term in ("content", "importance", "head") for layer in (0, 1)],
        ("fox", "decay", 0),
        ("alibi", "decay", 0),
        ("sigmoid_sisa", "importance", 0),
        ("adaptive_sisa", "importance", 0),
        ("jamba", "content", 1),
        ("hymba", "content", 0),
    ],
)
def test_facts_and_maps_are_those_of_a_run_with_the_scores_at_zero(name, term, layer):
    model = model_of(name)
    trace = capture_episode(model, TASK.build(0, n_episodes=1))
    change = {"term": term, "layer": layer, "head": 1}
    found = silenced(model, trace, **change)
    ids, n_meta = text_of(trace), model.config.n_meta
    start, stop = np.array(trace.sisa.spans["answer"]) - n_meta
    logits, cache = zeroed(model, ids, **change)
    log_p = logits[0].log_softmax(-1)[np.arange(len(ids) - 1), ids[1:]].numpy()
    assert found.after.log_p == pytest.approx(log_p[start - 1 : stop - 1].sum(), abs=1e-9)
    assert found.after.loss == pytest.approx(-log_p.mean(), abs=1e-9)
    assert found.after.said == " ".join(map(str, greedy(model, ids[:start], stop - start, **change)))
    assert (found.asked, found.answer) == ("answer", " ".join(map(str, ids[start:stop])))
    scores = cache[f"blocks.{layer}.attn.hook_attn_scores"][0].numpy()
    visible = np.tril(np.ones(scores.shape[1:], bool))
    for head in range(2):
        ours = found.trace.sisa.scores(layer=layer, head=head).values
        np.testing.assert_allclose(ours[visible], scores[head][visible], atol=1e-4)


@pytest.mark.parametrize("term", ["content", "importance"])
def test_the_head_shows_it_its_neighbour_does_not_and_later_layers_differ(sisa, trace, term):
    found = silenced(sisa, trace, term=term, layer=0, head=1).trace
    other = "importance" if term == "content" else "content"
    part = lambda of, name, **at: np.nan_to_num(getattr(of.sisa, name)(**at).values)  # noqa: E731
    assert abs(part(trace, term, layer=0, head=1)).max() > 0.1
    assert (part(found, term, layer=0, head=1) == 0).all()
    assert (part(found, other, layer=0, head=1) == part(trace, other, layer=0, head=1)).all()
    assert (part(found, term, layer=0, head=0) == part(trace, term, layer=0, head=0)).all()
    for head in range(2):
        assert abs(part(found, term, layer=1, head=head) - part(trace, term, layer=1, head=head)).max() > 1e-3


def test_the_run_before_is_the_models_own_and_the_model_is_left_as_it_came(sisa, trace):
    ids = torch.as_tensor(text_of(trace))[None]
    with torch.no_grad():
        logits = sisa(ids)
        found = silenced(sisa, trace, term="importance", layer=0, head=0)
        assert hooks_left(sisa) == []
        assert torch.equal(sisa(ids), logits)
        assert found.before.loss == pytest.approx(sisa(ids, return_type="loss").item(), abs=1e-12)
    assert found.before.loss != found.after.loss
    said = json.loads(found.trace.attrs["versions"])
    assert said.pop("intervention") == "importance of L0H0: zero"
    assert said == json.loads(trace.attrs["versions"])


def test_hooks_are_gone_after_a_run_that_fails(sisa, trace, monkeypatch):
    monkeypatch.setattr(SISAModel, "generate", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        silenced(sisa, trace, term="content", layer=0, head=0)
    assert hooks_left(sisa) == []


def test_without_an_answer_it_is_the_next_token_that_is_asked_about(sisa):
    ids = [5, 3, 5, 7, 1, 2]
    found = silenced(sisa, capture(sisa, ids, spans={"needle": (1, 3)}), term="content", layer=0, head=0)
    with torch.no_grad():
        log_p = sisa(torch.tensor([ids]))[0, -1].log_softmax(-1)
    changed, _ = zeroed(sisa, ids, term="content", layer=0, head=0)
    top = log_p.argmax().item()
    assert (found.asked, found.answer, found.before.said) == ("next token", str(top), str(top))
    assert found.before.log_p == pytest.approx(log_p.max().item(), abs=1e-9)
    assert found.after.log_p == pytest.approx(changed[0, -1].log_softmax(-1)[top].item(), abs=1e-9)
    assert found.after.said == str(changed[0, -1].argmax().item())


def test_a_text_of_one_token_has_no_loss(sisa):
    found = silenced(sisa, capture(sisa, [5]), term="head", layer=1, head=0)
    assert np.isnan(found.before.loss)
    assert "loss" not in found.facts
    assert "its own maps stay" in found.facts


@pytest.mark.parametrize("name", ["sisa", "hymba"])
def test_the_new_trace_has_the_axes_words_and_numbers_of_the_old_one(name):
    model = model_of(name)
    ids = TASK.build(0, n_episodes=1).tokens[0, :16]
    words = [f"<{at}>" for at in range(16)]
    whole = capture(model, ids, labels=words, spans={"needle": (2, 5), "answer": (14, 16)}, dtype="float16")
    part = whole.isel(layer=[0], head=[1])
    found = silenced(model, part, term="content", layer=0, head=1).trace
    assert found.sizes == part.sizes
    assert found["token"].equals(part["token"])
    assert found.sisa.spans == part.sisa.spans
    assert (found["layer"].item(), found["head"].item(), str(found["q"].dtype)) == (0, 1, "float16")


def test_a_state_space_loses_whole_heads(sisa, trace):
    model = model_of("mamba2")
    trace = capture(model, [5, 3, 5, 7, 1, 2])
    assert silent_terms(model, trace) == ["head"]
    found = silenced(model, trace, term="head", layer=0, head=0)
    logits, _ = zeroed(model, text_of(trace), term="head", layer=0, head=0)
    assert found.after.said == str(logits[0, -1].argmax().item())
    jamba = model_of("jamba")
    assert silent_terms(jamba, capture(jamba, [5, 3], part="ssm")) == ["head"]


def test_what_a_head_does_not_have_and_traces_of_other_models_are_refused(sisa, trace):
    with pytest.raises(ValueError, match="term is 'decay'; legal: 'content', 'importance', 'head'"):
        silenced(sisa, trace, term="decay", layer=0, head=0)
    with pytest.raises(ValueError, match=r"heads is \[2\]; legal: 0 to 1"):
        silenced(sisa, trace, term="content", layer=0, head=2)
    with pytest.raises(ValueError, match="trace is 'of another config'"):
        silenced(model_of("sisa", d_mlp=32), trace, term="content", layer=0, head=0)
    other = capture(SISAModel(sisa.config, seed=5).double(), text_of(trace))
    with pytest.raises(
        ValueError, match="trace is 'of other weights'; legal: one of this model as it is now"
    ):
        silenced(sisa, other, term="content", layer=0, head=0)


def test_text_typed_into_an_explorer_is_read_again_in_its_own_letters():
    tokenizer = train_tokenizer(["the sky is blue"] * 4, d_vocab=262)
    sizes: dict[str, Any] = SMALL | {"d_vocab": 262, "d_state": 4}
    config = SISAConfig(**sizes)
    model = SISAModel(config, seed=0, tokenizer=tokenizer)
    explorer = ScoreExplorer(model=model, silence=silencing(model))
    explorer.show_text("the sky is blue")
    found = explorer.silence("importance")
    assert found.facts.startswith("without importance of L0H0: next token “")
    assert explorer.trace["token"].values.tolist() == found.trace["token"].values.tolist()
    assert (np.nan_to_num(explorer.trace.sisa.importance(layer=0, head=0).values) == 0).all()
    explorer.show("before")
    assert abs(np.nan_to_num(explorer.trace.sisa.importance(layer=0, head=0).values)).max() > 0
