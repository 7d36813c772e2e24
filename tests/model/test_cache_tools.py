"""Every public method of TransformerLens' ActivationCache, and its patching, on this network."""
# what the library's methods return depends on their options
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false

import functools
import inspect
import logging
from pathlib import Path

import pytest
import torch
from small_models import SMALL, lively
from transformer_lens import ActivationCache, patching

from model import SISAConfig, SISAModel
from model.network.cache_tools import WITHOUT_BATCH

ARCHITECTURES = ["sisa", "transformer", "adaptive_sisa", "sigmoid_sisa", "fox", "alibi"]
STATE_SPACES = ["mamba2", "mamba3", "jamba", "hymba"]
FOR_OTHERS = {"compute_ssm_state", "compute_ssm_effective_attention"}  # TransformerLens' own state spaces


def cached(architecture, *, rows=2, length=9):
    """A small model, and the cache of a batch of rows."""
    sizes = SMALL | ({"d_model": 32, "n_heads": 4} if architecture in STATE_SPACES else {})
    model = lively(SISAModel(SISAConfig.from_dict(sizes | {"architecture": architecture})))
    tokens = torch.randint(0, 11, (rows, length), generator=torch.Generator().manual_seed(1))
    return model, tokens, model.run_with_cache(tokens)[1]


@pytest.fixture(params=ARCHITECTURES + STATE_SPACES)
def run(request):
    return cached(request.param)


def stream(cache):
    return cache["blocks.1.hook_resid_post"]


@pytest.mark.parametrize("architecture", ARCHITECTURES + STATE_SPACES)
def test_rows_of_a_batch_are_those_of_a_smaller_batch(architecture):
    heads = 4 if architecture in STATE_SPACES else 2
    model, tokens, cache = cached(architecture, rows=heads)  # the size alone does not tell λ from a batch
    for cut, kept in (((0, 1), tokens[:1]), ([1, 0], tokens[[1, 0]]), (torch.tensor([1]), tokens[1:2])):
        part = cache.apply_slice_to_batch_dim(cut)
        _, alone = model.run_with_cache(kept)
        assert list(part.cache_dict) == list(alone.cache_dict)
        for name, value in alone.items():
            torch.testing.assert_close(part[name], value, atol=1e-5, rtol=1e-5, msg=name)
    row = cache.apply_slice_to_batch_dim(1)
    _, alone = model.run_with_cache(tokens[1:2], remove_batch_dim=True)
    assert not row.has_batch_dim
    assert {name: t.shape for name, t in row.items()} == {name: t.shape for name, t in alone.items()}


def test_a_number_a_head_is_all_that_has_no_batch_axis(run):
    _, _, cache = run
    assert {name for name, t in cache.items() if t.shape[0] != 2} <= {
        name for name in cache if name.endswith(WITHOUT_BATCH)
    }


@pytest.mark.parametrize("n_heads", [1, 2])
def test_lam_keeps_its_heads_and_so_does_its_gradient(tokens, n_heads):
    model = lively(SISAModel(SISAConfig(**SMALL | {"n_heads": n_heads}, architecture="adaptive_sisa")))
    _, cache = model.run_with_cache(tokens[:1], incl_bwd=True, return_type="loss", remove_batch_dim=True)
    _, both = model.run_with_cache(tokens, incl_bwd=True, return_type="loss")
    for name, size in (("lam", n_heads), ("lam_grad", n_heads), ("gate", 8), ("gate_grad", 8)):
        full = f"blocks.0.attn.hook_{name}"
        assert cache[full].shape == both.apply_slice_to_batch_dim(0)[full].shape == (size,), name


def test_a_batch_that_is_not_there_is_refused(sisa, tokens):
    _, cache = sisa.run_with_cache(tokens)
    with pytest.raises(ValueError, match="batch is 2; legal: a cache of one row"):
        cache.remove_batch_dim()
    row = cache.apply_slice_to_batch_dim(0)
    with pytest.raises(ValueError, match="batch_slice is 0; legal: None, for there is no batch"):
        row.apply_slice_to_batch_dim(0)
    assert row.apply_slice_to_batch_dim(None)["blocks.0.attn.hook_lam"].shape == (2,)


@pytest.mark.parametrize(
    "options", [{}, {"expand_neurons": False}, {"apply_ln": True}, {"pos_slice": (2, 5)}], ids=str
)
def test_heads_neurons_and_embedding_add_up_to_the_stream(run, options):
    model, _, cache = run
    parts, labels = cache.get_full_resid_decomposition(return_labels=True, **options)
    assert len(labels) == len(set(labels)) == len(parts)
    whole = stream(cache)
    if "apply_ln" in options:
        whole = whole / cache["ln_final.hook_scale"]
    whole = whole[:, 2:5] if "pos_slice" in options else whole
    torch.testing.assert_close(parts.sum(0), whole, atol=1e-5, rtol=1e-5)
    heads = [name for name in labels if "H" in name]
    assert heads == [
        f"L{at}H{n}" for at, block in enumerate(model.blocks) for n in range(block.attn.n_output_heads)
    ]


@pytest.mark.parametrize("options", [{"layer": 1}, {"layer": 1, "mlp_input": True}, {"layer": 0}], ids=str)
def test_the_decomposition_of_an_earlier_stream_adds_up_to_it(run, options):
    _, _, cache = run
    parts, labels = cache.get_full_resid_decomposition(return_labels=True, **options)
    name = "resid_mid" if "mlp_input" in options else "resid_pre"
    torch.testing.assert_close(parts.sum(0), cache[name, options["layer"]], atol=1e-5, rtol=1e-5)
    assert len(labels) == len(parts)


@pytest.mark.parametrize("apply_ln", [False, True])
@pytest.mark.parametrize("outputs", [(), (3,)])
def test_a_projection_before_equals_one_after(run, apply_ln, outputs):
    model, _, cache = run
    onto = torch.randn(model.config.d_model, *outputs, generator=torch.Generator().manual_seed(2))
    neurons = functools.partial(cache.stack_neuron_results, -1, incl_remainder=True)
    for method in (cache.get_full_resid_decomposition, neurons):
        plain = method(apply_ln=apply_ln)
        projected = method(apply_ln=apply_ln, project_output_onto=onto)
        torch.testing.assert_close(projected, plain @ onto, atol=1e-4, rtol=1e-4)


def test_neurons_are_those_of_the_mlp(run):
    model, _, cache = run
    neurons, labels = cache.stack_neuron_results(-1, return_labels=True)
    mlp = sum(cache["mlp_out", layer] for layer in range(2))
    torch.testing.assert_close(neurons.sum(0), mlp, atol=1e-5, rtol=1e-5)
    assert len(labels) == len(neurons) == 2 * model.config.d_mlp
    some = cache.stack_neuron_results(-1, neuron_slice=[3, 5], pos_slice=-1)
    torch.testing.assert_close(
        some, neurons[[3, 5, model.config.d_mlp + 3, model.config.d_mlp + 5]][..., -1, :]
    )
    torch.testing.assert_close(cache.get_neuron_results(1, neuron_slice=4), neurons[model.config.d_mlp + 4])
    torch.testing.assert_close(cache.get_neuron_results(0).sum(-2), cache["mlp_out", 0], atol=1e-5, rtol=1e-5)
    whole = cache.stack_neuron_results(1, incl_remainder=True)
    torch.testing.assert_close(whole.sum(0), cache["resid_post", 0], atol=1e-5, rtol=1e-5)


def test_heads_are_those_of_the_mixer(run, caplog):
    model, _, cache = run
    count = [block.attn.n_output_heads for block in model.blocks]
    heads, labels = cache.stack_head_results(return_labels=True, incl_remainder=True)
    assert len(heads) == len(labels) == sum(count) + 1
    torch.testing.assert_close(heads.sum(0), stream(cache), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        cache.stack_head_results(layer=1).sum(0), cache["attn_out", 0], atol=1e-5, rtol=1e-5
    )
    kept = cache.cache_dict.pop("blocks.0.attn.hook_result")
    with caplog.at_level(logging.ERROR):
        cache.compute_head_results()
    torch.testing.assert_close(cache["blocks.0.attn.hook_result"], kept)


def test_logits_are_taken_apart(run):
    model, tokens, cache = run
    n_meta = model.config.n_meta
    logits = model(tokens)
    resid, labels = cache.decompose_resid(return_labels=True)
    token, other = 3, 5
    gained = cache.logit_attrs(resid, tokens=token, incorrect_tokens=other).sum(0)[:, n_meta:]
    torch.testing.assert_close(gained, logits[..., token] - logits[..., other], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(cache.logit_lens().values[-1], logits[:, -1], atol=1e-4, rtol=1e-4)
    accumulated, names = cache.accumulated_resid(incl_mid=True, apply_ln=True, return_labels=True)
    last = model.unembed(accumulated[-1] * model.ln_final.w)[:, n_meta:]
    assert len(names) == len(accumulated)
    assert last.shape == logits.shape
    assert len(labels) == len(resid)


def test_what_a_dictionary_does_it_does(run):
    model, tokens, cache = run
    assert isinstance(cache, ActivationCache)
    assert len(cache) == len(list(cache)) == len(cache.keys()) == len(cache.values()) == len(cache.items())
    assert repr(cache).startswith("ActivationCache with keys ['hook_embed'")
    assert torch.equal(cache["resid_post", -1], stream(cache))
    assert cache.stack_activation("z", layer=1).shape[0] == 1
    assert cache.to("cpu") is cache
    _, plain = model.run_with_cache(tokens, return_cache_object=False)
    assert type(plain) is dict
    was = torch.is_grad_enabled()
    cache.toggle_autodiff(was)
    assert torch.is_grad_enabled() == was


def test_lam_of_all_layers_is_stacked_by_its_name(sisa, tokens):
    _, cache = sisa.run_with_cache(tokens)
    assert cache.stack_activation("lam", sublayer_type="attn").shape == (2, 2)


def test_the_norm_of_a_stack_is_that_of_the_stream(run):
    _, _, cache = run
    normed = cache.apply_ln_to_stack(cache.decompose_resid()).sum(0)
    torch.testing.assert_close(normed, stream(cache) / cache["ln_final.hook_scale"], atol=1e-5, rtol=1e-5)


def test_the_readme_names_what_does_not_work(project):
    model, tokens, cache = cached("mamba2")
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert cache.ssm_layers() == []
    for name in FOR_OTHERS:
        with pytest.raises(RuntimeError, match="No SSM mixer layers found"):
            getattr(cache, name)()
        assert f"`{name}`" in readme
    model, tokens, cache = cached("sisa")
    with pytest.raises((NotImplementedError, ValueError, AttributeError)):
        patching.get_act_patch_direct_path(model, tokens, cache, cache, torch.sum, 0, 0, verbose=False)
    assert "`get_act_patch_direct_path`" in readme


def test_no_public_method_is_left_untried():
    public = {name for name, _ in inspect.getmembers(ActivationCache, inspect.isfunction) if name[0] != "_"}
    source = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in public - FOR_OTHERS if f"cache.{name}" not in source} == set()


# of the patching functions, what a mixer without q, k, v and pattern has no hooks for
OF_ATTENTION = "attn_head"
BY_PATH = "direct_path"


@pytest.mark.parametrize("architecture", ["sisa", "mamba2", "hymba"])
def test_patching_runs_and_puts_back_what_was_changed(architecture):
    model, tokens, clean = cached(architecture, length=5)
    corrupted = tokens.clone()
    corrupted[:, 3] = (tokens[:, 3] + 1) % 11
    logits = model(tokens)

    def distance(out):
        return (out - logits).abs().sum()

    left_out = (BY_PATH, OF_ATTENTION) if architecture == "mamba2" else (BY_PATH,)
    names = [name for name in dir(patching) if name.startswith("get_act_patch_")]
    tried = [name for name in names if not any(part in name for part in left_out)]
    assert len(tried) == (5 if architecture == "mamba2" else 18)
    results = {name: getattr(patching, name)(model, corrupted, clean, distance) for name in tried}
    assert all(result.isfinite().all() for result in results.values())
    place = 3 + model.config.n_meta
    if place < 5:  # the library patches as many positions as there are tokens, from the first meta token on
        resid = results["get_act_patch_resid_pre"]
        assert resid[0, place] < 1e-3 < 1 < resid[0, :place].min()
