"""What a page of the command line holds."""

# each section is of a kind that the test knows, and a type checker does not
# pyright: reportAttributeAccessIssue=false, reportIndexIssue=false, reportArgumentType=false, reportGeneralTypeIssues=false

import pandas as pd
import plotly.graph_objects as go
import pytest

from sisa_viz import Heading
from sisa_viz.explorer.pack import pack
from sisa_viz.pages.sections import last_values, run_sections, trace_sections
from sisa_viz.trace.needles import answering_query


def titles(sections: list) -> list:
    return [item["layout"]["title"]["text"] for item in sections if isinstance(item, go.Figure)]


def test_a_trace_with_a_needle_shows_the_head_that_importance_moves_most(make_trace):
    trace = make_trace(spans={"needle": (6, 8), "answer": (20, 22)})
    sections = trace_sections(trace, name="a.nc")
    moved = abs(trace.sisa.span_mass(query=19) - trace.sisa.span_mass(query=19, lam_scale=0))
    layer, head = divmod(int(moved.values.argmax()), 3)
    assert titles(sections) == [
        "How far the importance weight λ moved",
        "Decay of every head",
        "Attention mass on the needle",
        f"Attention scores of L{layer}H{head}",
    ]
    assert sections[0] == Heading("a.nc")
    assert sections[2].startswith(" the quick")
    assert (
        sections[-1]
        == f"L{layer}H{head} is shown because importance changes its attention to the needle most."
    )


def test_a_trace_without_a_needle_shows_the_head_of_largest_lambda(make_trace):
    trace = make_trace(spans={})
    layer, head = divmod(int(trace["lam"].values.argmax()), 3)
    sections = trace_sections(trace, name="a.nc")
    assert titles(sections)[-1] == f"Attention scores of L{layer}H{head}"
    assert sections[-1].endswith("because its λ is the largest.")


def test_a_plain_transformer_has_neither_lambda_nor_decay(make_trace):
    assert [
        title.split(" of ")[0] for title in titles(trace_sections(make_trace(d_state=0, spans={}), name="a"))
    ] == ["Attention scores"]


def test_a_state_space_has_decay_but_no_lambda(state_space):
    sections = trace_sections(state_space, name="a")
    assert titles(sections) == ["Decay of every head", "Mixing weights M of L1H1 (state space)"]
    assert sections[-1] == ""


def test_the_answering_query_comes_just_before_the_answer(make_trace):
    for spans, query in (
        ({"needle": (6, 8), "answer": (20, 22)}, 19),
        ({"needle": (6, 8)}, 23),
        ({"needle": (6, 8), "answer": (2, 3)}, 23),
    ):
        trace = make_trace(spans=spans)
        assert answering_query(trace) == pack(trace, precision="float32").meta["needle_query"] == query


def test_runs_show_what_was_logged(metrics):
    assert titles(run_sections(metrics)) == [
        "Training: loss, learning rate, gradient norm",
        "Convergence: needle exact match",
        "How far the importance weight λ moved, mean over 3 runs at their last step · SISA d_state=16",
    ]
    assert titles(run_sections(metrics[metrics["name"] == "niah/exact_match"])) == [
        "Convergence: needle exact match"
    ]


def test_every_set_of_needles_has_its_figure_and_its_column(metrics):
    """Runs of the study name their sets by filler and length."""
    needles = metrics[metrics["name"] == "niah/exact_match"]
    sets = ("corpus512", "repeated256")
    runs = pd.concat([needles.assign(name=f"{name}/exact_match") for name in sets])
    _, table, *figures = run_sections(runs)
    names = [f"needle exact match, {name}" for name in sets]
    assert titles(figures) == [f"Convergence: {name}" for name in names]
    labels = [f"{name} (share of episodes)" for name in names]
    assert table.columns.tolist() == ["run", "architecture", "seed", "step", *labels]
    assert len(table) == 6


def renamed(runs, stem, *, seed=0):
    """One run, in a folder that is named as those of the study."""
    one = runs[runs["run"] == f"SISA d_state=16-{seed}"]
    return one.assign(run=f"{stem}-seed{seed}")


def test_runs_that_differ_in_more_than_the_seed_are_not_pooled(metrics):
    stems = ("tiny-sisa-16-lr0.001-400steps", "tiny-sisa-16-lr0.002-400steps")
    rates = [renamed(metrics, stem, seed=seed) for stem, seed in zip(stems * 2, (0, 0, 1, 2), strict=True)]
    variants = ["SISA d_state=16, lr0.001", "SISA d_state=16, lr0.002"]
    for runs in (pd.concat(rates), pd.concat(rates[1:3])):  # of one seed, and of two
        sections = run_sections(runs)
        assert sorted(set(sections[1]["architecture"])) == variants
        assert [item.text for item in sections if isinstance(item, Heading)][1:] == [
            f"λ of {name}" for name in variants
        ]
    seeds = pd.concat([renamed(metrics, stems[0], seed=seed) for seed in range(3)])
    other_names = seeds.assign(run=["abc"[seed] for seed in seeds["seed"]])
    for runs in (seeds, other_names):  # seeds of one variant stay together
        assert set(run_sections(runs)[1]["architecture"]) == {"SISA d_state=16"}
    twins = pd.concat([other_names, other_names[other_names["run"] == "a"].assign(run="d")])
    assert "SISA d_state=16, d" in set(run_sections(twins)[1]["architecture"])
    with pytest.raises(
        ValueError, match=r"several runs of SISA d_state=16, seed 0: .*-seed0; legal: one run"
    ):
        run_sections(pd.concat([rates[0], rates[0]]))  # two folders of one name


def test_last_values_are_those_of_the_last_step(metrics):
    table = last_values(metrics)
    assert len(table) == 6
    assert table["step"].tolist() == [100] * 6
    logged = metrics[(metrics["run"] == "transformer-2") & (metrics["name"] == "train/loss")]["value"].iloc[
        -1
    ]
    assert table.set_index("run").loc["transformer-2", "training loss (nats per token)"] == logged
