"""A page in a real browser that reports what it must not do: leave this machine, or log an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Route

LOCAL_HOSTS = {"127.0.0.1", "localhost", ""}
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@dataclass
class Watched:
    """A page, the addresses outside this machine that it asked for (all refused), and its console errors."""

    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def guard(self, route: Route) -> None:
        """Let a request through if it stays on this machine; note and refuse it otherwise."""
        url = route.request.url
        if urlsplit(url).hostname in LOCAL_HOSTS | {None}:
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()

    def hear(self, message: ConsoleMessage) -> None:
        """Keep a console message if it is an error."""
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


def launch(playwright: Playwright, executable: str) -> Browser:
    """Start the browser at `executable` without a window."""
    return playwright.chromium.launch(executable_path=executable, headless=True, args=SWITCHES)


@contextmanager
def watched_page(
    browser: Browser, *, width: int = 1400, height: int = 1000, **options: Any
) -> Iterator[Watched]:
    """Open a page in a context of its own; `options` (color_scheme, offline, …) go to ``new_context``."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    try:
        watched = Watched(context.new_page())
        context.route("**/*", watched.guard)
        watched.page.on("console", watched.hear)
        watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
        yield watched
    finally:
        context.close()
