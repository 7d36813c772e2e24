"""Copies with solutions in them, and slides that open with the network off and fit their page."""

import ast
import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest

from model.workshop.checking import PARTS, Checks, exercises
from model.workshop.copies import BEGIN, END, as_slides, solved, solved_cell

WORKSHOP = Path(__file__).resolve().parents[2] / "notebooks" / "workshop"
SLIDE = 760  # pixels high
HEIGHTS = """Reveal.getSlides().map(slide => {
  const at = Reveal.getIndices(slide);
  Reveal.slide(at.h, at.v);
  return slide.scrollHeight;
})"""


def student(part):
    (path,) = WORKSHOP.glob(f"[0-9]_{part}.ipynb")
    return nbformat.read(path, as_version=4)


def exercise_cells(notebook):
    return [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]


@pytest.mark.parametrize("part", PARTS)
def test_a_solved_copy_answers_every_exercise_and_changes_nothing_else(part):
    notebook = student(part)
    copy = solved(notebook, part)
    cells = exercise_cells(copy)
    assert len(cells) == len(exercises(part))
    for cell in cells:
        assert (cell.source.count(BEGIN), cell.source.count(END)) == (1, 1)
        assert "NotImplementedError" not in cell.source
        ast.parse(cell.source)
    pairs = zip(notebook.cells, copy.cells, strict=True)
    assert {before.id for before, after in pairs if before.source != after.source} == {c.id for c in cells}


def test_the_student_s_notebook_is_left_as_it_is():
    notebook = student("score_by_hand")
    before = nbformat.writes(notebook)
    solved(notebook, "score_by_hand")
    assert nbformat.writes(notebook) == before


def test_a_solved_cell_runs_on_its_own_and_passes():
    namespace: dict = {}
    exec(solved_cell("def content_score(q, k):\n    raise NotImplementedError", "score_by_hand"), namespace)
    Checks("score_by_hand")(namespace["content_score"])


def test_a_cell_of_two_functions_is_no_exercise():
    with pytest.raises(ValueError, match="unpack"):
        solved_cell("def a(): ...\ndef b(): ...", "score_by_hand")


def test_slides_hold_headings_words_and_figures_and_no_hint_or_exercise():
    output = nbformat.v4.new_output("display_data", {"text/plain": "a figure"})
    cells = [
        nbformat.v4.new_markdown_cell("# A part"),
        nbformat.v4.new_markdown_cell("Words."),
        nbformat.v4.new_markdown_cell("<details><summary>Hint 1</summary>x</details>"),
        nbformat.v4.new_code_cell("plot()", outputs=[output]),
        nbformat.v4.new_code_cell("def f(): ...", metadata={"tags": ["exercise"]}, outputs=[output]),
        nbformat.v4.new_code_cell("x = 1"),
    ]
    shown = as_slides(nbformat.v4.new_notebook(cells=cells)).cells
    types = [cell.metadata.slideshow.slide_type for cell in shown]
    assert types == ["slide", "subslide", "skip", "-", "skip", "skip"]


@pytest.fixture(scope="module")
def build():
    """The script, as a module; it finds its neighbours as when it is run."""
    sys.path.insert(0, str(WORKSHOP))
    spec = importlib.util.spec_from_file_location("workshop_build", WORKSHOP / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(WORKSHOP))


def test_the_solutions_copy_holds_what_its_cells_show_and_nothing_else(build, tmp_path):
    open_cell = nbformat.v4.new_code_cell("def content_score(q, k):\n    raise NotImplementedError")
    open_cell.metadata["tags"] = ["exercise"]
    cells = [open_cell, nbformat.v4.new_code_cell("import torch\nfloat(content_score(*torch.ones(2, 4)))")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "1_score_by_hand.ipynb")
    (tmp_path / "solutions").mkdir()
    build.write_solutions("score_by_hand", tmp_path / "1_score_by_hand.ipynb", tmp_path / "solutions")
    copy = nbformat.read(tmp_path / "solutions" / "1_score_by_hand.ipynb", as_version=4)
    assert copy.cells[1].outputs[0].data["text/plain"] == "2.0"
    assert nbformat.writes(copy).count(BEGIN) == 1


@pytest.mark.browser
@pytest.mark.parametrize("part", PARTS)
def test_slides_open_with_the_network_off_and_fit(part, build, browser, tmp_path):
    build.copy_reveal(tmp_path / "reveal")
    build.write_slides(student(part), tmp_path / "slides.html")
    asked: list[str] = []
    failed: list[str] = []
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto((tmp_path / "slides.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert failed == []
    assert page.locator("math").count() > 3
    heights = page.evaluate(HEIGHTS)
    assert len(heights) > 8
    assert max(heights) <= SLIDE
    page.close()


def test_the_handout_is_one_sheet(build, browser, tmp_path):
    build.write_handout(tmp_path / "handout.html")
    page = browser.new_page()
    page.goto((tmp_path / "handout.html").as_uri())
    pdf = page.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "1.2cm"))
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") + pdf.count(b"/Type/Page/") == 1
    page.close()
