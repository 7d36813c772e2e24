"""capture of TransformerLens models: what the trace recomputes is what their own attention computed."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from small_models import lively
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
from transformer_lens.model_bridge.sources.native import boot

from model import SISAConfig, SISAModel, capture
from model.network.foreign import content_factors
from model.network.plain_attention import plain_factors
from sisa_viz import ScoreExplorer, open_trace, plot_scores

IDS = torch.tensor([[7, 3, 11, 0, 3, 19, 5, 2, 17, 13]])
LENGTH = IDS.shape[1]
HEADS = [(layer, head) for layer in range(2) for head in range(4)]
SIZES: dict[str, Any] = dict(vocab_size=20, hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
SIZES |= dict(intermediate_size=48, max_position_embeddings=32)
GROUPED = SIZES | dict(num_key_value_heads=2)
NATIVE: dict[str, Any] = dict(d_model=32, d_head=8, n_heads=4, n_layers=2, n_ctx=32, d_vocab=20, d_mlp=48)
NATIVE |= dict(act_fn="gelu", seed=0)
TURNED = NATIVE | dict(positional_embedding_type="rotary", rotary_dim=4, n_key_value_heads=2)
GPT2 = dict(vocab_size=20, n_embd=32, n_layer=2, n_head=4, n_positions=32, bos_token_id=0, eos_token_id=0)


def hugging_face(name: str, **options: Any) -> Any:
    """A small random model of an architecture of Hugging Face, bridged; nothing is downloaded."""
    made = getattr(transformers, f"{name}Config")(**options)
    torch.manual_seed(0)
    kind = f"{name}LMHeadModel" if name == "GPT2" else f"{name}ForCausalLM"
    inside = getattr(transformers, kind)._from_config(made, attn_implementation="eager").eval()
    return build_bridge_from_module(lively(inside), kind, hf_config=made)


BRIDGED = {
    "GPT-2": lambda: hugging_face("GPT2", **GPT2),
    "GPT-2, scaled by layer": lambda: hugging_face("GPT2", **GPT2, scale_attn_by_inverse_layer_idx=True),
    "GPT-NeoX, half turned": lambda: hugging_face("GPTNeoX", **SIZES, rotary_pct=0.5),
    "LLaMA, grouped queries": lambda: hugging_face("Llama", **GROUPED),
    "Qwen 3, normed queries": lambda: hugging_face("Qwen3", **GROUPED, head_dim=8),
}
NATIVES = {
    "learned positions": lambda: lively(boot(NATIVE)),
    "half turned, grouped queries": lambda: lively(boot(TURNED)),
    "another scale": lambda: lively(boot(NATIVE | dict(attn_scale=5.0))),
}


@pytest.fixture(scope="module", params=BRIDGED | NATIVES)
def foreign(request):
    """One small random model of every kind that a trace can hold."""
    return (BRIDGED | NATIVES)[request.param]()


def hooked(model: Any, name: str) -> np.ndarray:
    """What a hook of every layer saw of the ten tokens: [layer, head, query, key]."""
    _, cache = model.run_with_cache(IDS)
    return np.stack([cache[f"blocks.{layer}.attn.hook_{name}"][0].detach().numpy() for layer in range(2)])


def test_its_pattern_is_the_models_own(foreign):
    trace, own = capture(foreign, IDS), hooked(foreign, "pattern")
    assert dict(trace["k"].sizes) == {"layer": 2, "head": 4, "position": LENGTH, "d_head": 8}
    for layer, head in HEADS:
        ours = np.nan_to_num(trace.sisa.pattern(layer=layer, head=head).values)
        np.testing.assert_allclose(ours, own[layer, head], atol=1e-5)
    assert own.max() > 0.9
    assert trace.sisa.is_plain


@pytest.mark.parametrize("name", BRIDGED)
def test_its_scores_are_the_models_own_in_both_precisions(name):
    model = BRIDGED[name]()
    trace, own = capture(model, IDS[0]), hooked(model, "attn_scores")
    seen = np.tril(np.ones((LENGTH, LENGTH), bool))
    for layer, head in HEADS:
        ours = trace.sisa.scores(layer=layer, head=head).values
        np.testing.assert_allclose(ours[seen], own[layer, head][seen], atol=1e-5)
    model = model.double()
    scale = 1e-6 if "scaled" in name else 1e-12  # read from a pattern, whose softmax is float32 in some
    for (q, k), exact in zip(content_factors(model, IDS).values(), hooked(model, "attn_scores"), strict=True):
        assert q.dtype == torch.float64
        ours = (q @ k.mT).numpy() / 8**0.5
        np.testing.assert_allclose(ours[:, seen], exact[:, seen], atol=scale)


@pytest.mark.parametrize("name", NATIVES)
def test_its_pattern_in_double_precision(name):
    model = NATIVES[name]().double()
    later = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
    for (q, k), own in zip(content_factors(model, IDS).values(), hooked(model, "pattern"), strict=True):
        ours = (q @ k.mT / 8**0.5).masked_fill(later, -torch.inf).softmax(-1).numpy()
        np.testing.assert_allclose(ours, own, atol=1e-12)


def test_a_cache_gives_the_trace_of_its_run(foreign):
    _, cache = foreign.run_with_cache(IDS)
    trace = capture(foreign, IDS)
    assert capture(cache, IDS).identical(trace)
    assert capture(cache.remove_batch_dim(), IDS).identical(trace)


def test_a_cache_of_other_tokens_or_without_patterns_is_refused():
    model = boot(NATIVE)
    _, cache = model.run_with_cache(IDS)
    with pytest.raises(ValueError, match=r"attention of layer 0 is .*legal: q and k \[1, 3, head, d_head\]"):
        capture(cache, [1, 2, 3])
    _, cache = model.run_with_cache(IDS, names_filter=["blocks.0.attn.hook_q", "blocks.0.attn.hook_k"])
    with pytest.raises(ValueError, match="hook_q, hook_k and hook_pattern of one attention at least"):
        capture(cache, IDS)
    _, cache = SISAModel(SISAConfig.preset("tiny")).run_with_cache(IDS)
    with pytest.raises(ValueError, match=r"the cache of a SISAModel.*Pass the model itself"):
        capture(cache, IDS)


REFUSED = {
    "capped scores": (lambda: boot(NATIVE | dict(attn_scores_soft_cap=30.0)), "capped at 30 by tanh"),
    "both directions": (lambda: boot(NATIVE | dict(attention_dir="bidirectional")), "bidirectional"),
    "ALiBi": (
        lambda: hugging_face("Bloom", vocab_size=20, hidden_size=32, n_layer=2, n_head=4),
        "a bias by distance, ALiBi",
    ),
    "a window": (
        lambda: hugging_face("Mistral", **GROUPED, sliding_window=4),
        r"layer 0 is 'a window: query \d of head \d does not see token \d'.* no longer than the window",
    ),
    "a sink": (
        lambda: hugging_face("GptOss", **GROUPED, num_local_experts=4, head_dim=8, sliding_window=16),
        r"layer 0 is 'a softmax with a sink: weights of query \d in head \d sum to 0\.",
    ),
    "an unhooked turn": (
        lambda: hugging_face(
            "GPTJ", vocab_size=20, n_embd=32, n_layer=2, n_head=4, n_positions=32, rotary_dim=4
        ),
        r"layer 0 is 'more than q·k: query \d of head \d gives token \d .* turn of q and k after their hooks",
    ),
    "no attention": (
        lambda: hugging_face("Mamba", vocab_size=20, hidden_size=32, num_hidden_layers=2),
        "hooks is 'a TransformerBridge without them'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_trace_can_hold_is_refused_by_name_and_leaves_no_hook(name):
    make, said = REFUSED[name]
    model = make()
    with pytest.raises(ValueError, match=said):
        capture(model, IDS)
    assert not any(point.fwd_hooks for point in model.hook_dict.values())


def test_a_text_within_the_window_is_captured():
    model = hugging_face("Mistral", **GROUPED, sliding_window=4)
    assert capture(model, IDS[:, :4]).sizes["position"] == 4


def softmax(scores: torch.Tensor) -> torch.Tensor:
    """The causal one."""
    return scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1) > 0, -torch.inf).softmax(-1)


@pytest.mark.parametrize("factor", [1.0, 0.02, -3.0, 40.0])
def test_any_scale_is_folded_into_q(factor):
    q, k = torch.randn(2, 4, 9, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pattern = softmax(factor * q @ k.mT / 8**0.5)
    folded, keys = plain_factors(q, k, pattern, name="attention")
    torch.testing.assert_close(folded, factor * q, atol=1e-12, rtol=1e-10)
    assert torch.equal(keys, k)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: softmax(s - 0.1 * (torch.arange(9)[:, None] - torch.arange(9))), "more than q·k"),
        (lambda s: softmax(2 * torch.tanh(s / 2)), "more than q·k"),
        (lambda s: s.softmax(-1), r"bidirectional: query \d of head \d gives token \d"),
        (lambda s: 0.9 * softmax(s), r"sum to 0\.9'"),
        (lambda s: softmax(s.masked_fill(torch.ones(9, 9).tril(-4) > 0, -torch.inf)), "a window: query"),
        (lambda s: softmax(s * torch.nan), "of layer 3 is .*nan"),
    ],
)
def test_a_pattern_that_is_more_than_a_softmax_is_told_by_its_look(change, said):
    q, k = torch.randn(2, 4, 9, 8, generator=torch.Generator().manual_seed(1))
    pattern = change(q @ k.mT / 8**0.5)
    with pytest.raises(ValueError, match=said):
        plain_factors(q, k, pattern, name="attention of layer 3")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_hides_neither_a_window_nor_a_scale(dtype):
    q, k = 3 * torch.randn(2, 4, 60, 8, generator=torch.Generator().manual_seed(1)).to(dtype)
    scores = q @ k.mT / 8**0.5
    folded, _ = plain_factors(q, k, softmax(scores), name="attention")
    assert torch.equal(folded, q.float())
    folded, _ = plain_factors(q, k, softmax(scores / 2), name="attention")
    torch.testing.assert_close(folded, q.float() / 2, rtol=0.02, atol=0.02)
    windowed = scores.masked_fill(torch.ones(60, 60).tril(-30) > 0, -torch.inf)
    with pytest.raises(ValueError, match="a window: query"):
        plain_factors(q, k, softmax(windowed), name="attention")


@pytest.fixture(scope="module")
def tokenizer():
    """A tokenizer of Hugging Face that puts a first token before every text."""
    words = {"<s>": 0, "the": 1, "<b>number</b>": 2, "is": 3, "?": 4}
    fast = Tokenizer(models.WordLevel(words, unk_token="?"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 0)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast, bos_token="<s>", pad_token="<s>", unk_token="?"
    )


@pytest.fixture
def reader(tokenizer):
    """A model that reads texts."""
    model = lively(boot(TURNED))
    model.tokenizer = tokenizer
    return model


def test_a_text_is_read_as_the_model_reads_it(reader):
    trace = capture(reader, "the <b>number</b> is", spans={"needle": [2, 3]})
    assert trace["token"].values.tolist() == ["<s>", "the", "<b>number</b>", "is"]
    assert trace["token_id"].values.tolist() == reader.to_tokens("the <b>number</b> is")[0].tolist()
    assert trace.attrs["text"] == "<s> the <b>number</b> is"
    assert trace.sisa.spans == {"needle": (2, 3)}
    assert trace.sisa.config["positional_embedding_type"] == "rotary"


def test_a_trace_of_it_saves_opens_plots_and_is_explored(reader, tmp_path):
    trace = capture(reader, "the <b>number</b> is the <b>number</b>", dtype="float16")
    opened = open_trace(trace.sisa.save(tmp_path / "foreign.nc"))
    assert opened.load().identical(trace)
    assert len(plot_scores(opened, layer=1, head=3).data) == 2
    explorer = ScoreExplorer(model=lambda text: capture(reader, text))
    explorer.show_text("the number")
    page = explorer.to_html(tmp_path / "foreign.html").read_text(encoding="utf-8")
    assert explorer.trace["token"].values.tolist() == ["<s>", "the", "?"]
    assert '"d_state":0' in page


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ("the", "token ids, for a model without a tokenizer"),
        ([1, 20], r"token ids is '1 to 20'; legal: 0 to 19"),
        ([1] * 33, r"tokens is '33 positions'; legal: at most 32 \(n_ctx\)"),
        ([[1], [2]], "one sequence"),
        ([], "one token at least"),
    ],
)
def test_tokens_that_it_cannot_read_are_refused(tokens, said):
    with pytest.raises(ValueError, match=said):
        capture(boot(NATIVE), tokens)


def test_labels_and_parts_are_checked_as_for_a_sisa_model():
    model = boot(NATIVE)
    assert capture(model, [4], part="attention").sizes["position"] == 1
    assert capture(model, [4, 5], ["a", "b"])["token"].values.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match=r"labels is .*2 strings"):
        capture(model, [4, 5], ["a"])
    with pytest.raises(ValueError, match="part is 'ssm'; legal: None, 'attention'"):
        capture(model, [4, 5], part="ssm")
    with pytest.raises(ValueError, match="a SISAModel, a TransformerLens model, or an ActivationCache"):
        capture(torch.nn.Linear(2, 2), [4, 5])  # pyright: ignore[reportArgumentType]
