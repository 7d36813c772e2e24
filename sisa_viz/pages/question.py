"""A question on a page, to answer by looking, with its answer folded."""

from dataclasses import dataclass

from sisa_viz.look.text import check_text
from sisa_viz.pages.markdown import parser


@dataclass(frozen=True)
class Question:
    """Hold a question and its answer, which a reader unfolds; both are Markdown, and nothing in them is run.

    Example:
        >>> Question("Why $e$?", "It is.")._report_html_().partition("<details>")[2]
        '<summary>Answer</summary><p>It is.</p></details></div>'
    """

    asked: str
    answer: str

    def __post_init__(self) -> None:
        check_text("question", self.asked)
        check_text("answer", self.answer)

    def _report_html_(self) -> str:
        asked, answer = parser().render(self.asked).strip(), parser().render(self.answer).strip()
        return (
            f'<div class="markdown question">{asked}'
            f"<details><summary>Answer</summary>{answer}</details></div>"
        )
