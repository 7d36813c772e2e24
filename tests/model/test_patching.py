"""Patching: parts of one run in another, as TransformerLens patches them, with controls beside."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_models import SMALL, lively, mixers
from transformer_lens import patching as theirs

from data import NIAHTask
from data.niah.replacement import with_other_values
from data.niah.selection import chosen_episodes
from model import SISAConfig, SISAModel, load
from model.analysis.interventions.hooking import intervened, recorded
from model.analysis.interventions.intervention import Intervention
from model.analysis.interventions.pairs import others_of, pairs_of
from model.analysis.patching import attribution_patching, patching, verdict_of
from model.config.architectures import architecture as record_of

TASK = NIAHTask(filler="synthetic", lengths=(16, 24), value_length=2, n_symbols=32)
ALIKE = NIAHTask(filler="synthetic", lengths=(10,), n_symbols=32)
KEYS = ["layer", "head", "at", "control"]


def model_of(name, *, dtype=torch.float64):
    sizes: dict[str, Any] = SMALL | {"d_vocab": 32, "anchor_block": 8}
    sizes |= {"d_model": 32} if name == "mamba2" else {}
    sizes |= {"attention_period": 2, "attention_offset": 1} if name == "jamba" else {}
    sizes |= {"n_meta": 3, "window": 8, "n_layers": 3, "d_model": 32} if name == "hymba" else {}
    architecture, d_state = (
        ("sisa", 0) if name == "transformer" else (name, 4 if record_of(name).d_state else 0)
    )
    return lively(SISAModel(SISAConfig(**sizes, architecture=architecture, d_state=d_state), seed=1)).to(
        dtype
    )


def pairs(task=TASK, n=9):
    clean = task.build(2, n_episodes=n)
    return clean, with_other_values(clean)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, as no type checker knows what a row of pandas holds."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]


def shares(table, *, control=False) -> dict[tuple[int, str], float]:
    """Shares by layer and place."""
    return {(row["layer"], row["at"]): row["share"] for row in records(table) if row["control"] == control}


@pytest.mark.parametrize("value_length", [1, 3])
@pytest.mark.parametrize("n_needles", [1, 2])
def test_texts_of_a_pair_differ_in_the_value_alone_from_its_first_token_on(value_length, n_needles):
    task = NIAHTask(filler="synthetic", lengths=(24, 32), value_length=value_length, n_needles=n_needles)
    clean = task.build(5, n_episodes=20)
    corrupted = with_other_values(clean)
    for row in range(20):
        line = clean.knobs.iloc[row]
        differ = np.flatnonzero(clean.tokens[row] != corrupted.tokens[row])
        value, answer = (
            np.arange(line[f"{name}_start"], line[f"{name}_stop"]) for name in ("value", "answer")
        )
        assert set(differ) <= set(value) | set(answer)
        assert {value[0], answer[0]} <= set(differ)
        assert (corrupted.tokens[row, value] == corrupted.tokens[row, answer]).all()
        said = task.token_labels(corrupted.tokens[row, answer])
        assert corrupted.knobs["value"].iloc[row] == " ".join(said)
    scored = clean.labels != -100
    assert (corrupted.labels[scored] == corrupted.tokens[scored]).all()
    assert (corrupted.labels[~scored] == -100).all()


def test_values_that_begin_alike_make_no_pairs():
    one = TASK.build(0, n_episodes=1)
    for rows in ([0], [0, 0]):
        with pytest.raises(ValueError, match="legal: two that differ"):
            with_other_values(chosen_episodes(one, np.array(rows)))


def test_texts_that_are_no_pairs_are_refused():
    model, (clean, corrupted) = model_of("sisa"), pairs()
    other_lengths = chosen_episodes(corrupted, np.arange(9)[::-1])
    with pytest.raises(
        ValueError, match=r"answer_start is \(14, 22\); legal: as many tokens in both texts of a pair"
    ):
        patching(model, clean, other_lengths)
    with pytest.raises(ValueError, match=r"number of texts is \(9, 2\)"):
        patching(model, clean, chosen_episodes(corrupted, np.arange(2)))
    with pytest.raises(ValueError, match="pair is 0; legal: texts and first answer tokens that differ"):
        patching(model, clean, clean)
    tokens, answers = torch.arange(12).reshape(2, 6), torch.tensor([[1, 2], [2, 3]])
    with pytest.raises(ValueError, match=r"lengths is \(6, 5\); legal: as many"):
        patching(model, tokens, tokens[:, 1:], answers=answers)
    with pytest.raises(ValueError, match=r"the shape of answers is \(1, 2\); legal: \(2, 2\)"):
        patching(model, tokens, tokens + 1, answers=answers[:1])
    with pytest.raises(ValueError, match="beside token ids give answers"):
        patching(model, tokens, tokens + 1)
    with pytest.raises(ValueError, match=r"pairs is '1 of 6 tokens, with answers .*; legal: three answers"):
        patching(model, tokens[:1], tokens[:1] + 1, answers=answers[:1])
    changed = corrupted.tokens.copy()
    changed[3, 0] += 1
    with pytest.raises(ValueError, match="tokens beside the value that differ is 1; legal: 0"):
        patching(model, clean, type(clean)(changed, corrupted.labels, corrupted.knobs, corrupted.pad_id))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (dict(direction="back"), "direction is 'back'; legal: 'denoising', 'noising'"),
        (dict(what="lam"), "what is 'lam'; legal: 'content'"),
        (dict(what="state"), "what is 'state'; legal: 'content'"),
        (dict(at="positions"), "at is 'positions'; legal: 'all', 'spans'"),
        (dict(what="rotation", at="spans"), "at is 'spans'; legal: 'all'"),
    ],
)
def test_what_cannot_be_patched_is_refused(asked, words):
    with pytest.raises(ValueError, match=words):
        patching(model_of("sisa"), *pairs(), **asked)


PARTS = [
    ("sisa", "denoising", ["residual", "mlp", "head", "content", "importance", "value"]),
    ("sisa", "noising", ["residual", "content", "decay", "rotation"]),
    ("jamba", "denoising", ["residual", "state", "content"]),
    ("hymba", "noising", ["residual", "head"]),
    ("fox", "denoising", ["content", "decay"]),
    ("mamba2", "noising", ["head", "state"]),
]


@pytest.mark.parametrize(("name", "direction", "parts"), PARTS)
def test_a_cell_is_a_run_of_the_whole_model_under_its_hook(name, direction, parts):
    model, (clean, corrupted) = model_of(name), pairs(n=5)
    for what in parts:
        table = patching(model, clean, corrupted, what=what, direction=direction, controls=False)
        assert set(table["n"]) == {5}
        row = records(table)[len(table) // 2]
        found, ways = [], []
        for group in pairs_of(clean, corrupted):
            run, source = (group.corrupted, group.clean)[:: 1 if direction == "denoising" else -1]
            heads = [row["head"]] if "head" in row else None
            place: dict[str, Any] = {} if row["at"] == "all" else {"queries": group.spans[row["at"]]}
            change = Intervention(what, "clean", layers=[row["layer"]], heads=heads, **place)
            with intervened(model, change, clean=recorded(model, source, change)):
                patched = model(run)
            ends = [difference(logits, group.answers) for logits in (model(run), model(source))]
            found.append(difference(patched, group.answers))
            ways.append(torch.stack((found[-1] - ends[0], ends[1] - ends[0])))
        assert row["difference"] == pytest.approx(torch.cat(found).mean().item(), abs=1e-9)
        gone, way = torch.cat(ways, dim=1).mean(1).tolist()
        assert row["share"] == pytest.approx(gone / way, abs=1e-8)
        assert row["low"] <= row["share"] <= row["high"]


def difference(logits, answers):
    log_p = logits[:, -1].log_softmax(-1)
    return log_p.gather(1, answers).diff(dim=1)[:, 0].neg()


@pytest.mark.parametrize("direction", ["denoising", "noising"])
def test_the_value_is_all_that_the_first_residual_stream_has_to_give(direction):
    model, (clean, corrupted) = model_of("sisa"), pairs()
    table = patching(model, clean, corrupted, direction=direction, controls=False)
    share = shares(table)
    assert share[0, "value"] == pytest.approx(1, abs=1e-12)
    assert [share[0, name] for name in ("needle", "query", "rest")] == [0, 0, 0]
    whole = patching(model, clean, corrupted, direction=direction, at="all", controls=False)
    np.testing.assert_allclose(whole[["share", "low", "high"]], 1, atol=1e-10)
    assert set(table["direction"]) == {direction}


def test_a_control_patches_from_the_clean_text_of_another_pair():
    model, (clean, corrupted) = model_of("sisa"), pairs(ALIKE)
    table = patching(model, clean, corrupted, what="head")
    (group,) = pairs_of(clean, corrupted)
    others = others_of(group)
    assert (group.answers[others, :1] != group.answers).all()
    rows = [row for row in records(table) if row["control"]]
    assert len(rows) == len(table) / 2
    for row in (rows[0], rows[3]):
        change = Intervention("head", "clean", layers=[row["layer"]], heads=[row["head"]])
        with intervened(model, change, clean=recorded(model, group.clean[others], change)):
            patched = difference(model(group.corrupted), group.answers)
        assert row["difference"] == pytest.approx(patched.mean().item(), abs=1e-9)
    assert table.groupby("control")["from_difference"].nunique().tolist() == [1, 1]


def test_passes_of_few_pairs_say_the_same_as_one(monkeypatch):
    model, (clean, corrupted) = model_of("sisa"), pairs()
    whole = patching(model, clean, corrupted, what="content")
    monkeypatch.setattr("model.analysis.patching.tokens_a_pass", lambda model: 50)
    parts = patching(model, clean, corrupted, what="content")
    assert whole.columns.tolist() == parts.columns.tolist()
    merged = whole.merge(parts, on=KEYS, suffixes=("", "_parts"))
    assert len(merged) == len(whole) == len(parts)
    for column in ("share", "low", "high", "difference", "exact_match"):
        np.testing.assert_allclose(merged[column], merged[f"{column}_parts"], atol=1e-9)


GRIDS = [
    ("sisa", "resid_pre", "residual", "positions"),
    ("sisa", "mlp_out", "mlp", "positions"),
    ("sisa", "attn_head_out_all_pos", "head", "all"),
    ("sisa", "attn_head_out_by_pos", "head", "positions"),
    ("sisa", "attn_head_v_all_pos", "value", "all"),
    ("transformer", "resid_pre", "residual", "positions"),
    ("transformer", "attn_head_out_all_pos", "head", "all"),
    ("transformer", "attn_head_v_by_pos", "value", "positions"),
    ("fox", "attn_head_out_all_pos", "head", "all"),
    ("jamba", "resid_pre", "residual", "positions"),
    ("jamba", "mlp_out", "mlp", "positions"),
]


@pytest.mark.parametrize(("name", "grid", "what", "at"), GRIDS)
def test_grids_are_those_of_transformer_lens(name, grid, what, at):
    model, (clean, corrupted) = model_of(name), pairs(ALIKE, n=4)
    (group,) = pairs_of(clean, corrupted)
    table = patching(model, clean, corrupted, what=what, at=at, controls=False)
    _, cache = model.run_with_cache(group.clean)
    patch = getattr(theirs, f"get_act_patch_{grid}")
    found = patch(model, group.corrupted, cache, lambda logits: difference(logits, group.answers).mean())
    axes = ["layer", *(["at"] if at == "positions" else []), *(["head"] if "head" in table else [])]
    ours = table.sort_values(axes)["difference"].to_numpy().reshape(found.shape)
    np.testing.assert_allclose(ours, found, atol=1e-6)
    assert np.ptp(ours) > 0.01


@pytest.mark.parametrize("name", ["sisa", "transformer", "jamba"])
def test_content_is_q_and_k_as_their_setters_patch_them(name):
    model, (clean, corrupted) = model_of(name), pairs(ALIKE, n=4)
    (group,) = pairs_of(clean, corrupted)
    _, cache = model.run_with_cache(group.clean)
    parts = {"content": ("q", "k"), "value": ("v",), "head": ("z",)}
    for what, hooks in parts.items():
        table = patching(model, clean, corrupted, what=what, controls=False)
        for row in (row for row in records(table) if row["layer"] == 1):

            def put(x, hook, place=(1, row["head"])):
                return theirs.layer_head_vector_patch_setter(x.clone(), place, cache[hook.name])

            fwd_hooks: list[Any] = [(f"blocks.1.attn.hook_{hook}", put) for hook in hooks]
            logits = model.run_with_hooks(group.corrupted, fwd_hooks=fwd_hooks)
            expected = difference(logits, group.answers).mean().item()
            assert row["difference"] == pytest.approx(expected, abs=1e-9)


def test_both_terms_together_are_all_that_a_pattern_is_made_of():
    model, (clean, corrupted) = model_of("sisa"), pairs(ALIKE, n=4)
    (group,) = pairs_of(clean, corrupted)
    _, cache = model.run_with_cache(group.clean)
    metric = lambda logits: difference(logits, group.answers).mean()  # noqa: E731
    patterns = theirs.get_act_patch_attn_head_pattern_all_pos(model, group.corrupted, cache, metric)
    for layer, head in ((0, 1), (1, 0)):
        both = [
            Intervention(term, "clean", layers=[layer], heads=[head]) for term in ("content", "importance")
        ]
        with intervened(model, both, clean=recorded(model, group.clean, both)):
            ours = metric(model(group.corrupted))
        assert ours.item() == pytest.approx(patterns[layer, head].item(), abs=1e-6)


@pytest.mark.parametrize("what", ["residual", "mlp", "head", "content", "importance", "value"])
def test_the_approximation_is_the_slope_of_the_patch(what):
    """A patch that goes a thousandth of the way moves the answer by a thousandth of what is expected."""
    model, (clean, corrupted) = model_of("sisa"), pairs(ALIKE, n=4)
    table = attribution_patching(model, clean, corrupted, what=what)
    (group,) = pairs_of(clean, corrupted)
    row, small = records(table)[-1], 1e-4
    heads = [row["head"]] if "head" in row else None
    place: dict[str, Any] = {} if row["at"] == "all" else {"queries": group.spans[row["at"]]}
    change = Intervention(what, "clean", layers=[row["layer"]], heads=heads, **place)
    ends = [recorded(model, tokens, change) for tokens in (group.corrupted, group.clean)]
    between = {name: torch.lerp(x, ends[1][name], small) for name, x in ends[0].items()}
    with intervened(model, change, clean=between):
        moved = difference(model(group.corrupted), group.answers)
    before, after = (difference(model(tokens), group.answers) for tokens in (group.corrupted, group.clean))
    slope = ((moved - before).mean() / small / (after - before).mean()).item()
    assert row["approximate"] == pytest.approx(slope, rel=5e-3, abs=1e-6)
    assert not [name for name, hook in model.hook_dict.items() if hook.fwd_hooks]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_approximation_comes_with_its_rank_correlation_and_says_when_it_is_bad():
    model, (clean, corrupted) = model_of("sisa"), pairs()
    table = attribution_patching(model, clean, corrupted, what="head", direction="noising")
    exact = patching(model, clean, corrupted, what="head", direction="noising", controls=False)
    np.testing.assert_array_equal(table["share"], exact["share"])
    ranks = table[["share", "approximate"]].rank()
    expected = np.corrcoef(ranks.to_numpy().T)[0, 1]
    assert table["rank_correlation"].tolist() == pytest.approx([expected] * len(table))
    assert table.attrs["verdict"] == verdict_of(expected, n=len(table))
    assert "otherwise" in verdict_of(0.5, n=4)
    assert "otherwise" not in verdict_of(0.95, n=4)


def test_an_interrupt_leaves_no_hook():
    model, (clean, corrupted) = model_of("sisa"), pairs()
    calls = []

    def interrupt(*_):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt

    handle = mixers(model)[1].hook_z.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        patching(model, clean, corrupted, what="head")
    handle.remove()
    assert not [name for name, hook in model.hook_dict.items() if hook.fwd_hooks or hook._forward_hooks]


@pytest.mark.slow
def test_the_shipped_model_takes_its_number_from_the_value_and_says_it_at_the_query():
    model = load("niah")
    from model.study.notebooks.exploration import Exploration

    clean = Exploration(length=64, n_episodes=5).episodes(model)
    table = patching(model, clean, with_other_values(clean))
    rows = records(table)
    assert min(row["to_difference"] for row in rows) > 5
    assert max(row["from_difference"] for row in rows) < -5
    share, control = shares(table), shares(table, control=True)
    assert share[0, "value"] == pytest.approx(1, abs=1e-3)
    assert share[5, "value"] < 0.1
    assert share[5, "query"] > 0.9
    assert 0.2 < control[5, "query"] < 0.8  # neither of both answers
