"""What a page saves of the view: pictures, a row of numbers, a call of Python, and an address."""

import csv
import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from explorer_pages import Shown
from PIL import Image

from sisa_viz import ScoreExplorer

pytestmark = pytest.mark.browser
FORMULA = '=HYPERLINK("http://a.invalid","x")'


@pytest.fixture
def shown(trace, watched_page, tmp_path):
    tokens = trace["token"].values.astype(object).tolist()
    tokens[3] = FORMULA
    hostile = trace.assign_coords(token=("position", np.array(tokens, dtype=object)))
    path = ScoreExplorer(hostile, layer=1, head=2, title="<b>kept</b>").to_html(tmp_path / "page.html")
    page = watched_page.page
    page.goto(path.as_uri() + "#layer=1&head=1&lam_scale=0.5&query=20&window=9-30-0-25&evil=<script>")
    shown = Shown.of(page)
    shown.wait_for("L1H1 0.5 9-30-0-25")
    yield shown
    assert watched_page.outside == []
    assert watched_page.errors == []


def saved(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=False).first.click()
    return download.value


def test_pictures_hold_what_is_on_show(shown, tmp_path):
    picture = saved(shown.page, "save the panels as PNG")
    assert picture.suggested_filename == "L1H1.png"
    image = Image.open(picture.path()).convert("RGB")
    width, height = image.size
    assert min(width, height) > 600
    for left, top in ((0.1, 0.1), (0.6, 0.1), (0.1, 0.6), (0.6, 0.6)):  # inside each of the four maps
        part = image.crop(
            (
                int(left * width),
                int((top + 0.05) * height),
                int((left + 0.3) * width),
                int((top + 0.3) * height),
            )
        )
        assert len(part.getcolors(1 << 24) or []) > 40
    drawing = ET.parse(saved(shown.page, "save the panels as SVG").path()).getroot()
    words = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert words[0] == "<b>kept</b> · L1H1 · λ × 0.5 · query 20"
    assert {"content", "λ × importance", "sum", "softmax"} <= set(words)
    images = list(drawing.iter("{http://www.w3.org/2000/svg}image"))
    assert len(images) == 4
    assert all(element.get("href", "").startswith("data:image/png;base64,") for element in images)
    assert {element.tag.rpartition("}")[2] for element in drawing.iter()} <= {
        "svg",
        "g",
        "rect",
        "path",
        "text",
        "image",
    }


def test_the_row_is_pythons_and_no_formula(shown, trace):
    file = saved(shown.page, "save the locked row as CSV")
    assert file.suggested_filename == "L1H1_query20.csv"
    rows = list(csv.DictReader(io.StringIO(file.path().read_text(encoding="utf-8"))))
    at = {"layer": 1, "head": 1, "query": 20}
    assert [int(row["key"]) for row in rows] == list(range(21))
    content = [float(row["content"]) for row in rows]
    np.testing.assert_allclose(content, trace.sisa.content(**at).values[:21], atol=1e-3)
    pattern = [float(row["pattern"]) for row in rows]
    np.testing.assert_allclose(pattern, trace.sisa.pattern(**at, lam_scale=0.5).values[:21], atol=1e-3)
    assert rows[3]["token"] == f"'{FORMULA}"


def test_a_reload_keeps_the_view_and_python_makes_it_again(shown, trace):
    page = shown.page
    page.keyboard.press("Escape")
    page.locator(".sisa-x input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    shown.wait_for("L1H1 0.51 9-30-0-25")
    page.reload()
    shown.wait_for("L1H1 0.51 9-30-0-25")
    assert "query 20" in page.locator(".sisa-x-table h3").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="copy the call that makes this view").click()
    page.wait_for_function("() => document.querySelector('.sisa-x-keep [role=status]').innerText !== ''")
    told = page.locator(".sisa-x-keep [role=status]").inner_text()
    call = page.evaluate("navigator.clipboard.readText()") if told == "copied" else told
    again = eval(call, {"trace": trace, "ScoreExplorer": ScoreExplorer})
    assert json.loads(json.dumps(again.state.as_dict())) == {
        "layer": 1,
        "head": 1,
        "lam_scale": 0.51,
        "query": 20,
        "window": [9, 30, 0, 25],
    }


def test_an_address_of_nothing_that_is_there_changes_nothing(trace, watched_page, tmp_path):
    path = ScoreExplorer(trace, layer=0, head=0).to_html(tmp_path / "page.html")
    watched_page.page.goto(path.as_uri() + "#layer=9&head=x&lam_scale=1e9&query=-1&window=5-2-0-9")
    Shown.of(watched_page.page).wait_for("L0H0 1 0-40-0-40")
    assert watched_page.errors == []
