"""Text that is data, made safe to show: all strings of traces and tables pass here on their way out.

Plotly reads its labels as pseudo-HTML (`<s>` vanishes, links go live, `$…$` may become mathematics), and a
token may hold newlines, NUL, half a surrogate pair or a control that turns the line around.
"""

import html
import unicodedata
from collections.abc import Iterable
from typing import Any

LIMIT = 18  # characters of a token in an axis label or hover box
GLYPHS = {" ": "·", "\n": "⏎", "\t": "⇥"}
JOINER = "\u200d"  # holds emoji together
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}


def visible(text: str, *, limit: int | None = None, spaces: bool = True) -> str:
    """`text` with a sign for every character that shows as nothing, cut to `limit` characters.

    `spaces=False` leaves ordinary spaces alone, for prose.
    """
    cut = text if limit is None or len(text) <= limit else text[: limit - 1]
    shown = "".join(_glyph(character, spaces) for character in cut)
    return shown if cut is text else shown + "…"


def _glyph(character: str, spaces: bool) -> str:
    if character == " " and not spaces:
        return character
    if character in GLYPHS:
        return GLYPHS[character]
    if unicodedata.category(character) in HIDDEN and character != JOINER:
        return f"⟨U+{ord(character):04X}⟩"
    return character


def escape(text: object) -> str:
    """One line of text, shown by plotly exactly as it is written: no markup, no entity, no mathematics."""
    return html.escape(visible(str(text), spaces=False), quote=False).replace("$", "&#36;")


def token_label(token: str) -> str:
    """A token for plotly: spaces visible, cut after 18 characters, escaped; an empty one shows as ∅."""
    return escape(visible(token, limit=LIMIT) or "∅")


def token_axis(positions: Iterable[int], tokens: Iterable[str], *, most: int = 32) -> dict[str, Any]:
    """Plotly options of an integer axis that says "17 ·the": `most` ticks, every position in the hover box.

    Equal tokens stay apart, because the axis counts positions; `labelalias` serves the hover box, which asks
    for the label of positions without a tick as well.
    """
    labels = {int(at): f"{at} {token_label(token)}" for at, token in zip(positions, tokens, strict=True)}
    shown = list(labels)[:: max(1, -(-len(labels) // most))]
    return {
        "tickmode": "array",
        "tickvals": shown,
        "ticktext": [labels[at] for at in shown],
        "labelalias": {str(at): label for at, label in labels.items()},
        "exponentformat": "none",
    }
