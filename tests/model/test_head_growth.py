"""λ by layer over the study's runs: means, trends, and sentences that say no more than their intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from data.results.estimate import Estimate
from data.results.intervals import mean_interval
from data.results.ranks import PREDICTORS
from data.results.verdicts import UNDECIDED
from model.study.findings import head_growth
from model.study.findings.head_growth import FALLS, RISES
from model.study.notebooks.atlas import study_heads


@pytest.fixture
def heads():
    """Four runs of "down", whose λ falls with depth, four of "even", two of "few"; a transformer has none."""
    rng, rows = np.random.default_rng(0), []
    for variant, runs, slope in (
        ("down", 4, -0.01),
        ("even", 4, 0.0),
        ("few", 2, 0.01),
        ("plain", 1, np.nan),
    ):
        for run in range(runs):
            for step in (50, 100):
                for layer in range(4):
                    for head in range(5):
                        lam = 0.31 + slope * layer * step / 100 + rng.normal() / 1000
                        name, reach = f"{variant}{run}", 2.0 ** rng.uniform(0, 6)
                        rows.append((variant, name, step, layer, head, lam, reach))
    return pd.DataFrame(rows, columns=list(head_growth.HEADS))


def test_only_the_last_step_of_heads_with_lambda_counts(heads):
    last = head_growth.last_step(heads)
    assert set(last["step"]) == {100}
    assert set(last["variant"]) == {"down", "even", "few"}
    with pytest.raises(ValueError, match="the table of heads with λ has no rows"):
        head_growth.last_step(heads[heads["variant"] == "plain"])


@pytest.mark.parametrize("measure", ["lam", "half_life"])
def test_a_cell_is_the_mean_over_runs_of_the_median_head(heads, measure):
    table = head_growth.by_layer(heads, measure=measure)
    own = heads.query("variant == 'down' and layer == 2 and step == 100").groupby("run")[measure].median()
    found = mean_interval((np.log(own) if measure == "half_life" else own).to_numpy())
    ends = [found.value, found.low, found.high]
    ends, form = (np.exp(ends), ".1f") if measure == "half_life" else (ends, ".3f")
    assert table.loc["down", "layer 2"] == "{} ({} to {})".format(*(format(end, form) for end in ends))
    assert "(" not in str(table.loc["few", "layer 2"])
    assert table["runs"].to_dict() == {"down": 4, "even": 4, "few": 2}


def test_trends_are_rank_correlations_with_the_layer_and_verdicts_their_intervals(heads):
    trends = head_growth.depth_trends(heads).set_index(["variant", "measure"])
    own = heads.query("variant == 'down' and step == 100")
    each = [float(stats.spearmanr(run["layer"], run["lam"])[0]) for _, run in own.groupby("run")]  # pyright: ignore[reportArgumentType]
    found = mean_interval(each)
    row = trends.loc[("down", "lam")]
    assert row["correlation"] == pytest.approx(found.value)
    assert [row["low"], row["high"]] == pytest.approx([max(found.low, -1), found.high])
    assert row["verdict"] == FALLS
    assert trends.loc[("even", "lam"), "verdict"] == UNDECIDED
    few = trends.loc[("few", "lam")]
    assert few["correlation"] > 0.9
    assert np.isnan(few["low"])
    assert few["verdict"] == UNDECIDED  # two runs, however alike


def test_the_lead_of_layer_0_is_paired_within_runs(heads):
    found = head_growth.first_layer_lead(heads, "down")
    own = heads.query("variant == 'down' and step == 100")
    leads = [
        run.query("layer == 0")["lam"].median() - run.query("layer > 0")["lam"].median()
        for _, run in own.groupby("run")
    ]
    assert found == mean_interval(leads)
    assert found.low > 0.015


def atlas(**columns):
    numbers = {name: np.linspace(0.1, 0.9, 12) for name in PREDICTORS} | columns
    return pd.DataFrame(numbers).assign(layer=np.arange(12) // 4, head=np.arange(12) % 4)


def test_every_sentence_is_of_its_numbers(heads):
    trends = head_growth.depth_trends(heads)
    lam = np.full(12, 0.3133)
    lam[[1, 5]] = 0.3100, 0.3200
    table = atlas(lam=lam, half_life=np.linspace(2, 30, 12))
    lead = Estimate(value=-0.002, low=-0.004, high=0.001, n=4)
    said = head_growth.atlas_conclusion(table, trends, shown="even", lead=lead)
    assert said[0].startswith("The checkpoint's λ lie between 0.3100 and 0.3200: none of 12 heads")
    assert "further than 0.0067 from 0.3133" in said[0]
    share = table.groupby("layer")["importance_share"].median()
    assert "between 10 and 90 % of a head's attention" in said[1]
    assert f"most in layer 2 (median head {100 * share[2]:.0f} %)" in said[1]
    assert "between 2.0 and 30.0 tokens" in said[1]
    assert said[2] == (
        f"Of 2 variants of the study with 3 runs or more, λ {FALLS} in 1, {RISES} in 0 and is undecided in 1."
    )
    even = trends.set_index(["variant", "measure"]).loc[("even", "lam")]
    numbers = [f"{even[name]:.2f}".replace("-", "−") for name in ("correlation", "low", "high")]
    words = "{} (95 % interval {} to {}, 4 runs)".format(*numbers)
    assert said[3] == f"In even, λ is undecided by depth: rank correlation {words}."
    assert said[5].endswith("other layers: undecided, −0.0020 (95 % interval −0.0040 to +0.0010, 4 runs).")
    assert len(said) == 6


def test_few_runs_have_no_interval_and_say_so(heads):
    trends, lead = head_growth.depth_trends(heads), head_growth.first_layer_lead(heads, "few")
    said = head_growth.atlas_conclusion(atlas(), trends, shown="few", lead=lead)
    assert "undecided by depth" in said[3]
    assert "(no interval, 2 runs)" in said[3]
    assert said[5].endswith("of 2 runs too few for an interval.")


def test_with_knockouts_it_names_what_goes_with_their_cost_and_no_more(heads):
    names = ["lam", "half_life", "importance_share"]
    numbers = [(0.1, -0.2, 0.4), (-0.4, -0.6, -0.1), (0.6, 0.4, 0.8)]
    rows = [
        ("importance", how, name, *(0.9 * n if how == "mean" else n for n in found), 48, 1)
        for how in ("zero", "mean")
        for name, found in zip(names, numbers, strict=True)
    ]
    rows += [("content", "zero", "lam", 0.1, -0.2, 0.4, 48, 1)]
    columns = ["term", "how", "predictor", "correlation", "low", "high", "n", "runs"]
    said = head_growth.atlas_conclusion(
        atlas(),
        head_growth.depth_trends(heads),
        shown="down",
        lead=head_growth.first_layer_lead(heads, "down"),
        correlations=pd.DataFrame(rows, columns=columns),
    )
    assert said[6] == (
        "What a head without importance costs goes with importance_share 0.60 (95 % interval 0.40 to 0.80), "
        "half_life −0.40 (95 % interval −0.60 to −0.10); 1 of 3 numbers are undecided."
    )
    assert (
        said[7] == "No number of the atlas tells what a head without content costs: every interval holds 0."
    )


def test_ranks_against_one_column_leave_it_out():
    table = atlas(lam=np.random.default_rng(1).normal(size=12))
    found = head_growth.ranked_by(table, "importance_share")
    assert set(found.index) == set(PREDICTORS) - {"importance_share"}
    assert found["correlation"].abs().is_monotonic_decreasing
    expected = float(stats.spearmanr(table["lam"], table["importance_share"])[0])  # pyright: ignore[reportArgumentType]
    assert found.loc["lam", "correlation"] == pytest.approx(expected)


def test_in_the_study_layer_0_keeps_more_of_its_lambda():
    heads = study_heads()
    lead = head_growth.first_layer_lead(heads, "SISA d_state=16")
    assert (lead.n, lead.low > 0.005) == (12, True)
    trends = head_growth.depth_trends(heads).set_index(["variant", "measure"])
    assert trends.loc[("SISA d_state=16", "lam"), "verdict"] == FALLS
    assert trends.loc[("SISA d_state=16, exact anchor", "lam"), "verdict"] == UNDECIDED
