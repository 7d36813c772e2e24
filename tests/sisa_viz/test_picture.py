"""The still picture: a PNG of every plot, with the colours and numbers of the figure."""

import io

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.image import imread

from data import measured
from sisa_viz import (
    plot_decay,
    plot_head_course,
    plot_lambda,
    plot_needle_lens,
    plot_niah_convergence,
    plot_niah_grid,
    plot_scores,
    plot_span_mass,
    plot_state_size,
    plot_training,
)
from sisa_viz.pages.picture import picture, picture_uri, plain


@pytest.fixture
def figures(make_trace, metrics, published, summary):
    trace = make_trace(decay=20.0)
    heads, runs = measured.heads(), measured.metrics()
    heads = heads.query("run == 'small-sisa-16-lr0.002-1500steps-seed0'")
    return {
        "scores": plot_scores(trace, layer=0, head=0),
        "lambda": plot_lambda(trace),
        "decay": plot_decay(trace),
        "span_mass": plot_span_mass(trace),
        "convergence": plot_niah_convergence(metrics, published=published),
        "grid": plot_niah_grid(summary),
        "training": plot_training(metrics),
        "needle_lens": plot_needle_lens(heads, metrics=runs),
        "head_course": plot_head_course(heads, limits={"22 nats": 16.1}),
        "state_size": plot_state_size(measured.final(runs), y=["corpus256/exact_match", "val/loss"]),
    }


def test_every_plot_has_a_picture_of_its_height(figures):
    for figure in figures.values():
        pixels = imread(io.BytesIO(picture(figure)))
        assert pixels.shape[:2] == (figure.layout.height, 960)
        assert len(np.unique(pixels @ 256.0 ** np.arange(pixels.shape[2]))) > 20  # colours


def test_row_0_is_on_top_and_one_column_is_drawn(make_trace):
    trace = make_trace(heads=1)
    trace["lam"][:] = [[0.0], [1.0]]
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
