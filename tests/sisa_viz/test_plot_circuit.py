"""plot_circuit: what circuits of so many pairs keep, beside random ones, with the names of the first."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pandas as pd
import pytest

from sisa_viz import plot_circuit, static
from sisa_viz.plots.circuit import prepare_circuit


def circuits(size=12, enough=3):
    """A greedy line that is at 1 from `enough` pairs on, and a random one that rises evenly."""
    rows = []
    for k in range(size + 1):
        kept = 1.0 if k >= enough else 0.2 * k / enough
        pair = {"layer": k % 3, "head": k, "term": "content"} if k else {}
        rows.append({"circuit": "greedy", "k": k, "kept": kept, "n": 10, "draws": 1} | pair)
    for k in range(2, size, 3):
        rows.append({"circuit": "random", "k": k, "kept": k / size, "n": 10, "draws": 5})
    table = pd.DataFrame(rows).assign(log_p=-1.0, enough=lambda rows: rows["kept"] >= 0.9)
    return table.assign(low=lambda rows: rows["kept"] - 0.1, high=lambda rows: rows["kept"] + 0.1)


def test_the_fewest_pairs_that_are_enough_are_named_in_their_order():
    data = prepare_circuit(circuits().sample(frac=1, random_state=0))
    assert data.enough == 3
    assert data.named == [(1, "L1H1 content"), (2, "L2H2 content"), (3, "L0H3 content")]
    assert data.words == "3 of 12 pairs are enough; 10 episodes, 5 random circuits of each size, bands: 95 %"
    assert len(prepare_circuit(circuits(enough=11)).named) == 8


def test_random_circuits_meet_the_greedy_line_at_both_ends():
    line = prepare_circuit(circuits()).lines["random"]
    assert line["k"].tolist() == [0, 2, 5, 8, 11, 12]
    assert line["kept"].tolist() == pytest.approx([0, 2 / 12, 5 / 12, 8 / 12, 11 / 12, 1])


def test_lines_bands_and_names_stand_at_their_points():
    figure = plot_circuit(circuits())
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines) == ["random, as many pairs", "found backwards"]
    greedy = lines["found backwards"]
    assert np.allclose(greedy.y[:4], [0, 0.2 / 3, 0.4 / 3, 1])
    assert greedy.customdata[1, 0] == "with L1H1 content"
    band = figure.data[-2]
    assert np.allclose(band.y[:13], greedy.y + 0.1)
    assert np.allclose(band.y[13:], greedy.y[::-1] - 0.1)
    named = {note.text: (note.x, note.y) for note in figure.layout.annotations if note.showarrow}
    assert named["3. L0H3 content"] == (3, 1.0)
    assert len(named) == 3
    levels = [shape.y0 for shape in figure.layout.shapes if shape.y0 == shape.y1]
    assert levels == [1.0, 0.0]
    assert [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1] == [3]


def test_a_circuit_that_is_never_enough_says_so_and_random_ones_may_be_missing():
    table = circuits().query("circuit == 'greedy'").assign(enough=False)
    data = prepare_circuit(table)
    assert (data.enough, list(data.lines)) == (None, ["greedy"])
    assert data.words == "no circuit is enough; 10 episodes, bands: 95 %"
    assert not [shape for shape in plot_circuit(table).layout.shapes if shape.x0 == shape.x1]


def test_hostile_terms_are_escaped():
    assert "<i>" not in str(plot_circuit(circuits().replace({"content": "<i>x"})).to_json())


def test_wrong_tables_are_named():
    with pytest.raises(ValueError, match=r"the table of circuits lacks columns \['low'\]"):
        plot_circuit(circuits().drop(columns="low"))
    with pytest.raises(ValueError, match="has no row of circuit 'greedy'"):
        plot_circuit(circuits().query("circuit == 'random'"))
    with pytest.raises(ValueError, match="the whole model gave no right answer"):
        plot_circuit(circuits().assign(kept=np.nan))


def test_the_twin_has_the_same_lines_and_names():
    figure = static.plot_circuit(circuits())
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert np.allclose(np.asarray(axes.lines[0].get_ydata())[:4], [0, 0.2 / 3, 0.4 / 3, 1])
    assert [text.get_text() for text in axes.texts] == [
        "1. L1H1 content",
        "2. L2H2 content",
        "3. L0H3 content",
    ]
    assert axes.get_title().startswith("3 of 12 pairs are enough")
