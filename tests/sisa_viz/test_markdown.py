"""Markdown on a page: what CommonMark, tables and formulas mean, and nothing that runs or loads."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import Markdown
from sisa_viz.pages.markdown import formula

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt&colon;alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a](https://example.invalid/pixel.png)",
    "![a](data:image/svg+xml;base64,PHN2Zz4=)",
    '<https://a.org/"onmouseover=alert(1)>',
    "[a](https://a.org 'x\" onclick=\"alert(1)')",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\text{<script>alert(1)</script>}$",
    "$\\text{&lt;img src=x onerror=alert(1)&gt;}$",
    "$\\class{x}{y}\\style{background:url(https://a.invalid)}{z}$",
    "`<b>`\n\n```\n</code><script>1</script>\n```",
    "| <b> | [x](vbscript:1) |\n|-|-|\n| <i> | 2 |",
    "> " * 400 + "deep",
    "[" * 3000,
    "$" + "{" * 900 + "x" + "}" * 900 + "$",
]
ALLOWED = {"href", "rel", "class", "src", "alt", "xmlns", "display", "start"}


def made(text) -> Any:
    return BeautifulSoup(Markdown(text)._report_html_(), "html.parser")


def test_lists_code_tables_and_links_are_what_they_mean():
    page = made("**a** *b* `c`\n\n- one\n- two\n\n1. x\n\n| h | i |\n|-|-|\n| 1 | 2 |\n\n```py\nd\n```")
    assert [page.strong.text, page.em.text, page.code.text] == ["a", "b", "c"]
    assert [item.text for item in page.ul.find_all("li")] == ["one", "two"]
    assert [cell.text for cell in page.table.find_all(["th", "td"])] == ["h", "i", "1", "2"]
    assert page.pre.text == "d\n"
    links = made("[web](https://a.org/?x=1&y=2) [mail](mailto:a@b.c) [beside](08_causes.ipynb#x)").find_all(
        "a"
    )
    assert [link["href"] for link in links] == ["https://a.org/?x=1&y=2", "mailto:a@b.c"]
    assert made("[beside](08_causes.ipynb)").p.text == "beside"


def test_a_picture_comes_along_as_data_or_as_its_words():
    assert made("![dot](data:image/png;base64,iVBORw0KGgo=)").img["alt"] == "dot"
    assert made("![map](figure.png)").em.text == "map"


def test_formulas_are_mathml():
    math = made(
        r"score $s_{ij} = \\frac{q_i \\cdot k_j}{\\sqrt{d}} + \\lambda\\,\\bar{C}_i$".replace("\\\\", "\\")
    ).math
    assert math.find("mfrac").find("msqrt").text == "d"
    assert "λ" in math.text
    assert made("$$\nx^2\n$$").math["display"] == "block"
    assert made("costs $5 and $6").math is None
    assert made(r"$\frac{$").code.text == "\\frac{"


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24])
def test_nothing_runs_and_nothing_loads(text):
    page = made(text)
    names = {tag.name for tag in page.find_all(True)}
    assert not names & {"script", "img", "svg", "iframe", "style", "b", "i", "form"}
    for tag in page.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on")]
        if tag.name == "a":
            assert tag["href"].startswith(("https://", "http://", "mailto:"))
    for math in page.find_all("math"):
        assert not [
            name for tag in math.find_all(True) for name in tag.attrs if name in ("href", "style", "class")
        ]


@given(st.text(max_size=200))
def test_any_text_makes_whole_markup(text):
    page = Markdown(text)._report_html_()
    assert page.startswith('<div class="markdown">')
    assert "<script" not in page


@given(st.text(alphabet=r"\\{}^_&<>$ abctexrfqs12()[]|", max_size=60))
def test_any_formula_is_well_formed(latex):
    ET.fromstring(formula(latex, {}))
