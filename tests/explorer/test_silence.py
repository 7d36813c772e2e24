"""Silencing from an explorer: a Silencer without any model, what Python and the widget say and show."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from explorer_pages import Shown
from traitlets import TraitError

from sisa_viz.explorer import ScoreExplorer
from sisa_viz.explorer.assets import module, style
from sisa_viz.explorer.silence import Reading, Silenced, Silencer

FACTS = (
    "without importance of L1H2: answer “4821” → “4888” · log p of “4821” −0.10 → −7.25 nats · "
    "loss 2.31 → 2.95 nats a token"
)


def result(trace, **changes: Any) -> Silenced:
    made = {"term": "importance", "layer": 1, "head": 2, "asked": "answer", "answer": "4821", "trace": trace}
    made |= {"before": Reading("4821", -0.1, 2.31), "after": Reading("4888", -7.25, 2.95)}
    return Silenced(**made | changes)


@pytest.fixture
def new(make_trace):
    """The trace of the changed model."""
    return make_trace(seed=5)


@pytest.fixture
def asked() -> list[Any]:
    """What the silencer was asked, in order."""
    return []


@pytest.fixture
def explorer(trace, new, asked):
    def run(trace, *, term, layer, head):
        asked.append((trace, term, layer, head))
        if term == "gone":
            raise ValueError("no such <b>term</b>")
        return result(new, term=term, layer=layer, head=head)

    one = ScoreExplorer(trace, silence=Silencer(lambda trace: ["importance", "head"], run), layer=1, head=2)
    yield one
    one.close()


def test_a_head_is_silenced_shown_and_said_while_the_state_stays(explorer, trace, new, asked):
    explorer.state.query, explorer.state.window, explorer.state.lam_scale = 7, (0, 20, 5, 30), 0.5
    state, widget = explorer.state.as_dict(), explorer.figure
    assert (widget.terms, widget.side, widget.outcome) == (["importance", "head"], "", "")
    before = widget.data, widget.meta
    found = explorer.silence("importance")
    assert asked == [(trace, "importance", 1, 2)]
    assert found.facts == widget.outcome == FACTS
    assert explorer.trace is new
    after = widget.data, widget.meta
    assert after != before
    assert '"title":"Score explorer, without importance of L1H2"' in widget.meta
    explorer.show("before")
    assert (explorer.trace is trace, widget.side, (widget.data, widget.meta)) == (True, "before", before)
    explorer.show("after")
    assert (explorer.trace is new, widget.side, (widget.data, widget.meta)) == (True, "after", after)
    assert explorer.state.as_dict() == state


def test_the_page_asks_for_runs_and_sides(explorer, trace, new):
    widget, said = explorer.figure, []
    widget.observe(lambda change: said.append(change["new"]), names="outcome")
    widget.request = {"term": "importance", "number": 1}
    assert said == ["running …", FACTS]
    widget.request = {"side": "before", "number": 2}
    assert (explorer.trace is trace, widget.side, widget.outcome) == (True, "before", FACTS)
    widget.request = {"term": "gone", "number": 3}
    assert widget.outcome == "ValueError: no such <b>term</b>"
    widget.request = {"side": "between", "number": 4}
    assert widget.outcome == "ValueError: side is 'between'; legal: before, after"
    assert (explorer.trace is trace, widget.side, widget.message) == (True, "before", "")
    with pytest.raises(TraitError, match="legal: a string by one of text, term, side"):
        widget.request = {"term": 5}


def test_a_second_head_is_compared_with_the_run_before_any_silencing(explorer, trace, asked):
    explorer.silence("importance")
    explorer.state.layer = 0
    explorer.silence("head")
    assert [each[0] is trace for each in asked] == [True, True]
    assert "without all of L0H2: answer “4821” → “4888”" in explorer.figure.outcome
    explorer.show("before")
    assert explorer.trace is trace


def test_a_widget_made_later_shows_what_was_silenced_and_pages_have_what_is_on_show(explorer, tmp_path):
    explorer.silence("importance")
    assert (explorer.figure.side, explorer.figure.outcome) == ("after", FACTS)
    page = explorer.to_html(tmp_path / "after.html").read_text(encoding="utf-8")
    assert "<title>Score explorer, without importance of L1H2</title>" in page
    assert FACTS not in page
    explorer.show("before")
    assert "<title>Score explorer</title>" in explorer.to_html(tmp_path / "b.html").read_text(
        encoding="utf-8"
    )


def test_facts_that_stay_are_said_to_stay_and_hidden_characters_are_written_out(trace):
    same = Reading("a\u202e<b>", -0.001, float("nan"))
    found = result(trace, asked="next token", answer="a\u202e<b>", before=same, after=same, term="head")
    assert found.facts == (
        "without all of L1H2: next token “a⟨U+202E⟩<b>” as before · log p of “a⟨U+202E⟩<b>” 0.00 → 0.00 nats"
        " · its own maps stay, for they only say where it would look"
    )


@pytest.mark.parametrize("options", [{"length": 38}, {"layers": 1}, {"heads": 2}])
def test_a_trace_that_does_not_compare_is_refused_and_the_old_one_stays(trace, make_trace, options):
    other = make_trace(**options)
    silencer = Silencer(lambda trace: ["importance"], lambda *args, **kwargs: result(other))
    explorer = ScoreExplorer(trace, silence=silencer)
    with pytest.raises(ValueError, match=r"of the new trace is .* Read the same text again"):
        explorer.silence("importance")
    assert explorer.trace is trace
    with pytest.raises(ValueError, match="nothing has been silenced yet; call silence"):
        explorer.show("before")


def test_without_a_silencer_there_is_no_bar_and_nothing_to_run(trace):
    explorer = ScoreExplorer(trace)
    assert explorer.figure.terms == []
    with pytest.raises(
        ValueError, match=r"no model to run again; use ScoreExplorer\(trace, silence=silencing"
    ):
        explorer.silence("importance")
    wrong: Any = lambda trace: None  # noqa: E731
    with pytest.raises(ValueError, match=r"silence is .*; legal: a Silencer, or None"):
        ScoreExplorer(trace, silence=wrong)


def test_a_closed_explorer_silences_and_shows_nothing(explorer, trace):
    explorer.silence("importance")
    explorer.close()
    for use in (lambda: explorer.silence("importance"), lambda: explorer.show("before")):
        with pytest.raises(RuntimeError, match="this explorer is closed"):
            use()


def test_a_new_text_begins_without_sides(make_trace):
    made = {name: make_trace(length=length) for name, length in (("one", 8), ("two", 12))}
    silencer = Silencer(lambda trace: ["importance"], lambda trace, **where: result(trace.copy(), **where))
    model = SimpleNamespace(tokenizer="any", capture=lambda text: made[text])
    explorer = ScoreExplorer(model=model, silence=silencer)
    widget = explorer.figure
    assert widget.terms == []
    explorer.show_text("one")
    explorer.silence("importance")
    assert (widget.terms, widget.side) == (["importance"], "after")
    explorer.show_text("two")
    assert (widget.terms, widget.side, widget.outcome) == (["importance"], "", "")
    with pytest.raises(ValueError, match="nothing has been silenced yet"):
        explorer.show("before")
    explorer.silence("importance")
    explorer.show("before")
    assert explorer.trace is made["two"]


WIDGET = """async ([source, css, state]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: { render } } = await import(url);
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer);
  const values = {}, listeners = {}, changed = {};
  const take = (name, value) => {
    if (JSON.stringify(values[name]?.raw) === JSON.stringify(value)) return;
    values[name] = { raw: value, shown: name === "data" ? bytes(value) : value };
    (listeners[`change:${name}`] ?? []).forEach((listener) => listener());
  };
  const model = {
    get: (name) => (name === "_esm" ? source : values[name]?.shown),
    set: (name, value) => { changed[name] = value; take(name, value); },
    save_changes: async () => {
      const sent = { ...changed };
      Object.keys(changed).forEach((name) => { delete changed[name]; });
      Object.entries(await window.python(sent)).forEach(([name, value]) => take(name, value));
    },
    on: (name, listener) => { (listeners[name] ??= []).push(listener); },
    off: (name, listener) => { listeners[name] = listeners[name].filter((each) => each !== listener); },
  };
  Object.entries(state).forEach(([name, value]) => take(name, value));
  render({ model, el: document.body });
}"""


def live(page, explorer) -> Shown:
    """The widget of an explorer on a blank page, each change of which Python answers with all of its own."""
    widget = explorer.figure

    def state() -> dict[str, Any]:
        names = ("meta", "terms", "outcome", "side", "text_mode", "message", *explorer.state.as_dict())
        return {"data": base64.b64encode(widget.data).decode()} | {
            name: getattr(widget, name) for name in names
        }

    def answer(changes: dict[str, Any]) -> dict[str, Any]:
        widget.set_state(changes)
        return state()

    page.expose_function("python", answer)
    page.evaluate(WIDGET, [module(), style(), state()])
    return Shown.of(page)


@pytest.mark.browser
def test_the_bar_runs_again_and_goes_back_and_forth_in_one_view(explorer, trace, watched_page, screenshots):
    page = watched_page.page
    shown = live(page, explorer)
    shown.wait_for("L1H2 1 0-40-0-40")
    status, toggle = (
        page.locator(".sisa-x-silence [role=status]"),
        page.get_by_role("group", name="which run"),
    )
    assert "runs the text again" in status.inner_text()
    assert toggle.is_hidden()
    assert page.get_by_label("what is silenced").locator("option").all_inner_texts() == ["importance", "all"]
    page.get_by_label("contrast").select_option("5")
    shown.click("scores", 30.5, 2)
    rows = shown.rows()
    page.get_by_role("button", name="run again").press("Enter")
    page.wait_for_function(
        "line => document.querySelector('.sisa-x-silence p').innerText === line", arg=FACTS
    )
    page.wait_for_function(
        "() => document.querySelector('.sisa-x h2').innerText.includes('without importance')"
    )
    shown.wait_for("L1H2 1 0-40-0-40")
    assert shown.rows() != rows
    legends = page.locator(".sisa-x-legend").all_inner_texts()
    pixels = shown.pixels("content")
    toggle.get_by_role("button", name="before").press("Enter")
    page.wait_for_function("() => document.querySelector('.sisa-x h2').innerText === 'Score explorer'")
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    shown.wait_for("L1H2 1 0-40-0-40")
    assert page.evaluate("document.activeElement.innerText") == "before"
    assert toggle.locator("[aria-pressed=true]").all_inner_texts() == ["before"]
    assert (shown.rows(), page.get_by_label("contrast").input_value()) == (rows, "5")
    assert page.locator(".sisa-x-legend").all_inner_texts() == legends  # colours of both runs compare
    assert (shown.pixels("content") != pixels).any()
    page.screenshot(path=screenshots / "silence_bar.png")
    page.locator(".sisa-x-panels").press("ArrowLeft")
    page.wait_for_function("() => document.querySelector('.sisa-x-silence b').innerText === 'L1H1'")
    assert explorer.trace is trace
    assert (watched_page.outside, watched_page.errors) == ([], [])


@pytest.mark.browser
def test_hostile_answers_and_errors_are_text_in_the_bar(trace, new, watched_page):
    hostile = "<img src=x onerror=window.hit=1></p><script>window.hit=1</script>"

    def run(trace, *, term, layer, head):
        if term == hostile:
            raise ValueError(hostile)
        return result(new, answer=hostile, after=Reading(hostile, -1, 2))

    explorer = ScoreExplorer(trace, silence=Silencer(lambda trace: ["importance", hostile], run))
    page = watched_page.page
    live(page, explorer)
    status = page.locator(".sisa-x-silence [role=status]")
    for term, words in (("importance", "<img·src=x·onerror=window.hit"), (hostile, f"ValueError: {hostile}")):
        page.get_by_label("what is silenced").select_option(term)
        page.get_by_role("button", name="run again").click()
        page.wait_for_function(
            "words => document.querySelector('.sisa-x-silence p').innerText.includes(words)", arg=words
        )
    assert status.locator("*").count() == 0
    assert page.evaluate("window.hit") is None
    assert (watched_page.outside, watched_page.errors) == ([], [])
    explorer.close()
