"""Markdown on a page: CommonMark with tables and formulas, and nothing that runs or loads.

HTML inside Markdown stays text. A link leads to the web or to a mail address, all others become plain text,
since the page stands alone; pictures come along as data alone. A formula between dollars becomes MathML,
which browsers set themselves.
"""

import html
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

from data.extras import needs_extra
from sisa_viz.look.text import check_text

with needs_extra("notebooks"):
    from latex2mathml.converter import Converter
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from mdit_py_plugins.dollarmath import dollarmath_plugin

ELSEWHERE = ("https://", "http://", "mailto:")
PICTURES = ("data:image/png;", "data:image/jpeg;", "data:image/gif;", "data:image/webp;")
LONGEST_FORMULA = (
    2000  # characters; deeper nesting than such a text can have would end the interpreter's stack
)
LINKED = {"href", "src", "class", "id", "style"}  # attributes that no formula needs


@dataclass(frozen=True)
class Markdown:
    """Mark a section of a page whose text is Markdown; nothing in it is run or loaded.

    Example:
        >>> Markdown("**bold** <b> [here](https://a.org) [there](x.ipynb)")._report_html_()
        '<div class="markdown"><p><strong>bold</strong> &lt;b&gt; <a href="https://a.org" rel="noopener ...
    """

    text: str

    def __post_init__(self) -> None:
        check_text("text", self.text)

    def _report_html_(self) -> str:
        return f'<div class="markdown">{parser().render(self.text).strip()}</div>'


def parser() -> MarkdownIt:
    """Return the parser whose renderer writes what a page may hold.

    Example:
        >>> parser().render("`a` $x^2$ <i>").startswith("<p><code>a</code> <span")
        True
    """
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")
    markdown.use(dollarmath_plugin, allow_space=False, allow_digits=False, renderer=formula)
    for name, rule in (("link_open", _link_open), ("link_close", _link_close), ("image", _image)):
        markdown.add_render_rule(name, rule)
    return markdown


def _link_open(renderer: Any, tokens: list[Token], at: int, options: Any, env: Any) -> str:
    address = str(tokens[at].attrs.get("href", ""))
    if not address.startswith(ELSEWHERE):
        return ""
    return f'<a href="{html.escape(address)}" rel="noopener noreferrer">'


def _link_close(renderer: Any, tokens: list[Token], at: int, options: Any, env: Any) -> str:
    opened = next(token for token in reversed(tokens[:at]) if token.type == "link_open")  # links do not nest
    return "</a>" if str(opened.attrs.get("href", "")).startswith(ELSEWHERE) else ""


def _image(renderer: Any, tokens: list[Token], at: int, options: Any, env: Any) -> str:
    source, words = str(tokens[at].attrs.get("src", "")), html.escape(tokens[at].content)
    if not source.startswith(PICTURES):
        return f"<em>{words}</em>"
    return f'<img src="{html.escape(source)}" alt="{words}">'


def formula(latex: str, options: dict[str, Any]) -> str:
    """Return a LaTeX formula as MathML, or as code where it cannot be read.

    The converter's own text is parsed XML whose strings may hold anything, entities included: they are made
    characters first and escaped by the serialiser after that, and attributes that lead elsewhere are dropped.

    Args:
        latex: The formula without its dollars.
        options: "display_mode" tells a formula of its own line.

    Example:
        >>> formula("x^2", {})
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><msup><mi>x</mi><mn>2...
        >>> formula(r"\\frac{", {})
        '<code>\\\\frac{</code>'
    """
    try:
        if len(latex) > LONGEST_FORMULA:
            raise ValueError("too long")
        display = "block" if options.get("display_mode") else "inline"
        root = Converter(display=display).convert_to_element(latex)
        for element in root.iter():
            element.text = html.unescape(element.text) if element.text else element.text
            element.tail = html.unescape(element.tail) if element.tail else element.tail
            for name in [name for name in element.attrib if name in LINKED or name.startswith("on")]:
                del element.attrib[name]
        return ET.tostring(root, encoding="unicode")
    except Exception:  # its converter raises errors of many kinds for what is no formula
        return f"<code>{html.escape(latex)}</code>"
