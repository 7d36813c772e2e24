"""The book from a file, in Chromium: no request, no error, formulas, figures, explorer, search, links."""

import re
import shutil

import pytest
import watched
import yaml
from book.assemble import copy
from book.links import broken_links

pytestmark = pytest.mark.slow  # Sphinx imports what it documents
PAGES = (
    *("index", "notebooks/shown", "docs/glossary", "api/data", "search", "genindex"),
    *("source/data/refusal.py", "source/data/niah"),
)


@pytest.fixture
def read(browser):
    """A page of Chromium without a network; whatever it asks for is noted and must be a file."""
    asked = []
    with watched.watched_page(browser, offline=True) as shown:
        shown.page.on("request", lambda request: asked.append(request.url))
        yield shown.page
        assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
        assert (shown.outside, shown.errors) == ([], [])


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_from_a_file_and_asks_nobody(book, read, name):
    read.goto((book / f"{name}.html").as_uri())
    read.wait_for_load_state("networkidle")
    assert read.locator("h1:visible").count() >= 1


@pytest.mark.browser
def test_formulas_are_set_by_the_browser_itself(book, read):
    read.goto((book / "index.html").as_uri())
    formulas = read.locator("article math")
    assert formulas.evaluate_all("all => all.map(each => each.getAttribute('display'))") == [
        "inline",
        "block",
    ]
    assert formulas.evaluate_all("all => all.every(each => each.getBoundingClientRect().width > 20)")
    assert read.evaluate("document.fonts.load('16px \"book math\"').then(fonts => fonts.length)") == 1
    assert "\\lambda" not in read.locator("article").inner_text()


@pytest.mark.browser
def test_a_figure_is_drawn_by_the_one_plotly_of_the_book(book, read):
    read.goto((book / "notebooks" / "shown.html").as_uri())
    read.wait_for_selector("html[data-drawn=all]")
    assert read.locator(".sisa-figure .main-svg").first.is_visible()
    assert len(list(book.rglob("plotly*.js"))) == 1
    assert "plotly.min.js" not in (book / "index.html").read_text(encoding="utf-8")


@pytest.mark.browser
def test_the_explorer_is_live_on_its_notebook_s_page(book, read):
    read.goto((book / "notebooks" / "shown.html").as_uri())
    read.locator("iframe.sisa-explorer").scroll_into_view_if_needed()  # it loads when it is near
    explorer = read.frame_locator("iframe.sisa-explorer")
    explorer.locator(".sisa-x[data-drawn^='L1H0']").wait_for()
    explorer.get_by_label("layer", exact=True).select_option("0")
    explorer.locator(".sisa-x[data-drawn^='L0H0']").wait_for()


@pytest.mark.browser
def test_search_finds_half_life_and_leads_to_the_glossary(book, read):
    read.goto((book / "search.html").as_uri())
    field = read.locator("article input[type=search], .bd-article-container input[type=search]").first
    field.fill("half-life")
    field.press("Enter")
    read.locator("#search-results li a", has_text="Glossary").click()
    read.wait_for_url("**/docs/glossary.html*")
    assert read.get_by_text("Tokens after which").is_visible()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_does_not_scroll_sideways(book, browser, scheme):
    with watched.watched_page(browser, width=420, color_scheme=scheme) as shown:
        for name in PAGES:
            shown.page.goto((book / f"{name}.html").as_uri())
            assert shown.page.evaluate("document.documentElement.scrollWidth") == 420, name


def test_every_link_of_the_book_leads_somewhere(book):
    assert broken_links(book) == []
    front = (book / "index.html").read_text(encoding="utf-8")
    assert 'href="source/data/refusal.py.html"' in front
    assert 'href="source/data/niah.html"' in front


@pytest.mark.parametrize(
    "link", ["nowhere.html", "docs/glossary.html#nothing", "../outside.html", "#nothing", "_static/absent.js"]
)
def test_a_link_that_leads_nowhere_is_named(book, tmp_path, link):
    damaged = shutil.copytree(book, tmp_path / "html")
    page = damaged / "index.html"
    page.write_text(page.read_text(encoding="utf-8") + f'<a href="{link}">x</a>', encoding="utf-8")
    assert broken_links(damaged) == [f"index.html: {link}"]


def test_a_warning_is_an_error_and_all_are_told(run_sphinx, tmp_path):
    wrong = "[there](nowhere.md)", "$$\\frac{$$", "```{toctree}\nabsent\n```"
    (tmp_path / "index.md").write_text("\n\n".join(["# Title", *wrong]), encoding="utf-8")
    done = run_sphinx(tmp_path, tmp_path / "html")
    assert done.returncode != 0
    for said in ("nowhere.md", "no MathML for this formula", "absent"):
        assert said in done.stderr


def test_read_the_docs_runs_what_make_book_runs(project):
    settings = yaml.safe_load((project / ".readthedocs.yaml").read_text(encoding="utf-8"))
    recipe = re.findall(r"docs/\w+\.py", (project / "Makefile").read_text(encoding="utf-8"))
    assert recipe == ["docs/execute_notebooks.py", "docs/build_book.py"]
    assert [command for command in settings["build"]["commands"] if "docs/" in command] == [
        f"python {script}" for script in recipe
    ]
    assert (project / settings["sphinx"]["configuration"]).is_file()


def test_badges_stay_behind(tmp_path, project):
    copy(project / "README.md", tmp_path / "README.md")
    assert "img.shields.io" in (project / "README.md").read_text(encoding="utf-8")
    assert "img.shields.io" not in (tmp_path / "README.md").read_text(encoding="utf-8")
