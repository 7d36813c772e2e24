"""Text mode in JupyterLab: what is typed is captured and shown, even after anywidget gave the widget up.

A term of what was typed is silenced and compared on the way.
"""

import pytest
from explorer_pages import Shown
from lab import cell_errors, run_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GIVEN_UP = {"[anywidget] Failed to initialize model."}  # on a page too busy to load the widget in time
MODEL = """
from tokenizers import Tokenizer, models, pre_tokenizers
from model import SISAConfig, SISAModel
from model.analysis.silencing import silencing
from sisa_viz.explorer import ScoreExplorer
words = {"[UNK]": 0, "the": 1, "sky": 2, "is": 3, "blue": 4}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
config = SISAConfig(d_model=32, n_layers=2, n_heads=2, d_mlp=32, d_state=4, d_vocab=5, n_ctx=16)
model = SISAModel(config, seed=0, tokenizer=tokenizer)
explorer = ScoreExplorer(model=model, silence=silencing(model))
"""


@pytest.mark.parametrize(("patience", "errors"), [(60, set()), (0, GIVEN_UP)])
def test_typed_text_is_captured_and_refusals_are_shown(
    lab, lab_root, watched_page, write_notebook, patience, errors
):
    write_notebook(lab_root / "text.ipynb", MODEL, "explorer.figure")
    page = watched_page.page
    lab.open(page, "text.ipynb", patience=patience)
    run_all(page)
    assert cell_errors(page) == []
    box = page.get_by_label("text to capture")
    box.fill("the sky is blue")
    page.get_by_role("button", name="Show").click()
    shown = Shown.of(page)
    shown.wait_for("L0H0 1 0-4-0-4")
    assert "4 tokens" in page.locator(".sisa-x-message").inner_text()
    silence_and_compare(page, shown)
    box.fill("the " * 3)
    page.keyboard.press("Control+Enter")
    shown.wait_for("L0H0 1 0-3-0-3")
    box.fill("")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.querySelector('.sisa-x-message').innerText.includes('ValueError')")
    assert shown.drawn() == "L0H0 1 0-3-0-3"
    assert watched_page.outside == []
    assert set(watched_page.errors) == errors


def silence_and_compare(page, shown: Shown) -> None:
    """Silence a term of the head on show; its map is zero, and "before" brings the numbers back."""
    shown.click("scores", 2.5, 1.5, length=4)
    before = shown.rows()
    page.get_by_label("what is silenced").select_option("importance")
    page.get_by_role("button", name="run again").click()
    page.wait_for_function(
        "() => document.querySelector('.sisa-x-silence p').innerText.startsWith('without importance of L0H0')"
    )
    page.wait_for_function("() => document.querySelector('.sisa-x h2').innerText.includes('without')")
    shown.wait_for("L0H0 1 0-4-0-4")
    assert {row[3] for row in shown.rows()} == {"0.0000"} != {row[3] for row in before}
    page.get_by_role("button", name="before").click()
    page.wait_for_function("() => document.querySelector('.sisa-x h2').innerText === 'Score explorer'")
    shown.wait_for("L0H0 1 0-4-0-4")
    assert shown.rows() == before
