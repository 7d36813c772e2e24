"""plot_patching: shares of the way over layers and heads or places, each patch beside its control."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from sisa_viz import plot_patching, static
from sisa_viz.plots.patching import across_label, prepare_patching

SPANS = ("needle", "value", "query", "rest")


def row(what, layer, at, control, share, **more):
    cell = {"direction": "denoising", "what": what, "layer": layer, "at": at, "control": control}
    numbers = {"share": share, "low": share - 0.1, "high": share + 0.1, "difference": 8 * share - 4}
    return cell | numbers | {"exact_match": float(share > 0.5), "n": 12} | more


def residual():
    """The value brings everything in layer 0, the query in layer 1; controls are half the way."""
    rows = []
    for layer, at, control in product(range(2), SPANS, (False, True)):
        here = at == ("value", "query")[layer]
        rows.append(row("residual", layer, at, control, (0.5 if control else 1.0) * here))
    return pd.DataFrame(rows)


def heads(what="head"):
    cells = product(range(2), range(3), (False, True))
    rows = [row(what, layer, "all", control, layer + head / 4, head=head) for layer, head, control in cells]
    return pd.DataFrame(rows)


def test_cells_stand_where_they_belong():
    data = prepare_patching(residual())
    assert (data.layers, data.places, data.across) == ([0, 1], list(SPANS), "at")
    assert data.panels == [("residual", False), ("residual", True)]
    np.testing.assert_array_equal(data.maps["residual", False]["share"], [[0, 1, 0, 0], [0, 0, 1, 0]])
    np.testing.assert_array_equal(data.maps["residual", True]["share"], [[0, 0.5, 0, 0], [0, 0, 0.5, 0]])
    assert data.words(("residual", False)).tolist() == [["·", "1.00", "·", "·"], ["·", "·", "1.00", "·"]]
    assert data.limit == 1


def test_a_part_has_a_row_and_its_control_stands_beside_it():
    figure = plot_patching(pd.concat([heads(), heads("content")]))
    assert len(figure.data) == 4
    assert [note.text for note in figure.layout.annotations] == [
        "head, patched from the pair's other text",
        "head, control: from another pair's text",
        "content, patched from the pair's other text",
        "content, control: from another pair's text",
    ]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-1.5, 1.5)
    assert figure.layout.xaxis3.title.text == "head"
    assert figure.layout.xaxis.title.text is None
    assert figure.layout.yaxis.autorange == "reversed"


def test_the_title_names_the_direction():
    figure = plot_patching(residual())
    assert figure.layout.title.text == "What suffices: parts of the clean run in the corrupted one"
    assert figure.layout.title.subtitle.text.endswith("0 corrupted, 1 clean · 12 pairs")
    assert figure.layout.coloraxis.colorbar.title.text == "share recovered"
    back = plot_patching(residual().assign(direction="noising"))
    assert back.layout.title.text == "What is needed: parts of the corrupted run in the clean one"
    assert back.layout.coloraxis.colorbar.title.text == "share lost"


def test_axes_name_what_they_show():
    figure = plot_patching(residual())
    assert figure.layout.xaxis.ticktext == SPANS
    assert figure.layout.xaxis.title.text == "patched positions"
    rows = [row("residual", 0, at, False, at / 100) for at in range(100)]
    data, figure = prepare_patching(pd.DataFrame(rows)), plot_patching(pd.DataFrame(rows))
    assert across_label(data) == "position"
    assert len(figure.layout.xaxis.tickvals) <= 12
    assert set(figure.data[0].text.ravel()) == {""}
    assert figure.layout.annotations[0].text == "residual"


def test_the_hover_box_has_interval_difference_and_exact_matches():
    heat = plot_patching(heads()).data[0]
    assert heat.customdata[1, 2].tolist() == ["layer 1, head 2", "1.5", "1.4", "1.6", "8", "1", "12"]


def test_a_part_that_some_layers_lack_stays_empty_there():
    table = pd.concat([heads(), heads("value").query("layer == 1")])
    data = prepare_patching(table)
    assert np.isnan(data.maps["value", False]["share"][0]).all()
    assert set(data.words(("value", False))[0]) == {""}
    static.plot_patching(table).draw_without_rendering()


def test_hostile_names_are_escaped():
    table = residual().replace({"value": "<i>x", "residual": "<i>y"})
    assert "<i>" not in str(plot_patching(table).to_json())


def test_wrong_tables_are_named():
    with pytest.raises(ValueError, match=r"the table of patches lacks columns \['control'\]"):
        plot_patching(residual().drop(columns="control"))
    with pytest.raises(ValueError, match="direction is denoising, noising; legal: one of"):
        plot_patching(pd.concat([residual(), residual().assign(direction="noising")]))
    with pytest.raises(ValueError, match="some parts of the table have heads and some have none"):
        plot_patching(pd.concat([residual(), heads()]))
    with pytest.raises(ValueError, match="heads are patched at several places"):
        plot_patching(pd.concat([heads(), heads().assign(at="value")]))
    with pytest.raises(ValueError, match="rows repeat a what, layer, head and control"):
        plot_patching(pd.concat([heads(), heads()]))


def test_the_twin_has_the_same_words_and_colours():
    figure = static.plot_patching(residual())
    figure.draw_without_rendering()
    patched, control, bar = figure.axes
    assert patched.get_title() == "residual, patched from the pair's other text"
    assert [text.get_text() for text in control.texts].count("0.50") == 2
    assert to_hex(patched.collections[0].get_facecolors()[1]) == "#053061"
    assert patched.collections[0].get_clim() == (-1, 1)
    assert bar.get_ylabel() == "share recovered"
    for axes in (patched, control):
        assert axes.title.get_window_extent().width < axes.get_window_extent().width * 1.15
