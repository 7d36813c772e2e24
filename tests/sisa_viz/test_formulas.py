"""Formulas for nbconvert: set where they stand alone, left where they are code or part of a list."""

import nbformat
import pytest

from sisa_viz.pages.formulas import Formulas


def set_in(source, kind=nbformat.v4.new_markdown_cell):
    return Formulas().preprocess_cell(kind(source), {}, 0)[0].source


def test_every_formula_becomes_mathml_between_blank_lines():
    text = set_in("one\n\n$$a_1$$\n\nand\n\n$$\nb\n$$\nlast")
    assert text.count("<math") == 2
    assert "$" not in text
    for block in text.split("\n\n"):
        assert block.strip("\n").startswith("<div><math") == ("<math" in block)
    assert [line for line in text.split("\n") if line and "<math" not in line] == ["one", "and", "last"]


def test_formulas_within_a_line_a_heading_and_a_table_are_set_and_code_is_not():
    text = set_in("# $a$\n\nCode `$x$`, then $x$ and $y_1$.\n\n| $b$ | $b$ |\n| - | - |\n| $c$ | `$c$` |\n")
    assert text.count("<math") == 6
    assert "Code `$x$`, then <math" in text
    assert "`$c$` |" in text
    assert text.count("$") == 4


@pytest.mark.parametrize("text", ["```\n$$x$$\n```", "`$$x$$`", "costs $5", "- item\n\n  $$x$$\n", ""])
def test_other_dollars_stay(text):
    assert set_in(text) == text


def test_code_stays():
    assert set_in("$$x$$", nbformat.v4.new_code_cell) == "$$x$$"


def test_a_formula_runs_nothing():
    text = set_in(r"$$\text{<script>alert(1)</script>}$$")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
