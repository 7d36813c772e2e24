"""Texts of lessons: Markdown with places for pictures, and questions whose answers are folded.

Two kinds of lines are added to Markdown. `[[name]]`, alone on a line, is the place of a section that is given
by that name. `??? ` begins a question, up to the end of its line; lines below it that are indented by four
spaces are its answer.
"""

import re
from collections.abc import Iterator, Mapping

from data.refusal import refusal
from sisa_viz.look.text import check_text
from sisa_viz.pages.notebooks import markdown_sections
from sisa_viz.pages.page import Section
from sisa_viz.pages.question import Question

TITLE = re.compile(r"\A# (.+)\n")
PLACE = re.compile(r"^\[\[([a-z_]+)\]\]$", re.MULTILINE)
ASKED = re.compile(r"^\?\?\? (.+)\n((?: {4}.*\n|\n(?= {4}))*)", re.MULTILINE)
INDENT = re.compile(r"^ {4}", re.MULTILINE)


def lesson_sections(text: str, places: Mapping[str, Section]) -> tuple[str, list[Section]]:
    """Return the title of a lesson's text, and its sections in order.

    Args:
        text: Markdown whose first line is the title, "# …", with places and questions as above.
        places: what stands in them, by name.

    Raises:
        ValueError: there is no title, a place has no section, a section has no place, or a question has no
            answer.

    Example:
        >>> from sisa_viz import Markdown
        >>> text = "# Part 1\\n\\nLook.\\n\\n[[figure]]\\n\\n??? What is it?\\n    A figure.\\n"
        >>> title, sections = lesson_sections(text, {"figure": Markdown("*here*")})
        >>> title, [type(section).__name__ for section in sections]
        ('Part 1', ['Markdown', 'Markdown', 'Question'])
    """
    title = TITLE.match(check_text("text", text))
    if title is None:
        raise refusal("text", text[:40], legal="Markdown that begins with '# '", step="Give it a title.")
    named = PLACE.findall(text)
    for name in [*named, *places]:
        if name not in places or named.count(name) != 1:
            legal = f"each of {', '.join(places) or 'no places'}, once"
            raise refusal(
                "a place", f"[[{name}]]", legal=legal, step="Correct the text, or give the section."
            )
    return title[1], list(_sections(f"{text[title.end() :]}\n", places))


def _sections(text: str, places: Mapping[str, Section]) -> Iterator[Section]:
    done = 0
    for found in re.finditer(f"{PLACE.pattern}|{ASKED.pattern}", text, re.MULTILINE):
        name, asked, answer = found.groups()
        yield from markdown_sections(text[done : found.start()])
        if name:
            yield places[name]
        else:
            yield _question(asked, answer)
        done = found.end()
    yield from markdown_sections(text[done:])


def _question(asked: str, answer: str) -> Question:
    if not answer.strip():
        step = "Write it below the question, indented by four spaces."
        raise refusal("a question", asked, legal="one with an answer", step=step)
    return Question(asked, INDENT.sub("", answer))
