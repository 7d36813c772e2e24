"""Texts of lessons become sections: places, questions, and what is refused."""

import pytest

from sisa_viz import Heading, Markdown, report
from sisa_viz.lessons import lesson_sections
from sisa_viz.pages.question import Question

TEXT = """# A $title$

First.

## Look

[[one]]

??? Why $x$?
    Because
    of **this**.

    And that.

[[two]]
??? Next?
    Yes.
Last.
"""


def test_places_and_questions_stand_where_the_text_has_them():
    one, two = Markdown("1"), Markdown("2")
    title, sections = lesson_sections(TEXT, {"one": one, "two": two})
    assert title == "A $title$"
    assert sections == [
        Markdown("First."),
        Heading("Look"),
        one,
        Question("Why $x$?", "Because\nof **this**.\n\nAnd that.\n"),
        two,
        Question("Next?", "Yes.\n"),
        Markdown("Last."),
    ]


@pytest.mark.parametrize(
    ("text", "places", "message"),
    [
        ("No title\n", {}, "text is 'No title.*legal: Markdown that begins with '# '"),
        ("# T\n[[one]]\n", {}, r"a place is '\[\[one\]\]'; legal: each of no places, once"),
        ("# T\n\nText.\n", {"one": Markdown("1")}, r"a place is '\[\[one\]\]'; legal: each of one, once"),
        ("# T\n[[one]]\n[[one]]\n", {"one": Markdown("1")}, r"'\[\[one\]\]'; legal: each of one, once"),
        ("# T\n??? Why?\nBecause.\n", {}, "a question is 'Why\\?'; legal: one with an answer"),
    ],
)
def test_a_text_that_does_not_fit_is_refused(text, places, message):
    with pytest.raises(ValueError, match=message):
        lesson_sections(text, places)


def test_question_and_answer_are_markdown_whose_html_stays_text(tmp_path):
    question = Question("Is <b> $e^2$?", "<script>alert(1)</script> *no*")
    text = report(tmp_path / "page.html", question, title="t").read_text(encoding="utf-8")
    assert "Is &lt;b&gt; <span" in text
    assert (
        "<details><summary>Answer</summary><p>&lt;script&gt;alert(1)&lt;/script&gt; <em>no</em></p>" in text
    )


def test_a_question_takes_text_alone():
    with pytest.raises((TypeError, ValueError), match="question is 3"):
        Question(3, "x")  # pyright: ignore[reportArgumentType] - what is tested
