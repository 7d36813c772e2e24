"""Text that is data, made safe to show: all strings of traces and tables pass here on their way out.

Plotly reads its labels as pseudo-HTML (`<s>` vanishes, links go live, `$…$` may become mathematics), and a
token may hold newlines, NUL, half a surrogate pair or a control that turns the line around.
"""

import html
import unicodedata
from collections.abc import Iterable

from data.refusal import refusal

LIMIT = 18  # characters of a token in an axis label or hover box
GLYPHS = {" ": "·", "\n": "⏎", "\t": "⇥"}
JOINER = "\u200d"  # holds emoji together
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}


def visible(text: str, *, limit: int | None = None, spaces: bool = True) -> str:
    """Return text with a sign for every character that shows as nothing.

    A space becomes "·", a line break "⏎", a tab "⇥"; controls, surrogates and invisible marks become their
    code point, as in "⟨U+202E⟩". The joiner that holds an emoji together stays.

    Args:
        text: Any text.
        limit: The most characters to keep; a longer text ends in "…".
        spaces: Whether ordinary spaces get their sign; False for prose.

    Example:
        >>> visible(" the\\n\\x00")
        '·the⏎⟨U+0000⟩'
        >>> visible("a long sentence", limit=7, spaces=False)
        'a long…'
    """
    cut = text if limit is None or len(text) <= limit else text[: limit - 1]
    shown = "".join(_glyph(character, spaces) for character in cut)
    return shown if cut is text else shown + "…"


def check_text(field: str, value: object) -> str:
    """Return a text that a person gave as a heading or a name, once it is known to be text.

    `None` would stand on the page as the word "None", and a number has no place in a browser's title.

    Args:
        field: Name of the argument, for the message.
        value: What was received; it may be empty.

    Raises:
        ValueError: If it is no string.

    Example:
        >>> check_text("title", "Heads that look back")
        'Heads that look back'
        >>> check_text("title", None)
        Traceback (most recent call last):
        ValueError: title is None; legal: a string. Write '' for none.
    """
    if not isinstance(value, str):
        raise refusal(field, value, legal="a string", step="Write '' for none.")
    return str(value)


def _glyph(character: str, spaces: bool) -> str:
    if character == " " and not spaces:
        return character
    if character in GLYPHS:
        return GLYPHS[character]
    if unicodedata.category(character) in HIDDEN and character != JOINER:
        return f"⟨U+{ord(character):04X}⟩"
    return character


def escape(text: object) -> str:
    """Return one line of text that plotly shows exactly as it is written.

    Plotly reads labels as pseudo-HTML, so that markup, entities and `$…$` mathematics in data would act. Here
    they are escaped, and characters that show as nothing get a sign.

    Example:
        >>> escape("<s> costs $5")
        '&lt;s&gt; costs &#36;5'
    """
    return html.escape(visible(str(text), spaces=False), quote=False).replace("$", "&#36;")


def legend_group(words: str) -> str:
    """Return the group that one legend entry switches on and off.

    Plotly looks groups up by name in an object that already knows "constructor" and "__proto__".

    Example:
        >>> legend_group("constructor")
        'of constructor'
    """
    return f"of {escape(words)}"


def token_label(token: str) -> str:
    """Return a token as a label for plotly: spaces visible, cut after 18 characters, escaped.

    An empty token shows as "∅", so that a label is never blank.

    Example:
        >>> token_label(" the"), token_label("<s>"), token_label("")
        ('·the', '&lt;s&gt;', '∅')
    """
    return escape(visible(token, limit=LIMIT) or "∅")


def token_axis(positions: Iterable[int], tokens: Iterable[str], *, most: int = 32) -> dict[str, object]:
    """Return plotly's options of an axis over positions that names their tokens, as "17 ·the".

    The axis counts positions, so that equal tokens stay apart. `labelalias` serves the hover box, which asks
    for the label of positions without a tick as well.

    Args:
        positions: The positions on the axis.
        tokens: The token at each of them.
        most: The most ticks to show.

    Example:
        >>> axis = token_axis([0, 1, 2], ["The", " code", " is"], most=2)
        >>> axis["ticktext"]
        ['0 The', '2 ·is']
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
