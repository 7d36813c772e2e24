"""Lessons on a page from a file, which may ask for nothing and must not log an error."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page
from watched import Watched

from sisa_viz import report
from sisa_viz.lessons import Lesson

DRAWN = "() => [...document.querySelectorAll('.sisa-lesson')].every(lesson => lesson.dataset.drawn)"


@pytest.fixture
def show(watched_page: Watched, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Write lessons into a report and open it."""

    def open_page(*lessons: Lesson) -> Page:
        path = report(tmp_path / "page.html", *lessons, title="A lesson")
        watched_page.page.goto(path.as_uri())
        watched_page.page.wait_for_function(DRAWN)
        return watched_page.page

    yield open_page
    assert watched_page.outside == []
    assert watched_page.errors == []
