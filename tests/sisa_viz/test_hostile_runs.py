"""Hostile names of variants, presets, models, columns and cells: nothing runs in figures and tables."""

import nbformat
import pandas as pd
import pytest
from hostile_texts import HOSTILE
from random_traces import make

from sisa_viz import (
    Heading,
    Markdown,
    plot_decay,
    plot_head_course,
    plot_lambda,
    plot_niah_convergence,
    plot_state_size,
    plot_training,
    report,
    static,
)
from sisa_viz.pages.formulas import Formulas

NAMES = [*dict.fromkeys(text.encode("utf-8", "replace").decode() for text in HOSTILE)]  # what pandas holds
LOADING = "script, img, iframe, link, object, embed"


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """A run of two steps for every hostile variant, a hostile preset a run."""
    rows = [
        dict.fromkeys(("architecture", "preset", "seed"), text)
        | {"run": f"{at} {text}", "name": name, "value": at / 200, "step": step, "tokens": step}
        for at, text in enumerate(NAMES)
        for name in ("niah/exact_match", "val/loss", "train/loss")
        for step in (0, 10)
    ]
    return pd.DataFrame(rows)


def figures_of(runs: pd.DataFrame) -> list:
    """Every figure of runs, of all variants together and of a few by themselves."""
    named = {"architecture": "variant", "value": "half_life"}
    heads = runs.rename(columns=named).assign(lam=0.3, clamped=0.0)
    last = runs.loc[runs["name"] == "val/loss"].rename(columns={"value": "val/loss"}).assign(d_state=16)
    shown = [
        plot_niah_convergence(runs),
        plot_training(runs),
        plot_head_course(heads, limits=dict.fromkeys(NAMES, 4.0)),
        plot_state_size(last, y=["val/loss"]),
    ]
    for text in NAMES[::20]:
        one = runs.loc[runs["architecture"] == text]
        lam = plot_lambda(one.loc[one["name"] == "val/loss"].assign(layer=0, head=0, lam=0.5))
        shown += [plot_training(one), plot_niah_convergence(one, named=[text]), lam]
    return shown


@pytest.mark.browser
@pytest.mark.slow
def test_names_of_runs_and_models_are_text_on_every_page(runs, watched_page, tmp_path):
    traces = [make(config={"d_state": 4, "model_name": text}) for text in HOSTILE[::20]]
    table = pd.DataFrame({text: [text, text] for text in NAMES})
    markdown = [Markdown(text) for text in HOSTILE] + [Markdown(f"$${text}$$") for text in HOSTILE]
    sections = [*figures_of(runs), *map(plot_decay, traces), *map(Heading, HOSTILE), table, *markdown]
    asked, page = [], watched_page.page
    page.on("request", lambda request: asked.append(request.url))
    path = report(tmp_path / "page.html", *sections, title=HOSTILE[0])
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn=all]")
    page.mouse.move(400, 300)
    assert page.evaluate("window.hit") is None
    assert asked == [path.as_uri()]
    assert (watched_page.outside, watched_page.errors) == ([], [])
    assert page.locator(f".sisa-figure svg :is({LOADING}, a), table :is({LOADING}, a)").count() == 0
    assert page.locator(f".markdown :is({LOADING})").count() == 0


def test_printed_twins_draw_them(runs):
    for draw in (static.plot_niah_convergence, static.plot_training):
        draw(runs).canvas.draw()


@pytest.mark.parametrize("text", HOSTILE[:40])
def test_formulas_for_nbconvert_hold_no_markup(text):
    cell = nbformat.v4.new_markdown_cell(f"$$\n\\text{{{text}}}\n$$")
    source = Formulas().preprocess_cell(cell, {}, 0)[0].source
    if "$$" not in source:
        assert not any(f"<{name}" in source for name in LOADING.split(", "))
