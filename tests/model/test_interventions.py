"""Interventions change what they name, where they name it, and leave nothing behind."""

import re
import threading
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from intervened_models import TASK, hooks_left, model_of
from small_models import mixers

from data.niah.selection import first_episodes
from model import SISAModel, load
from model.analysis.evaluation import evaluate
from model.analysis.interventions.changes import mean_by_distance, random_rows, shuffled_keys
from model.analysis.interventions.effects import effects
from model.analysis.interventions.hooking import intervened, recorded
from model.analysis.interventions.intervention import LEGAL_HOWS, How, Intervention, Target
from model.analysis.interventions.sites import targets
from model.analysis.interventions.summary import summarise_effects
from model.analysis.knockouts import CONTROLS, knockouts
from model.mixers.parts.rotation import rotate
from model.study.notebooks.exploration import Exploration

ARCHITECTURES = (
    "sisa",
    "transformer",
    "fox",
    "alibi",
    "sigmoid_sisa",
    "adaptive_sisa",
    "jamba",
    "hymba",
    "mamba2",
)


@pytest.fixture(params=ARCHITECTURES)
def any_model(request):
    return model_of(request.param)


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, TASK.d_vocab, (2, 3, 14), generator=generator)


def test_a_change_by_nothing_changes_logits_by_exactly_nothing(any_model, pair):
    before = any_model(pair[0])
    with intervened(any_model, [Intervention(what, "scale", factor=1) for what in targets(any_model)]):
        assert torch.equal(any_model(pair[0]), before)
    same = [Intervention(what, "clean") for what in targets(any_model)]
    with intervened(any_model, same, clean=recorded(any_model, pair[0], same)):
        assert torch.equal(any_model(pair[0]), before)


def test_freezing_everything_to_the_clean_run_restores_its_logits(any_model, pair):
    clean, corrupted = pair
    inside: list[Target] = ["content", "importance", "decay", "value", "state", "mlp"]
    everything = [Intervention(what, "clean") for what in inside if what in targets(any_model)]
    everything += [Intervention("residual", "clean", layers=[0]), Intervention("head", "clean")]
    run = recorded(any_model, clean, everything)
    with intervened(any_model, everything, clean=run):
        restored = any_model(corrupted)
    torch.testing.assert_close(restored, any_model(clean), atol=1e-6, rtol=0)
    assert (any_model(corrupted) - restored).abs().max() > 0.1


def test_every_quantity_that_a_model_has_reaches_its_logits_in_every_way(any_model, pair):
    before = any_model(pair[0])
    for what in targets(any_model):
        for how in LEGAL_HOWS[what]:
            change = Intervention(what, how, factor=0.5)
            with intervened(any_model, change, clean=recorded(any_model, pair[1], change)):
                moved = (any_model(pair[0]) - before).abs().max()
            same_for_all = what == "lam" and how in (
                "mean",
                "clean",
            )  # λ is the same at the start and in all runs
            constant = what == "decay" and any_model.config.architecture == "alibi"  # slopes are not data
            if same_for_all or (constant and how in ("mean", "clean")):
                assert moved < 1e-12
            else:
                assert moved > 1e-9, change
            assert not hooks_left(any_model)


@pytest.mark.parametrize("anchor", ["exact", "causal", "minimax"])
def test_no_importance_is_λ_at_zero_and_is_the_plain_transformer(pair, anchor):
    model = model_of("sisa", anchor=anchor)
    with intervened(model, Intervention("importance")):
        without = model(pair[0])
    with intervened(model, Intervention("lam")):
        torch.testing.assert_close(model(pair[0]), without, atol=1e-12, rtol=0)
    plain = SISAModel(replace(model.config, d_state=0)).double()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k in plain.state_dict()})
    torch.testing.assert_close(plain(pair[0]), without, atol=1e-12, rtol=0)
    with torch.no_grad():
        for mixer in mixers(model):
            mixer.lam_raw.fill_(-1e4)
    torch.testing.assert_close(model(pair[0]), without, atol=1e-12, rtol=0)


@pytest.mark.parametrize("term", ["content", "importance"])
@pytest.mark.parametrize("place", ["queries", "keys", "both", "neither"])
def test_factors_say_the_same_as_an_edit_of_the_scores_themselves(pair, term, place):
    model, tokens = model_of("sisa"), pair[0]
    queries = [2, 5] if place in ("queries", "both") else None
    keys = torch.zeros(3, 14, dtype=torch.bool)
    keys[0, 1] = keys[2, :4] = True
    chosen = torch.zeros(3, 2, 14, 14, dtype=torch.bool)
    chosen[:, 1] = True
    if queries is not None:
        at = torch.zeros(14, dtype=torch.bool)
        at[queries] = True
        chosen &= at[:, None]
    if place in ("keys", "both"):
        chosen &= keys[:, None, None]
    given = keys if place in ("keys", "both") else None
    change = Intervention(term, "scale", layers=[1], heads=[1], queries=queries, keys=given, factor=-0.5)
    with intervened(model, change):
        fused = model(tokens)

    def edit(scores, hook):
        return torch.where(chosen, -0.5 * scores, scores)

    explicit = model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.1.attn.hook_{term}_scores", edit)])
    torch.testing.assert_close(fused, explicit, atol=1e-11, rtol=0)
    assert (fused - model(tokens)).abs().max() > 1e-6


def test_channels_of_a_term_add_up_to_the_term(pair):
    model = model_of("sisa")
    counts: dict[Target, int] = {"importance": 2, "content": 8}
    for term, pairs in counts.items():
        name = f"blocks.0.attn.hook_{term}_scores"
        shares = []
        for left in range(pairs):
            others = [at for at in range(pairs) if at != left]
            with intervened(model, Intervention(term, layers=[0], channels=others)):
                _, cache = model.run_with_cache(pair[0], names_filter=[name])
            shares.append(cache[name])
        _, cache = model.run_with_cache(pair[0], names_filter=[name])
        torch.testing.assert_close(sum(shares), cache[name], atol=1e-12, rtol=0)


def test_without_decay_nothing_fades_and_a_mean_rotation_turns_at_one_speed(pair):
    model, names = model_of("sisa"), ["blocks.0.attn.hook_cum_decay", "blocks.0.attn.hook_rot_B"]
    changes = [Intervention("decay", heads=[0]), Intervention("rotation", "mean", heads=[1])]
    with intervened(model, changes):
        _, cache = model.run_with_cache(pair[0], names_filter=[*names, "blocks.0.attn.hook_B"])
    _, before = model.run_with_cache(pair[0])
    assert not cache[names[0]][:, 0].any()
    assert torch.equal(cache[names[0]][:, 1], before[names[0]][:, 1])
    steady = before["blocks.0.attn.hook_phase"][:, :, -1:].mean(0) / 14 * torch.arange(1, 15)[:, None]
    expected = rotate(cache["blocks.0.attn.hook_B"], steady.expand(3, -1, -1, -1))
    torch.testing.assert_close(cache[names[1]][:, 1], expected[:, 1])
    torch.testing.assert_close(cache[names[1]][:, 0], before[names[1]][:, 0])


def test_hidden_keys_and_row_sums_survive_what_controls_do():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, 9, 9, generator=generator, dtype=torch.float64)
    visible = torch.ones(9, 9).tril().bool() & (torch.arange(9)[:, None] - torch.arange(9) < 5)
    shuffled = shuffled_keys(scores, visible, seed=4)
    assert torch.equal(shuffled[..., ~visible], scores[..., ~visible])
    for query in range(9):
        row, was = shuffled[..., query, visible[query]], scores[..., query, visible[query]]
        assert torch.equal(row.sort(-1).values, was.sort(-1).values)
    assert (shuffled[..., visible] != scores[..., visible]).double().mean() > 0.5
    drawn, seen = random_rows(scores, visible, seed=4), visible.sum(-1)
    kept = scores.masked_fill(~visible, 0)
    torch.testing.assert_close(drawn.sum(-1), kept.sum(-1))
    torch.testing.assert_close(drawn.square().sum(-1), kept.square().sum(-1))
    assert not drawn[..., ~visible].any()
    means = mean_by_distance(scores, visible)
    for distance in range(5):
        expected = scores.diagonal(-distance, 2, 3).mean((0, 2))
        torch.testing.assert_close(means.diagonal(-distance, 2, 3)[1, :, -1], expected)
    assert seen.min() == 1


def test_an_error_an_interrupt_and_nested_blocks_leave_no_hook(pair):
    model = model_of("sisa")
    before = model(pair[0])
    for error in (RuntimeError, KeyboardInterrupt):
        outer, inner = Intervention("content"), Intervention("value", layers=[1])
        with pytest.raises(error), intervened(model, outer), intervened(model, inner):
            raise error
        assert not hooks_left(model)
    with intervened(model, Intervention("content")):
        outer = model(pair[0])
        with intervened(model, Intervention("value", layers=[1])):
            assert not torch.equal(model(pair[0]), outer)
        assert torch.equal(model(pair[0]), outer)
    assert torch.equal(model(pair[0]), before)


def test_another_thread_waits_until_a_block_ends(pair):
    model, found = model_of("sisa"), {}
    before = model(pair[0])
    with intervened(model, Intervention("content")):
        other = threading.Thread(target=lambda: found.update(logits=model(pair[0])))
        other.start()
        other.join(0.2)
        assert not found
    other.join(30)
    assert torch.equal(found["logits"], before)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (dict(what="contents"), "what is 'contents'; legal: 'content'"),
        (dict(what="lam", how="shuffle"), "how is 'shuffle'; legal: 'zero', 'scale', 'mean', 'clean'"),
        (dict(what="content", layers=[]), "layers is []; legal: a list"),
        (dict(what="content", layers=3), "layers is 3; legal: a list"),
        (dict(what="content", heads=[1, 1]), "each number once"),
        (dict(what="content", heads=[-1]), "heads is -1; legal: whole numbers >= 0"),
        (dict(what="mlp", heads=[0]), "legal: None for mlp"),
        (dict(what="value", queries=[0]), "legal: None for value"),
        (dict(what="head", channels=[0]), "legal: None for head"),
        (dict(what="content", queries=torch.ones(3)), "a mask of bools"),
        (dict(what="content", how="scale", factor=float("nan")), "factor is nan"),
        (dict(what="content", how="shuffle", channels=[0]), "legal: None with 'shuffle'"),
    ],
)
def test_what_no_intervention_can_be_is_refused_at_once(given, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Intervention(**given)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Intervention("state"), "what is 'state'; legal: 'content', 'importance'"),
        (Intervention("content", layers=[5]), "layers is [5]; legal: 0, 1"),
        (Intervention("content", heads=[2]), "heads is [2]; legal: 0 to 1"),
        (Intervention("importance", channels=[2]), "channels is [2]; legal: 0 to 1"),
        (Intervention("content", queries=[14]), "positions is [14]; legal: 0 to 13"),
        (Intervention("content", keys=torch.ones(2, 14).bool()), "mask's shape is (2, 14); legal: (3, 14)"),
        (Intervention("value", "clean"), "clean is None; legal: what the hooks fired"),
    ],
)
def test_what_this_model_or_text_does_not_have_is_refused_and_nothing_is_left(pair, change, words):
    model = model_of("sisa")
    with pytest.raises(ValueError, match=re.escape(words)), intervened(model, change):
        model(pair[0])
    assert not hooks_left(model)


def test_runs_of_other_lengths_are_refused(pair):
    model, change = model_of("sisa"), Intervention("value", "clean")
    run = recorded(model, pair[1][:, :9], change)
    with pytest.raises(ValueError, match="same length in tokens"), intervened(model, change, clean=run):
        model(pair[0])


def test_effects_are_what_an_evaluation_under_hooks_says(any_model):
    episodes = TASK.build(3, n_episodes=7)
    changes = {"nothing": [], "heads": Intervention("head", "scale", factor=0.5, layers=[1], heads=[0])}
    if "content" in targets(any_model):
        changes |= {"content": Intervention("content"), "shuffled": Intervention("content", "shuffle")}
    table = effects(any_model, episodes, {k: v for k, v in changes.items() if k != "shuffled"})
    before = evaluate(any_model, episodes)
    for name, rows in table.groupby("name"):
        with intervened(any_model, changes[str(name)]):
            after = evaluate(any_model, episodes)
        np.testing.assert_allclose(rows["log_p"], -after["nll"], atol=1e-5)
        np.testing.assert_allclose(rows["log_p_lost"], after["nll"] - before["nll"], atol=1e-5)
        assert rows["exact_match"].tolist() == after["exact_match"].tolist()
        assert rows["was_right"].tolist() == before["exact_match"].tolist()
    assert (table.loc[table["name"] == "nothing", "log_p_lost"] == 0).all()


def test_the_last_mlp_is_changed_at_every_position():
    model, episodes = model_of("sisa"), replace(TASK, lengths=(16,)).build(3, n_episodes=4)
    tokens = torch.as_tensor(episodes.tokens)
    hows: list[How] = ["mean", "random", "clean"]
    for how in hows:
        change = Intervention("mlp", how, layers=[1], queries=range(5, 16))
        clean = recorded(model, tokens.roll(1, 0), change)
        table = effects(model, episodes, {how: change}, clean=clean)
        with intervened(model, change, clean=clean):
            after = evaluate(model, episodes)
        np.testing.assert_allclose(table["log_p"], -after["nll"], atol=1e-5)
        assert np.abs(table["log_p_lost"].to_numpy()).max() > 1e-3


def test_knockouts_by_outputs_are_knockouts_by_hooks(any_model):
    if "content" not in targets(any_model):
        with pytest.raises(ValueError, match="computes no scores"):
            knockouts(any_model, TASK.build(3, n_episodes=4))
        return
    episodes = TASK.build(3, n_episodes=7)
    table = knockouts(any_model, episodes, n_control=4, seed=5)
    hows: tuple[How, ...] = ("zero", *CONTROLS)
    for how in hows:
        shown = episodes if how == "zero" else first_episodes(episodes, 4)
        rows = table[table["how"] == how].reset_index(drop=True)
        changes = {
            str(at): Intervention(term, how, layers=[layer], heads=[head], seed=5)
            for at, (layer, head, term) in enumerate(
                zip(rows["layer"], rows["head"], rows["term"], strict=True)
            )
        }
        twin = summarise_effects(effects(any_model, shown, changes))
        for column in ("log_p_lost", "low", "high", "exact_lost", "n"):
            np.testing.assert_allclose(rows[column], twin[column], atol=1e-8)


def test_a_plain_model_has_as_many_rows_as_heads_and_terms():
    episodes = TASK.build(3, n_episodes=4)
    for name, terms in (
        ("sisa", ["content", "importance"]),
        ("fox", ["content", "decay"]),
        ("transformer", ["content"]),
    ):
        table = knockouts(model_of(name), episodes, controls=[])
        assert list(dict.fromkeys(table["term"])) == terms
        assert len(table) == 2 * 2 * len(terms)
    with pytest.raises(ValueError, match="terms is 'importance'; legal: 'content', 'decay'"):
        knockouts(model_of("fox"), episodes, terms=["importance"])
    with pytest.raises(ValueError, match="controls is 'zero'"):
        knockouts(model_of("fox"), episodes, controls=["zero"])


def test_an_interrupted_knockout_leaves_the_model_as_it_was(monkeypatch):
    model, episodes = model_of("sisa"), TASK.build(3, n_episodes=4)
    calls = []

    def interrupt(*_):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    handle = mixers(model)[1].hook_z.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        knockouts(model, episodes)
    handle.remove()
    assert not hooks_left(model)


def test_the_shipped_model_needs_importance_of_one_head_of_its_first_layer():
    model = load("niah")
    episodes = Exploration(length=96, n_episodes=6).episodes(model)
    heads = {f"{head}": Intervention("importance", layers=[0], heads=[head]) for head in (0, 3)}
    lost = summarise_effects(effects(model, episodes, heads))["log_p_lost"].tolist()
    assert abs(lost[0]) < 0.5
    assert lost[1] > 2


def test_the_vocabulary_is_told_in_its_own_words():
    change = Intervention("importance", "scale", layers=[0], heads=[3], queries=[4], factor=0.5)
    assert repr(change) == "importance of L0H3: scale 0.5 at chosen queries"
    assert set(LEGAL_HOWS) == set(get_args(Target))
