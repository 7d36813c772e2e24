"""The explorer in a real JupyterLab: keyboard, clicks and text reach Python, Python reaches the page."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from explorer_pages import Shown, make, number
from lab import Lab, cell_errors, run_all, running_lab

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SUPPORT = Path(__file__).resolve().parents[1] / "support"
EXECUTE = """async code => {
  const { session } = window.jupyterapp.shell.currentWidget.sessionContext;
  await session.kernel.requestExecute({ code }).done;
}"""
FOLLOW = """
import json
from pathlib import Path
explorer.state.observe(lambda change: Path("state.json").write_text(json.dumps(explorer.state.as_dict())))
"""
TRACE = f"""
import sys
sys.path.insert(0, {str(SUPPORT)!r})
from explorer_pages import make
from sisa_viz.explorer import ScoreExplorer
explorer = ScoreExplorer(make())
"""
MODEL = """
from tokenizers import Tokenizer, models, pre_tokenizers
from model import SISAConfig, SISAModel
from sisa_viz.explorer import ScoreExplorer
words = {"[UNK]": 0, "the": 1, "sky": 2, "is": 3, "blue": 4}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
config = SISAConfig(d_model=32, n_layers=2, n_heads=2, d_mlp=32, d_state=4, d_vocab=5, n_ctx=16)
explorer = ScoreExplorer(model=SISAModel(config, seed=0, tokenizer=tokenizer))
"""


@pytest.fixture(scope="module")
def lab_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explorer_lab")


@pytest.fixture(scope="module")
def lab(browser, lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(lab_root, home=tmp_path_factory.mktemp("explorer_home")) as server:
        yield server


@pytest.fixture
def notebook(lab, lab_root, watched_page):
    """Run a notebook of the given cells in Lab and hand over the page; the console must stay clean."""

    def run(name: str, *sources: str):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, lab_root / name)
        lab.open(watched_page.page, name)
        run_all(watched_page.page)
        assert cell_errors(watched_page.page) == []
        return watched_page.page

    yield run
    assert watched_page.outside == []
    assert watched_page.errors == []


def python_state(lab_root: Path, **wanted) -> dict:
    """The state as Python saw it last, once it has what is wanted."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        path = lab_root / "state.json"
        state = json.loads(path.read_text() or "{}") if path.exists() else {}
        if wanted.items() <= state.items():
            return state
        time.sleep(0.05)
    raise AssertionError(f"Python has {state}, wanted {wanted}")


def test_lambda_by_keyboard_head_and_query_reach_python_and_numbers_agree(notebook, lab_root, screenshots):
    page = notebook("trace.ipynb", TRACE, FOLLOW, "explorer.figure")
    shown = Shown.of(page)
    shown.wait_for("L0H0 1 0-40-0-40")
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    page.locator("input[type=range]").focus()
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    page.locator('.sisa-x-heads button[data-layer="1"][data-head="2"]').click()
    page.get_by_label("query", exact=True).fill("33")
    page.keyboard.press("Enter")
    shown.wait_for("L1H2 1.25 0-40-0-40")
    assert python_state(lab_root, head=2, query=33) == {
        "layer": 1,
        "head": 2,
        "lam_scale": 1.25,
        "query": 33,
        "window": None,
    }
    trace = make()
    expected = {
        "content": trace.sisa.content(layer=1, head=2, query=33).values,
        "importance": 1.25 * trace.sisa.importance(layer=1, head=2, query=33).values,
        "pattern": trace.sisa.pattern(layer=1, head=2, query=33, lam_scale=1.25).values,
    }
    for row in shown.rows():
        key = int(row[0])
        numbers = [expected["content"][key], expected["importance"][key], expected["pattern"][key]]
        np.testing.assert_allclose([number(row[at]) for at in (2, 3, 5)], numbers, atol=1e-3)
    page.locator(".sisa-x").scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "explorer_lab.png")


def test_python_sets_what_the_page_shows_and_close_takes_it_away(notebook):
    page = notebook("python.ipynb", TRACE, FOLLOW, "explorer.figure")
    shown = Shown.of(page)
    page.evaluate(
        EXECUTE,
        "explorer.state.head = 1; explorer.state.lam_scale = 0.5; explorer.state.window = (10, 30, 0, 20)",
    )
    shown.wait_for("L0H1 0.5 10-30-0-20")
    page.evaluate(EXECUTE, "explorer.state.query = -1")
    page.wait_for_function("() => document.querySelector('.sisa-x-table h3').innerText.includes('query 39')")
    page.evaluate(EXECUTE, "explorer.close()")
    page.wait_for_selector(".sisa-x", state="detached")


def test_typed_text_is_captured_and_refusals_are_shown(notebook):
    page = notebook("text.ipynb", MODEL, "explorer.figure")
    box = page.get_by_label("text to capture")
    box.fill("the sky is blue")
    page.get_by_role("button", name="Show").click()
    shown = Shown.of(page)
    shown.wait_for("L0H0 1 0-4-0-4")
    assert "4 tokens" in page.locator(".sisa-x-message").inner_text()
    box.fill("the " * 3)
    page.keyboard.press("Control+Enter")
    shown.wait_for("L0H0 1 0-3-0-3")
    box.fill("")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.querySelector('.sisa-x-message').innerText.includes('ValueError')")
    assert shown.drawn() == "L0H0 1 0-3-0-3"
