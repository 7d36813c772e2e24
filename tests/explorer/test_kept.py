"""What an explorer gives to Python is what the trace's own accessor computes, for what is on show."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from traitlets import TraitError

from sisa_viz import ScoreExplorer, open_trace


@pytest.fixture
def explorer(trace):
    return ScoreExplorer(trace, state={"layer": 1, "head": 2, "lam_scale": 0.5, "query": 20})


def test_the_selection_has_the_numbers_of_the_row(explorer, trace):
    table, at = explorer.selection(), {"layer": 1, "head": 2, "query": 20}
    assert len(table) == 21
    assert set(table["query"]) == {20}
    assert table["token"].tolist() == trace["token"].values[:21].tolist()
    content = trace.sisa.content(**at).values[:21]
    importance = 0.5 * trace.sisa.importance(**at).values[:21]
    np.testing.assert_allclose(table["content"], content)
    np.testing.assert_allclose(table["importance"], importance)
    np.testing.assert_allclose(table["scores"], content + importance)
    np.testing.assert_allclose(table["pattern"], trace.sisa.pattern(**at, lam_scale=0.5).values[:21])
    assert table["pattern"].sum() == pytest.approx(1)


def test_a_window_cuts_the_selection_and_the_figures(explorer):
    explorer.state.window = (10, 22, 4, 24)
    assert explorer.selection()["key"].tolist() == list(range(4, 21))
    on_screen, printed = explorer.figure_of(), explorer.figure_of("print")
    assert on_screen.data[0].z.shape == (12, 20)
    assert "× 0.5" in on_screen.layout.title.subtitle.text
    assert isinstance(printed, Figure)
    assert printed.axes[0].images[0].get_size() == (12, 20)
    with pytest.raises(ValueError, match="medium is 'film'; legal: screen, print"):
        explorer.figure_of("film")


def test_without_a_locked_query_there_is_no_selection(trace):
    with pytest.raises(ValueError, match="query is None; legal: a locked query"):
        ScoreExplorer(trace, layer=0).selection()


def test_the_call_that_it_writes_makes_the_same_view(explorer, trace, tmp_path):
    explorer.state.window = (10, 22, 4, 24)
    again = eval(explorer.as_python(), {"trace": trace, "ScoreExplorer": ScoreExplorer})
    assert again.state.as_dict() == explorer.state.as_dict()
    path = trace.sisa.save(tmp_path / "it's.nc")
    stored = ScoreExplorer(open_trace(path), state=explorer.state.as_dict())
    names = {"open_trace": open_trace, "ScoreExplorer": ScoreExplorer}
    assert eval(stored.as_python(), names).state.as_dict() == explorer.state.as_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"layr": 1}, "state has 'layr'; legal: layer, head, lam_scale, query, window"),
        ({"layer": 9}, "layer is 9; legal: "),
        ([1], "state is \\[1\\]; legal: a dict"),
    ],
)
def test_a_state_that_is_not_legal_is_named(trace, state, message):
    with pytest.raises(TraitError, match=message):
        ScoreExplorer(trace, state=state)


def test_layer_and_head_win_over_the_state(trace):
    assert ScoreExplorer(trace, head=1, state={"layer": 1, "head": 2}).state.head == 1
