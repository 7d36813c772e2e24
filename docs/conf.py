"""Settings of the book; Sphinx reads them. `make book` gathers the chapters in out/book/source first."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

project = "SISA lens"
author = "The SISA suite authors"
copyright = "2026, The SISA suite authors"
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "book.figures",
    "book.mathml",
    "book.members",
    "book.repository",
]

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_allow_space = False
myst_dmath_allow_digits = False
myst_heading_anchors = 4
nb_execution_mode = "off"  # docs/execute_notebooks.py has run them
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # it would come from another server
nb_output_stderr = "remove"

default_role = "code"  # docstrings write names between single backticks
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = [str(HERE / "book" / "static")]
html_css_files = ["book.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_search_summary = False  # a page fetches it, which a browser forbids to a file
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # search stands in the sidebar
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}
html_context = {"default_mode": "auto"}
pygments_style = "a11y-high-contrast-light"


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Return where the page of an API entry leads for its source."""
    from book.repository import source_of

    return source_of(info) if domain == "py" else None
