"""What a page of the command line holds."""

import plotly.graph_objects as go

from sisa_viz import Heading
from sisa_viz.sections import answering_query, last_values, run_sections, trace_sections


def titles(sections: list) -> list:
    return [item["layout"]["title"]["text"] for item in sections if isinstance(item, go.Figure)]


def test_a_trace_with_a_needle_shows_the_head_that_importance_moves_most(make_trace):
    trace = make_trace(spans={"needle": (6, 8), "answer": (20, 22)})
    sections = trace_sections(trace, name="a.nc")
    moved = abs(trace.sisa.span_mass(query=19) - trace.sisa.span_mass(query=19, lam_scale=0))
    layer, head = divmod(int(moved.values.argmax()), 3)
    assert titles(sections) == [
        "Importance weight of every head",
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


def test_the_answering_query_comes_just_before_the_answer(make_trace):
    assert answering_query(make_trace(spans={"needle": (6, 8), "answer": (20, 22)})) == 19
    assert answering_query(make_trace(spans={"needle": (6, 8)})) == 23
    assert answering_query(make_trace(spans={"needle": (6, 8), "answer": (2, 3)})) == 23


def test_runs_show_what_was_logged(metrics):
    assert titles(run_sections(metrics)) == [
        "Training",
        "Convergence on the needle task",
        "Importance weight of every head, mean over 3 runs at their last step",
    ]
    assert titles(run_sections(metrics[metrics["name"] == "niah/exact_match"])) == [
        "Convergence on the needle task"
    ]


def test_last_values_are_those_of_the_last_step(metrics):
    table = last_values(metrics)
    assert len(table) == 6
    assert table["step"].tolist() == [100] * 6
    logged = metrics[(metrics["run"] == "transformer-2") & (metrics["name"] == "train/loss")]["value"].iloc[
        -1
    ]
    assert table.set_index("run").loc["transformer-2", "training loss (nats per token)"] == logged
