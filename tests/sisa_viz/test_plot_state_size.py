"""plot_state_size: runs and their means against d_state, what has no state beside them."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import plot_state_size
from sisa_viz.look.colours import architecture_colour
from sisa_viz.plots.state_size import prepare_state_size, series_name

Y = ("corpus512/exact_match", "val/loss")


def row(architecture, d_state, seed, match, loss):
    return {"architecture": architecture, "d_state": d_state, "seed": seed} | dict(
        zip(Y, (match, loss), strict=True)
    )


def runs():
    rows = [
        row(f"SISA d_state={d}", d, seed, d / 100 + seed / 10, 2 + seed) for d in (16, 64) for seed in (0, 1)
    ]
    rows += [row("SISA d_state=16, λ lr ×1", 16, 0, 0.3, 2.5)]
    rows += [row("transformer", 0, seed, 0.5 + seed / 5, 2.2) for seed in (0, 1)]
    return pd.DataFrame(rows)


def test_variants_that_differ_in_d_state_make_one_series():
    data = prepare_state_size(runs(), y=Y)
    mean = data.mean[(data.mean["panel"] == Y[0]) & (data.mean["series"] == "SISA")]
    assert mean["d_state"].tolist() == [16, 64]
    assert mean["mean"].tolist() == pytest.approx([0.21, 0.69])
    assert mean[["low", "high", "seeds"]].iloc[0].tolist() == pytest.approx([0.16, 0.26, 2])
    assert set(data.mean["series"]) == {"SISA", "SISA, λ lr ×1", "transformer"}
    assert data.sizes == [16, 64]
    assert series_name("adaptive_sisa") == "adaptive_sisa"


@given(st.lists(st.tuples(st.sampled_from([0, 4, 16, 128]), st.floats(0, 1)), min_size=1, max_size=9))
def test_every_run_is_a_point_of_its_mean(points):
    rows = [row(f"SISA d_state={d}", d, seed, match, np.nan) for seed, (d, match) in enumerate(points)]
    table = pd.DataFrame([*rows, row("SISA d_state=8", 8, 0, 0.5, np.nan)])
    data = prepare_state_size(table, y=Y)
    assert len(data.runs) == len(table)  # no point for a loss that is missing
    assert (data.mean["low"].to_numpy() <= data.mean["mean"].to_numpy() + 1e-12).all()
    assert data.mean["seeds"].to_numpy().sum() == len(table)


def test_lines_are_means_and_points_runs():
    figure = plot_state_size(runs(), y=Y)
    lines = [item for item in figure.data if item.name and item.xaxis == "x"]
    assert [line.name for line in lines] == ["SISA", "SISA, λ lr ×1", "transformer"]
    assert [line.mode for line in lines] == ["lines", "markers", "lines"]  # one size is no line
    assert list(lines[0].y) == pytest.approx([0.21, 0.69])
    assert [line.line.dash for line in lines] == ["solid", "5px,2px", "dot"]
    assert list(lines[2].y) == pytest.approx([0.6, 0.6])  # a level line
    assert (lines[2].x[0], lines[2].x[1]) == (pytest.approx(16 / 1.4), 64)
    points = [item for item in figure.data if not item.name and item.xaxis == "x"]
    assert [len(item.x) for item in points] == [4, 1, 2]
    assert [item.marker.color for item in points] == [line.line.color for line in lines]
    assert points[2].marker.color == architecture_colour("transformer")
    assert sum(bool(item.showlegend) for item in figure.data) == 3


def test_axes_name_what_they_show():
    figure = plot_state_size(runs(), y=Y)
    assert [note.text for note in figure.layout.annotations] == [
        "needle exact match, corpus512",
        "validation loss",
    ]
    assert figure.layout.xaxis.title.text == "d_state (channels of a state)"
    assert figure.layout.xaxis.ticktext == ("16", "64")
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text) == (
        "share of episodes",
        "nats per token",
    )
    assert figure.layout.yaxis.range == (-0.03, 1.03)
    assert figure.layout.yaxis2.range is None


def test_timings_name_their_machine_and_speed_its_base():
    speed = runs().drop_duplicates("architecture").assign(relative=1.0, machine="CPU, 1 threads")
    figure = plot_state_size(speed, y=["relative"])
    assert figure.layout.yaxis.title.text == "speed relative to the transformer"
    assert figure.layout.title.subtitle.text.startswith("points: one timing each, on CPU, 1 threads")
    assert "means over seeds" in plot_state_size(runs(), y=Y).layout.title.subtitle.text


def test_hostile_names_are_escaped():
    assert "<i>" not in str(plot_state_size(runs().assign(architecture="<i>x"), y=Y).to_json())


def test_wrong_tables_are_named():
    with pytest.raises(ValueError, match=r"the table of runs lacks columns \['tokens_per_second'\]"):
        plot_state_size(runs(), y=["tokens_per_second"])
    with pytest.raises(ValueError, match="no run has a d_state above 0; legal: runs with a state"):
        plot_state_size(runs().query("d_state == 0"), y=Y)
