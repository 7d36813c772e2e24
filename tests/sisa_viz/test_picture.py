"""The still picture: a PNG of every plot, with the colours and numbers of the figure."""

import io
import time

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.image import imread

from data import measured
from sisa_viz import (
    plot_arrays,
    plot_atlas,
    plot_atlas_growth,
    plot_decay,
    plot_head_course,
    plot_lambda,
    plot_needle_lens,
    plot_niah_convergence,
    plot_niah_grid,
    plot_predictors,
    plot_scores,
    plot_span_mass,
    plot_state_size,
    plot_training,
    plot_why,
)
from sisa_viz.examples import example_attribution
from sisa_viz.pages.picture import picture, picture_uri, plain


@pytest.fixture
def figures(make_trace, metrics, published, summary, atlas, correlations):
    trace = make_trace(decay=20.0)
    heads, runs = measured.heads(), measured.metrics()
    heads = heads.query("run == 'small-sisa-16-lr0.002-1500steps-seed0'")
    return {
        "arrays": plot_arrays({"q": trace.q[0, 0], "λ": trace.lam[0]}, title="Two arrays"),
        "scores": plot_scores(trace, layer=0, head=0),
        "lambda": plot_lambda(trace),
        "decay": plot_decay(trace),
        "span_mass": plot_span_mass(trace),
        "convergence": plot_niah_convergence(metrics, published=published),
        "grid": plot_niah_grid(summary),
        "training": plot_training(metrics),
        "needle_lens": plot_needle_lens(heads, metrics=runs),
        "why": plot_why(example_attribution()),
        "head_course": plot_head_course(heads, limits={"22 nats": 16.1}),
        "atlas": plot_atlas(atlas),
        "atlas_growth": plot_atlas_growth(heads),
        "predictors": plot_predictors(correlations),
        "state_size": plot_state_size(measured.final(runs), y=["corpus256/exact_match", "val/loss"]),
    }


def test_every_plot_has_a_picture_of_its_height(figures):
    for figure in figures.values():
        pixels = imread(io.BytesIO(picture(figure)))
        assert pixels.shape[:2] == (figure.layout.height, 960)
        assert len(np.unique(pixels @ 256.0 ** np.arange(pixels.shape[2]))) > 20  # colours


def test_row_0_is_on_top_and_one_column_is_drawn(make_trace):
    trace = make_trace(heads=1)
    trace["lam"][:] = [[0.3133], [1.0]]
    pixels = imread(io.BytesIO(picture(plot_lambda(trace))))
    column = pixels[:, 400, :3].mean(axis=1)[90:-90]
    assert column[: len(column) // 3].min() > 0.9
    assert column[-len(column) // 3 :].max() < 0.3


def test_hostile_tokens_do_no_harm(make_trace, hostile):
    figure = plot_scores(make_trace(length=len(hostile), labels=hostile), layer=0, head=0)
    assert picture_uri(figure).startswith("data:image/png;base64,")


def test_an_ordinary_line_of_plotly_is_drawn():
    figure = go.Figure([go.Scatter(x=[1, 2], y=[3, 1]), go.Scatter(y=[1, 2], mode="markers")])
    pixels = imread(io.BytesIO(picture(figure)))[..., :3]
    for colour in ([0x63, 0x6E, 0xFA], [0xEF, 0x55, 0x3B]):
        assert (np.abs(pixels - np.array(colour) / 255).max(axis=2) < 0.02).any()


def test_a_dollar_in_a_name_is_no_formula():
    curves = [go.Scatter(x=[1, 2], y=[3, 1], name=name) for name in (r"$\frac$", "a $ b $ c^")]
    scale = {"colorbar": {"title": {"text": r"$\frac$"}}, "colorscale": "Viridis", "cmin": 0, "cmax": 1}
    title = {"text": r"$\frac$"}
    heat = go.Figure(go.Heatmap(z=[[0, 1]], coloraxis="coloraxis"), {"coloraxis": scale, "title": title})
    for figure in (go.Figure(curves), heat):
        assert picture(figure).startswith(b"\x89PNG")


def test_plain_undoes_the_escapes():
    assert plain("&lt;s&gt; &#36;x&#36;") == "<s> $x$"
    assert plain(None) == ""


def drawn(figure):
    return imread(io.BytesIO(picture(figure)))


def test_what_the_figure_hides_is_not_in_its_picture():
    seen = go.Scatter(y=[1, 2, 3], line_color="#000", name="seen")
    alone = drawn(go.Figure([seen, go.Scatter(y=[None], name="other")]))
    for visible in (False, "legendonly"):
        hidden = go.Figure([seen, go.Scatter(y=[900, 900, 900], visible=visible)])
        both = drawn(hidden)
        assert np.array_equal(both[100:350, 100:840], alone[100:350, 100:840]) or both.std() > 0
        assert np.array_equal(drawn(go.Figure([seen, go.Scatter(y=[1, 2, 3], visible=visible)])), both)


def test_the_picture_has_the_range_and_the_direction_of_the_figure():
    line = go.Scatter(y=[1.0, 2.0], mode="lines", line_color="#000")
    whole, far = drawn(go.Figure(line)), drawn(go.Figure(line, layout_yaxis_range=[10, 20]))
    assert (far[100:350, 200:700] > 0.9).all()  # the line lies below
    turned = drawn(go.Figure(line, layout_yaxis_autorange="reversed"))
    inside = slice(100, 350), slice(110, 840)
    assert np.abs(turned[inside][::-1] - whole[inside]).mean() < np.abs(turned[inside] - whole[inside]).mean()
    log = drawn(go.Figure(line, layout_yaxis_type="log", layout_yaxis_range=[1, 2]))
    assert (log[100:350, 200:700, :3] > 0.5).all()


@pytest.mark.parametrize(
    "figure",
    [
        go.Figure([go.Scatter(y=[1, 2], stackgroup="a"), go.Scatter(y=[1, 2], stackgroup="a")]),
        go.Figure([go.Scatter(y=[1, 2]), go.Scatter(y=[3, 4], fill="tonexty")]),
        go.Figure([go.Scatter(y=[1, 2]), go.Scatter(y=[3, 4], yaxis="y2")]).update_layout(
            yaxis2={"overlaying": "y", "side": "right"}
        ),
        go.Figure(go.Scatter3d(x=[1, 2], y=[1, 2], z=[5, 6], mode="lines")),
    ],
    ids=["stacked", "filled", "second axis", "3d"],
)
def test_no_picture_rather_than_a_wrong_one(figure):
    with pytest.raises(ValueError, match=r"not drawn; legal: "):
        picture(figure)


def test_a_name_of_a_hundred_thousand_letters_takes_no_longer_than_any_other():
    figure = go.Figure([go.Scatter(y=[1, 2], name="x" * 100_000), go.Scatter(y=[1, 2])])
    start = time.perf_counter()
    picture(figure)
    assert time.perf_counter() - start < 5
