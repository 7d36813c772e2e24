"""What notebooks 03 to 06 compute, on tables made by hand: verdicts follow them; what is absent is said."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from small_models import mixers

from data import measured, published, wilson
from data.results.variants import Variant
from model import SISAConfig, SISAModel, load, save
from model.analysis.evaluation import heldout_loss
from model.config.architectures import architectures as registered
from model.network.extension import with_anchor
from model.study.findings import convergence, repeats, selection
from model.study.findings.clamp import loss_by_position, score_error
from model.study.findings.context_lengths import (
    anchor_shown,
    by_length,
    every_variant,
    measured_grid,
    over_seeds,
)
from model.study.findings.decay import DECAY_HELD, decay_reached, half_lives_held, looks_ahead
from model.study.findings.fusion_levels import (
    TRANSFORMER_WITHOUT_ROPE,
    architecture_table,
    level_claims,
    placement,
)
from model.study.findings.length_claims import length_claims
from model.study.findings.published_numbers import published_by_scale
from model.study.findings.state_size import coverage, ended, gates, sizes_table
from model.study.findings.state_size_claims import size_claims, state_claims
from model.study.findings.training_speed import throughput
from model.study.findings.yarn_balance import yarn_balance
from model.study.notebooks.context_length import Contexts
from model.study.notebooks.convergence import ConvergenceStudy
from model.study.notebooks.display import set_display, with_units
from model.study.notebooks.fusion import FusionTour
from model.study.notebooks.small_models import one_thread
from model.study.notebooks.state_size import StateSizes
from sisa_viz.trace.needles import needle_head

MATCH = "corpus256/exact_match"
ROW = {"tokens_per_second": 1e5, "relative": 0.8}


def metrics_of(curves):
    """{(variant, seed): [value at step 50, 100, …]} as a table of metrics, 128 episodes each."""
    rows = []
    for (name, seed), values in curves.items():
        for at, value in enumerate(values, 1):
            run = {"run": f"{name}-{seed}", "architecture": name, "seed": seed, "lr": 1e-3, "step": 50 * at}
            rows += [run | {"name": MATCH, "value": value}, run | {"name": "corpus256/n", "value": 128}]
    return pd.DataFrame(rows).assign(preset="small", episode_fraction=0.0, tokens=0)


@pytest.fixture
def runs():
    """A run a row: exact match grows by 0.1 a doubling of d_state, the adaptive one is 0.2 better."""
    sizes = [(f"SISA d_state={size}", size, np.log2(size) / 10) for size in (4, 8, 16, 32)]
    rows = []
    for seed in range(3):
        noise = 0.001 * seed
        for name, size, value in [*sizes, ("adaptive_sisa", 16, 0.6), ("transformer", 0, 0.3)]:
            found = {MATCH: value + noise * (1 + size / 16), "val/loss": 2.0 + noise * size}
            rows.append({"architecture": name, "seed": seed, "d_state": size} | found)
    return pd.DataFrame(rows)


@pytest.fixture
def lengths(monkeypatch):
    """A table of lengths: SISA finds 9 of 10 at 512 tokens, at 1,024 under YaRN if exact, else nothing."""
    rows = []
    for name, rope, anchor in (
        ("SISA d_state=16", "rope", "exact"),
        ("SISA d_state=16", "rope", "causal"),
        ("SISA d_state=16", "yarn", "exact"),
        ("SISA d_state=16", "yarn", "causal"),
        (TRANSFORMER_WITHOUT_ROPE, "none", "none"),
    ):
        for seed in range(3):
            for length in (512, 1024, 2048):
                reach = {"rope": 512, "yarn": 1024, "none": 0}[rope]
                found = 9 if length <= (reach if anchor != "causal" else 512) else 0
                cell = {"run": f"{name}{seed}", "variant": name, "seed": seed, "lr": 1e-3, "rope": rope}
                for depth in (0.0, 1.0):
                    here = {"context_length": length, "depth": depth, "successes": found, "n": 10}
                    here["anchor"] = anchor
                    rows.append(cell | here | {"episode_fraction": 0.0})
    monkeypatch.setattr(measured, "lengths", lambda: pd.DataFrame(rows))
    monkeypatch.setattr(measured, "chosen", lambda table: table)


@pytest.fixture
def no_lengths(monkeypatch):
    def absent():
        raise FileNotFoundError("lengths.csv.gz")

    monkeypatch.setattr(measured, "lengths", absent)


def test_held_out_sets_are_those_of_the_tables():
    assert selection.needle_sets() == ["corpus256", "corpus512", "repeated256", "repeated512"]


def test_variants_are_spelt_as_in_plots():
    names = selection.variants("main", "fusion")
    assert names[:2] == ["transformer", "SISA d_state=16"]
    assert {"jamba", "hymba", TRANSFORMER_WITHOUT_ROPE, "SISA d_state=16, λ lr ×1"} <= set(names)
    assert len(set(names)) == len(names)


def test_compared_runs_have_one_learning_rate_a_variant():
    table = selection.compared("main")
    assert set(table["architecture"]) <= set(selection.variants("main"))
    assert set(table.groupby("architecture")["lr"].nunique()) == {1}


def test_sizes_and_runs_with_episodes_are_compared_apart():
    large = selection.compared("50m", preset="50m")
    assert set(large["preset"]) == {"50m"}
    assert set(large["architecture"]) <= set(selection.variants("50m"))
    assert min(selection.with_episodes()["episode_fraction"]) > 0
    assert not set(selection.with_episodes()["run"]) & set(selection.compared("main")["run"])


def test_verdicts_are_counted_by_size_and_set():
    found = {("transformer", seed): [1.0] for seed in range(3)}
    lost = {("transformer", seed): [0.0] for seed in range(3)}
    table = convergence.tally({"one": metrics_of(found), "two": metrics_of(lost)})
    assert table.loc[("one", "corpus256")].to_dict() == {"not reproduced at this scale": 0, "reproduced": 1}
    assert table.loc[("two", "corpus256")].to_dict() == {"not reproduced at this scale": 1, "reproduced": 0}


def test_the_lens_is_of_a_measured_run_of_the_asked_size():
    runs = measured.runs().set_index("run")
    for preset in ("small", "50m"):
        assert runs.loc[ConvergenceStudy(lens_preset=preset).lens_run(), "preset"] == preset


def test_steps_of_a_run_that_ended_below_are_marked():
    table = convergence.steps_table(
        metrics_of({("a", 0): [0.2, 0.6], ("a", 1): [0.2, 0.3], ("b", 0): [0.5, 1]}), needles="corpus256"
    )
    assert table.loc["a"].tolist() == ["100", "> 100"]
    assert table.loc["b"].tolist() == ["50", ""]


def test_no_run_is_said_to_have_ended_later_than_its_steps_were_compared():
    curves = {("short", 0): [0, 0.6], ("long", 0): [0, 0.2, 0.6, 0.6]}  # long gets there at 150
    table = convergence.steps_table(metrics_of(curves), needles="corpus256")
    assert table["seed 0"].to_dict() == {"long": "> 100", "short": "100"}


def test_ratios_of_steps_and_what_they_rest_on():
    curves = {("transformer", seed): [0, 0.6, 1] for seed in range(3)}
    curves |= {("fast", seed): [0.6, 1, 1] for seed in range(3)} | {("never", 0): [0, 0, 0]}
    table = convergence.ratios(metrics_of(curves), needles="corpus256").set_index(["variant", "level"])
    assert table.loc[("fast", "50%"), ["ratio", "low", "high", "seeds"]].tolist() == [
        "0.50",
        "0.00",
        "∞",
        3,
    ]
    assert table.loc[("never", "90%"), ["ratio", "low", "censored"]].tolist() == ["∞", "0.00", 1]


def test_a_second_training_is_compared_with_the_first_and_with_other_seeds(monkeypatch):
    seeds = {("transformer", 0): [0.0, 0.5], ("transformer", 1): [0.0, 0.7], ("transformer", 2): [0.0, 0.6]}
    first, again = metrics_of(seeds), metrics_of({("transformer", 0): [0.0, 0.6]})
    monkeypatch.setattr(measured, "metrics", lambda: first)
    monkeypatch.setattr(measured, "repeats", lambda: again)
    row = repeats.repeated(needles="corpus256").loc["transformer-0"]
    assert row["evaluations"] == 2
    assert (row["apart"], row["most"], row["seeds"], row["inside"]) == (0.05, 0.1, 3, 1)
    assert row["seeds apart"] == pytest.approx((0.2 + 0.1 + 0.1) / 3 / 2, abs=1e-3)
    far = metrics_of({("transformer", 0): [0.1, 0.5]})  # no seed has found any by then
    monkeypatch.setattr(measured, "repeats", lambda: far)
    assert repeats.repeated(needles="corpus256").loc["transformer-0", "inside"] == 0.5
    monkeypatch.setattr(measured, "metrics", lambda: first[first["seed"] == 0])
    alone = repeats.repeated(needles="corpus256").loc["transformer-0"]
    assert (alone["apart"], alone["seeds"], alone["seeds apart"], alone["inside"]) == (0.05, 1, "", "")


def test_final_table_lists_what_has_no_runs(monkeypatch):
    table = metrics_of({("a", seed): [0.5, 1.0] for seed in range(3)} | {("b", 0): [0.0, 0.5]})
    loss = table[table["name"] == MATCH].assign(name="val/loss", value=2.0)
    ends = {0: 1.0, 1: 1.2, 2: 1.4}  # nats an answer, by seed, of variant a alone
    nll = loss[loss["architecture"] == "a"].assign(
        name="corpus256/nll", value=lambda run: run["seed"].map(ends)
    )
    final = convergence.final_table(pd.concat([table, loss, nll]), needles="corpus256", names=["a", "b", "c"])
    shares, surprisal = ["100.0%", "97.1% to 100.0%"], ["1.20", "0.70 to 1.70"]
    assert final.loc["a"].tolist() == ["3", *shares, *surprisal, "2.000", "2.000 to 2.000"]
    assert final.loc["b"].tolist() == ["1", "50.0%", "", "", "", "2.000", ""]
    assert final.loc["c"].tolist() == ["not measured yet", "", "", "", "", "", ""]


def test_published_numbers_by_scale():
    table = published_by_scale(published.final())
    assert list(table) == ["50M", "152M", "369M"]
    sizes = [f"SISA d_state={d_state}" for d_state in (16, 32, 64, 128)]
    assert table.index.tolist() == ["transformer", *sizes, "mamba2", "mamba3"]
    assert table.loc["mamba2"].tolist() == ["0", "82.5", "96.5"]
    assert table.loc["SISA d_state=16"].tolist() == ["100", "100", ""]


def test_what_is_not_measured_names_the_command():
    assert selection.unmeasured("speed", command="make bench").iloc[0].tolist() == ["speed", "make bench"]


def test_tables_are_shown_whole():
    with pd.option_context("display.max_colwidth", 50, "display.max_rows", 60):
        set_display()
        assert "x" * 80 in pd.DataFrame({"a": ["x" * 80]}).to_html()


def test_verdicts_are_of_one_set():
    table = convergence.verdicts(
        metrics_of({("transformer", seed): [1.0] for seed in range(3)}), needles="corpus256"
    )
    assert table["verdict"].tolist() == ["reproduced"]
    assert not {"needles", "variant"} & set(table)


def test_minimax_looks_ahead_past_22_nats_and_the_other_anchors_never():
    table = looks_ahead(half_lives=(103, 7), length=256)
    slow, fast = table.to_dict("records")
    assert slow["total decay"] < DECAY_HELD["minimax"] < fast["total decay"]
    assert slow["minimax, last token"] < 1e-5 < 1e-4 < fast["minimax, last token"]
    assert slow["minimax, more text"] < 1e-5 < 1e-2 < fast["minimax, more text"]
    for anchor in ("causal", "exact"):
        assert set(table[f"{anchor}, last token"]) == {0}
        assert max(table[f"{anchor}, more text"]) < 1e-5


def test_heads_past_each_anchor():
    heads = pd.DataFrame(
        {"variant": "a", "run": "r", "step": [50, 100, 100, 100], "lam": 0.3, "clamped": [1, 0, 0, 0.3]}
    )
    table = decay_reached(heads.assign(half_life=[1.0, 100.0, 10.0, 1.0]), length=512).loc["a"]
    assert table["heads"] == 3
    assert table["past 22 nats (minimax)"] == "67%"
    assert table["past 76 nats (causal)"] == "33%"
    assert table["clamped, measured"] == "10.00%"
    assert table["clamped, expected"] == f"{(1 - DECAY_HELD['causal'] / (512 * np.log(2))) / 3:.2%}"
    assert table["past 76 nats in 64 tokens (exact)"] == "0%"  # 44 nats at 1 token, 4 at 10
    assert half_lives_held(512)["22 nats"] == pytest.approx(16.13, abs=0.01)
    assert half_lives_held(512)["76 nats in 64 tokens"] == pytest.approx(0.584, abs=0.001)
    assert half_lives_held(64)["76 nats"] == pytest.approx(0.584, abs=0.001)  # one block


def test_shipped_runs_of_the_small_study_are_read_and_others_trained(monkeypatch, tmp_path):
    study = ConvergenceStudy(output_dir=str(tmp_path))
    assert set(study.run()["run"]) == {experiment.name for experiment in study.experiments()}
    assert list(tmp_path.iterdir()) == []
    other = ConvergenceStudy(output_dir=str(tmp_path), smoke=True, length=24, architectures=["sisa"])
    assert set(other.run()["name"]) > {"train/loss", "niah/exact_match"}
    assert len(list(tmp_path.iterdir())) == 1


def test_every_architecture_is_described_at_equal_parameters():
    table = architecture_table()
    assert set(table.index) == {*(record.name for record in registered()), TRANSFORMER_WITHOUT_ROPE}
    sizes = [int(size.replace(",", "")) for size in table["parameters"]]
    assert max(sizes) / min(sizes) < 1.001
    assert table.loc[TRANSFORMER_WITHOUT_ROPE, "position code"] == "none"


def test_small_models_find_something_and_show_a_head(tmp_path):
    tour = FusionTour(output_dir=str(tmp_path), smoke=True, length=32)
    model = tour.model("jamba")
    assert placement(model.config) == "layer 0: Mamba-2, layer 1: attention"
    assert tour.found({"jamba": model}).loc["jamba", "n"] == 8
    traces = {0: tour.trace(model, part="ssm"), 1: tour.trace(model, part="attention")}
    for layer, trace in traces.items():
        at = needle_head(trace)
        assert at["layer"] == layer
        assert 0 <= at["head"] < 4


def test_levels_are_compared_over_shared_seeds():
    curves = {("SISA d_state=16", seed): [0.6, 1] for seed in range(6)} | {
        ("jamba", seed): [0, 0.6] for seed in range(6)
    }
    table = level_claims(metrics_of(curves), needles="corpus256")
    assert table["verdict"].tolist() == ["supported here", "undecided"]
    assert table["what would decide it"].tolist() == ["", "more seeds: 0 of at least 6"]


def test_every_state_size_costs_the_same_parameters():
    table = sizes_table()
    assert table.index.tolist() == [0, 4, 8, 16, 32, 48, 64, 96, 128]
    assert table["d_mlp"].is_monotonic_decreasing


def test_coverage_names_sizes_without_runs(runs):
    seeds = coverage(runs)["seeds"].to_dict()
    assert seeds[Variant("sisa", d_state=16).label] == "3"
    assert seeds[Variant("sisa", d_state=128).label] == "not measured yet"


def test_claims_on_d_state_follow_the_table(runs, tmp_path):
    slope, steady, loss, _, gain, *_, speed = state_claims(
        runs, throughput(tmp_path / "none"), needles="corpus256"
    ).to_dict("records")
    assert slope["claim"] == "exact match grows with d_state, up to 32"  # the largest here
    assert slope["measured"] == steady["measured"] == "+0.101 a doubling"
    assert slope["verdict"] == "grows here, no claim of the paper"
    assert gain["measured"] == "+0.200"
    assert gain["verdict"].startswith("grows here")
    assert (speed["measured"], speed["verdict"]) == ("", "undecided")
    assert "state_size.json is not measured yet" in speed["what would decide it"]
    assert loss["verdict"] == "grows here, no claim of the paper"
    alone = state_claims(runs[runs["seed"] == 0].head(2), throughput(tmp_path / "none"), needles="corpus256")
    assert set(alone["verdict"]) == {"undecided"}


def test_runs_of_one_rate_are_of_one_size_and_without_episodes():
    slower = ended(lr=1e-3)
    runs = measured.runs().set_index("run").loc[slower["run"]]
    assert set(runs["lr"]) == {1e-3}
    assert set(runs["preset"]) == {"small"}
    assert set(runs["episode_fraction"]) == {0}
    assert {"transformer", "SISA d_state=4", "SISA d_state=64"} <= set(slower["architecture"])
    assert size_claims(slower, needles="corpus256")["claim"].str.endswith("up to 64").all()


def test_throughput_is_read_where_it_is(runs, tmp_path):
    path = tmp_path / "state_size.json"
    path.write_text(json.dumps({"machine": "one", "rows": [ROW | {"d_state": 32}, ROW | {"d_state": 0}]}))
    speed = throughput(path)
    assert speed["architecture"].tolist() == ["transformer", "SISA d_state=32"]
    assert state_claims(runs, speed, needles="corpus256")["measured"].iloc[-1] == "0.80 (one)"
    path.write_text('{"rows": [{"d_state": 4}]}')
    with pytest.raises(ValueError, match="legal: d_state, tokens_per_second, relative"):
        throughput(path)


def test_gates_start_open(tmp_path):
    table = gates(StateSizes(output_dir=str(tmp_path), smoke=True).adaptive_model())
    assert table.shape == (2, 8)
    assert table.to_numpy() == pytest.approx(0.982, abs=0.001)


def test_lengths_that_were_not_measured_are_undecided(no_lengths):
    assert anchor_shown("SISA d_state=16") == "none"
    assert measured_grid("SISA d_state=16", anchor="exact").empty
    table = length_claims("SISA d_state=16")
    assert set(table["verdict"]) == {"undecided: not measured yet"}
    assert table["published"].iloc[0] == "at 1.5 ×: 50M 0 %, 152M 0 %"


def test_measured_lengths_make_panels_and_verdicts(lengths):
    assert anchor_shown("SISA d_state=16") == "exact"
    cells = measured_grid("SISA d_state=16", anchor="exact")
    assert set(cells["architecture"]) == {"rope", "yarn", TRANSFORMER_WITHOUT_ROPE}
    assert set(cells["n"]) == {10}
    rates = every_variant()
    assert rates.loc[("SISA d_state=16", "yarn", "exact"), 1024] == "90% (70% to 97%)"
    assert rates.loc[("SISA d_state=16", "yarn", "causal"), 1024].startswith("0%")
    assert rates.index.tolist() == [
        ("SISA d_state=16", "rope", "causal"),
        ("SISA d_state=16", "rope", "exact"),
        ("SISA d_state=16", "yarn", "causal"),
        ("SISA d_state=16", "yarn", "exact"),
        (TRANSFORMER_WITHOUT_ROPE, "none", "none"),
    ]
    table = length_claims("SISA d_state=16").set_index("claim")
    lost = table.loc["SISA d_state=16: keeps less than half at 2 ×"]
    low, high = wilson(0, 18)  # of 18 needles found at 1 ×
    assert (lost["at 1 ×"], lost["measured"], lost["verdict"]) == ("90.0%", "0 %", "reproduced")
    assert (lost["low"], lost["high"]) == (f"{100 * low:.0f} %", f"{100 * high:.0f} %")
    yarn = table.loc["SISA d_state=16, yarn: keeps less than half at 2 ×"]
    assert (yarn["measured"], yarn["seeds"], yarn["verdict"]) == ("100 %", 3, "no claim of the paper")
    assert table.loc["transformer: keeps less than half at 4 ×", "verdict"] == "undecided: not measured yet"
    nothing = table.loc[f"{TRANSFORMER_WITHOUT_ROPE}: keeps less than half at 2 ×"]
    assert (nothing["verdict"], nothing["what would decide it"]) == (
        "undecided",
        "runs that find needles at 1 ×",
    )
    assert not table.index.str.contains("RoPE, ").any()
    clamped = length_claims("SISA d_state=16", anchor="causal").set_index("claim")
    assert clamped.loc["SISA d_state=16, yarn: keeps less than half at 2 ×", "measured"] == "0 %"


def test_seeds_share_their_episodes_so_they_count_once():
    rows = pd.DataFrame({"run": ["a", "b", "c"], "length": 8, "successes": [8, 8, 8], "n": 10})
    cell = over_seeds(rows, by=["length"]).iloc[0]
    assert (cell["n"], cell["rate"]) == (10, pytest.approx(0.8))
    assert (cell["low"], cell["high"]) == pytest.approx(wilson(8, 10))  # not of 30 episodes
    two = over_seeds(rows.loc[rows["run"] != "c"], by=["length"]).iloc[0]
    assert np.isnan(two["low"])  # two seeds have no interval


def test_depths_of_a_length_together():
    grid = pd.DataFrame({"rope": "rope", "context_length": 64, "successes": [1, 0], "n": 1})
    grid = pd.concat([grid.assign(anchor="exact"), grid.assign(anchor="causal", successes=0)])
    assert by_length(grid).loc[("rope", "exact"), 64] == "1 of 2 (9% to 91%)"
    assert by_length(grid).loc[("rope", "causal"), 64].startswith("0 of 2")


@pytest.fixture(scope="module")
def fast_fading():
    """A tiny model whose heads halve every 1.5 tokens, so that 76 nats are 164 tokens; λ is 20."""
    model = SISAModel(SISAConfig.preset("tiny", d_state=4, n_ctx=128))
    with torch.no_grad():
        for mixer in mixers(model):
            mixer.to_decay.bias.fill_(-0.53)  # log α = −softplus(−0.53) = −ln 2 / 1.5
            mixer.lam_raw.fill_(20.0)
            mixer.to_B.weight.mul_(20)
            mixer.to_C.weight.mul_(20)
    return model


def test_the_clamp_costs_nothing_before_76_nats_and_changes_the_loss_after(fast_fading):
    text = np.random.default_rng(0).integers(64, size=(2, 256))
    table = loss_by_position(fast_fading, text, band=64)
    assert table.index.tolist() == ["1 to 64", "65 to 128", "129 to 192", "193 to 256", "all"]
    assert [*table.columns] == [(code, anchor) for code in ("rope", "yarn") for anchor in ("exact", "causal")]
    apart = (table["rope", "exact"] - table["rope", "causal"]).abs().to_dict()
    assert apart["1 to 64"] < 1e-4 < 1e-3 < apart["193 to 256"]
    loss = heldout_loss(with_anchor(fast_fading, "causal"), text)
    assert table.loc["all", ("rope", "causal")] == pytest.approx(loss, abs=1e-5)


def test_score_errors_are_those_of_the_clamp(fast_fading):
    text = np.random.default_rng(0).integers(64, size=256)
    table = score_error(fast_fading, text)
    assert set(table["wrong heads"]) == {4}
    assert np.abs(table["clamped"].to_numpy() - (1 - 164 / 256)).max() < 0.1
    assert table["half-life"].to_numpy() == pytest.approx([1.5, 1.5], rel=0.2)
    assert score_error(fast_fading, text[:64])["largest error"].to_numpy().max() < 1e-3
    exact = score_error(fast_fading, text, anchor="exact")
    assert (exact["largest error"].max(), exact["clamped"].max()) == (0, 0)
    hooks = ("importance_scores", "rot_B", "rot_C", "cum_decay", "lam")
    names = [f"blocks.0.attn.hook_{hook}" for hook in hooks]
    model, tokens = with_anchor(fast_fading, "causal"), torch.as_tensor(text)[None]
    _, cache = model.run_with_cache(tokens, names_filter=names)
    told, b, c, g, lam = [cache[name].double() for name in names]
    meant = lam.reshape(-1, 1, 1) * (c @ b.mT) * (g[..., :, None] - g[..., None, :]).clamp(max=0).exp()
    largest = float((told - meant).tril().abs().max())
    assert table.loc[0, "largest error"] == pytest.approx(largest, rel=1e-3)


def test_contexts_wants_both_terms(tmp_path):
    path, tokenizer = tmp_path / "m.safetensors", load("niah").tokenizer
    config = SISAConfig.preset("tiny", architecture="transformer", d_vocab=4096)
    save(SISAModel(config, tokenizer=tokenizer), path)
    with pytest.raises(ValueError, match=r"checkpoint is .*; legal: a model with RoPE whose scores have con"):
        Contexts(checkpoint=str(path)).model()


def test_yarn_scales_content_by_mu_squared_and_importance_not_at_all():
    table = yarn_balance(load("niah"), factors=(1.0, 4.0))
    assert table["content"].to_numpy() == pytest.approx(table["μ²"].to_numpy(), abs=2e-4)
    assert set(table["importance"]) == {1}
    assert table["share of importance"].iloc[1] < table["share of importance"].iloc[0]


def test_one_thread_is_given_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_tables_say_their_units_and_intervals_are_one_column():
    table = pd.DataFrame(
        {"log_p_lost": [1.0, 2.0], "low": [0.5, np.nan], "high": [1.5, np.nan], "other": "x"}
    )
    shown = with_units(table)
    assert list(shown) == ["log p lost (nats)", "95 % interval", "other"]
    assert shown["95 % interval"].tolist() == ["0.50 to 1.50", ""]
    words = with_units(pd.DataFrame({"ratio": ["1.00"], "low": ["0.00"], "high": ["∞"]}))
    assert words["95 % interval"].tolist() == ["0.00 to ∞"]
    assert list(with_units(pd.DataFrame({"d_state": [4], "zero_low": [1.0], "zero_high": [2.0]}))) == [
        "d_state (channels of a state)",
        "its 95 % interval",
    ]
