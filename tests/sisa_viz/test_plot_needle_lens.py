"""plot_needle_lens: one run's heads over training, three parts of the score on one scale."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import plot_needle_lens
from sisa_viz.look.colours import top_limit
from sisa_viz.plots.needle_lens import LENS_MAPS, prepare_needle_lens


def lens(*, run="a", variant="SISA d_state=16", layers=2, heads=3, steps=(50, 100), parts=tuple(LENS_MAPS)):
    """A table of heads; every number tells its step, layer, head and part."""
    rows = [
        {"run": run, "variant": variant, "seed": 0, "step": step, "layer": layer, "head": head}
        | {"lam": 0.3, "half_life": 10 + head}
        | {part: step / 1e3 + layer / 1e2 + head / 1e3 + at / 1e4 for at, part in enumerate(parts)}
        for step in steps
        for layer in range(layers)
        for head in range(heads)
    ]
    return pd.DataFrame(rows)


def accuracy(*, run="a"):
    rows = [
        (run, "SISA d_state=16", 0, step, step, "corpus256/exact_match", step / 100) for step in (100, 50)
    ]
    return pd.DataFrame(rows, columns=["run", "architecture", "seed", "step", "tokens", "name", "value"])


def test_rows_are_heads_and_columns_steps():
    data = prepare_needle_lens(lens().sample(frac=1, random_state=0))
    assert data.heads == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert data.steps == [50, 100]
    assert data.maps["needle_content"][4].tolist() == pytest.approx([0.0611, 0.1111])
    assert data.maps["half_life"][:, 0].tolist() == [10, 11, 12] * 2
    assert data.curve.empty


@given(st.integers(1, 4), st.integers(1, 5), st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True))
def test_any_shape(layers, heads, steps):
    data = prepare_needle_lens(lens(layers=layers, heads=heads, steps=steps))
    assert data.maps["needle_mass"].shape == (layers * heads, len(steps))
    assert data.steps == sorted(steps)


def test_layers_without_scores_and_parts_that_were_not_measured_are_left_out():
    table = lens(parts=("needle_mass", "needle_content"), layers=3).assign(needle_importance=np.nan)
    table.loc[table["layer"] != 1, ["needle_mass", "needle_content"]] = np.nan
    data = prepare_needle_lens(table)
    assert data.heads == [(1, 0), (1, 1), (1, 2)]
    assert data.parts == ["needle_mass", "needle_content"]
    assert data.maps["lam"].shape == (3, 2)


def test_three_maps_share_one_scale_from_zero():
    table = lens()
    figure = plot_needle_lens(table)
    assert [note.text for note in figure.layout.annotations] == list(LENS_MAPS.values())
    assert {heat.coloraxis for heat in figure.data} == {"coloraxis"}
    assert figure.layout.coloraxis.cmin == 0
    assert figure.layout.coloraxis.cmax == top_limit(table["needle_importance"].to_numpy())
    assert figure.layout.coloraxis.colorbar.title.text == "attention on the needle (probability)"
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.yaxis.ticktext == ("L0H0", "L1H0")
    one = plot_needle_lens(table, part="needle_mass")
    assert len(one.data) == 1
    assert one.layout.coloraxis.cmax == figure.layout.coloraxis.cmax  # a part alone keeps the common scale


def test_the_hover_box_has_all_numbers_of_a_head():
    heat = plot_needle_lens(lens()).data[1]
    assert heat.customdata[5, 1].tolist() == ["L1H2", "0.112", "0.112", "0.112", "0.3", "12"]
    for words in (*LENS_MAPS.values(), "λ", "half-life, tokens"):
        assert words in heat.hovertemplate


def test_the_accuracy_of_the_run_stands_above():
    metrics = pd.concat([accuracy(), accuracy(run="b").assign(value=0.0)])
    figure = plot_needle_lens(pd.concat([lens(), lens(run="b")]), run="a", metrics=metrics)
    curves = [item for item in figure.data if item.type == "scatter"]
    assert [list(curve.y) for curve in curves] == [[0.5, 1.0]] * 3
    assert [list(curve.x) for curve in curves] == [[50, 100]] * 3
    assert {axis.matches for axis in figure.select_xaxes()} == {"x"}
    assert "needle exact match, corpus256" in figure.layout.title.subtitle.text
    assert all(shape.yref.removesuffix(" domain") in {"y4", "y5", "y6"} for shape in figure.layout.shapes)


def test_hostile_names_are_escaped():
    figure = plot_needle_lens(lens(variant="<b>mine</b>"))
    assert "<b>mine" not in str(figure.to_json())


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (lens(), {"run": "z"}, "run is 'z'; legal: a"),
        (lens(), {"part": "needle_loss"}, "part is 'needle_loss'; legal: needle_mass, needle_content"),
        (pd.concat([lens(), lens(run="b")]), {}, r"the table has 2 runs; choose one .* \['a', 'b'\]"),
        (lens(parts=()), {}, "run 'a' has no needle lens; legal: a run of a mixer with attention scores"),
        (lens().drop(columns="variant"), {}, r"the table of heads lacks columns \['variant'\]"),
        (lens(), {"metrics": accuracy().drop(columns="run")}, r"the table of runs lacks columns \['run'\]"),
        (lens(), {"metrics": accuracy(), "metric": "x"}, "metric 'x' was not logged"),
    ],
)
def test_wrong_tables_and_options_are_named(table, options, message):
    with pytest.raises(ValueError, match=message):
        plot_needle_lens(table, **options)
