"""Small pictures that a reader turns by hand, as sections of a report: sliders, a sentence, a drawing.

Nothing moves by itself. Every slider is a native one, so that the keyboard works; what it does is said in
words, which a screen reader reads out, and the numbers of the drawing stand in a table below it.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from data.refusal import refusal
from sisa_viz.explorer.pack import to_json
from sisa_viz.lessons.assets import script, style
from sisa_viz.look.text import check_text
from sisa_viz.trace.numbers import finite_number, whole_number

ROOTS: dict[int | None, float] = {
    root**2: float(root) for root in range(1, 9)
}  # of d_head, as its slider has them


@dataclass(frozen=True)
class Lesson:
    """Hold one lesson for a page; the functions of this room make them.

    Args:
        kind: what the script calls it.
        title: the heading over it.
        data: what the script draws, as JSON holds it.

    Example:
        >>> Lesson("decay", "Turn decay", {})._report_html_()[:48]
        '<section class="sisa-lesson" data-lesson="decay"'
    """

    kind: str
    title: str
    data: Mapping[str, object]

    def _report_html_(self) -> str:
        title = html.escape(self.title)
        return (
            f'<section class="sisa-lesson" data-lesson="{self.kind}" aria-label="{title}"><h3>{title}</h3>'
            '<div class="stage"><noscript><p>Scripts are off; one draws this picture.</p></noscript>'
            f'</div><script type="application/json">{to_json(self.data)}</script></section>'
        )

    def _report_assets_(self) -> str:
        """Write style and script, needed once a page; as a module it runs when the page is whole."""
        return f'<style>{style()}</style>\n<script type="module">{script()}</script>'


def decay_rotation(content: ArrayLike, *, size: float) -> Lesson:
    """Return the lesson on what decay, rotation and λ make of one pair of channels, by distance.

    The importance of a key at distance d is λ · e^(−d ln 2 / h) · size · cos(φ d) nats, with sliders for the
    half-life h (1 to 1,000 tokens), the angle φ (0 to π radians a token) and λ (0 to 4). Below it stands what
    the softmax makes of it together with a content row that stays as it is.

    Args:
        content: of the key at each distance from the query, nats; the query itself comes first.
        size: |C||B|, the product of the lengths of both vectors; above 0.

    Raises:
        ValueError: content is no row of at least two finite numbers, or size is not above 0.

    Example:
        >>> decay_rotation([0, 2, 0], size=2).data["content"]
        [0.0, 2.0, 0.0]
    """
    row = _row("content", content)
    length = finite_number(size)
    if length is None or length <= 0:
        raise refusal("size", size, legal="a number above 0", step="It is |C||B|.")
    # positions of the sliders: 10^(22/20) = 12.6 tokens, 4 of 60 steps to π, λ 1, the key that content likes
    start = {"halfLife": 22, "angle": 4, "lam": 1, "distance": int(np.argmax(row))}
    return Lesson("decay", "Turn decay, rotation and λ", {"content": row, "size": length, "start": start})


def score_dial(tokens: Sequence[str], *, products: ArrayLike, importance: ArrayLike, d_head: int) -> Lesson:
    """Return the lesson on how a scale and λ make the weights of one query out of two rows of products.

    The score of a key is products / scale + λ · importance nats, with sliders for the scale (1 to 8) and for
    λ (0 to 4); the scale starts at the root of d_head.

    Args:
        tokens: the keys, as they are read.
        products: q·k of each key.
        importance: C̄·B̄ of each key.
        d_head: length of q and k; its root is the right scale.

    Raises:
        ValueError: the rows do not have a number for each of at least two tokens, or d_head is not the square
            of a whole number from 1 to 8.

    Example:
        >>> score_dial(["The", " code"], products=[3, 8], importance=[0, 1], d_head=4).data["scale"]
        2.0
    """
    labels = [check_text("token", token) for token in tokens]
    scale = ROOTS.get(whole_number(d_head))
    if scale is None:
        legal = ", ".join(map(str, ROOTS))
        raise refusal("d_head", d_head, legal=legal, step="The slider has its root.")
    rows = {"products": products, "importance": importance}
    found = {name: _row(name, row, length=len(labels)) for name, row in rows.items()}
    return Lesson("dial", "Turn the scale and λ", {"tokens": labels, "scale": scale, **found})


def fusion_levels(tokens: Sequence[str], *, content: ArrayLike) -> Lesson:
    """Return the lesson on what the last token takes in of each token, at three levels of fusion.

    With A the softmax of content and M a fading state, block level takes in A + M + A·M, head level
    (A + M) / 2, score level the softmax of content + λ · M. Sliders: half-life of M (0.5 to 10), λ (0 to 8).

    Args:
        tokens: of the text, at least two.
        content: nats of each query (row) and key (column); later keys do not count.

    Raises:
        ValueError: content has not a row of finite numbers for every token.

    Example:
        >>> fusion_levels(["3", "?"], content=[[0, 0], [4, 0]]).data["content"]
        [[0.0, 0.0], [4.0, 0.0]]
    """
    labels = [check_text("token", token) for token in tokens]
    try:
        rows = list(np.asarray(content, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise refusal("content", content, legal="a square of numbers", step="Give a row a query.") from error
    if len(rows) != len(labels):
        legal = f"{len(labels)} rows"
        raise refusal("content", f"{len(rows)} rows", legal=legal, step="Give one row a token.")
    square = [_row("content", each, length=len(labels)) for each in rows]
    return Lesson(
        "levels", "Put the same two things together in three places", {"tokens": labels, "content": square}
    )


def _row(name: str, values: ArrayLike, *, length: int | None = None) -> list[float]:
    """Return a row of finite numbers as a list; ValueError for anything else."""
    legal = f"a row of {length or 'at least 2'} finite numbers"
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise refusal(name, values, legal=legal, step="Give one number a key.") from error
    fits = numbers.ndim == 1 and len(numbers) >= 2 and len(numbers) == (length or len(numbers))
    if not fits or not np.isfinite(numbers).all():
        raise refusal(name, values, legal=legal, step="Give one number a key.")
    return numbers.tolist()
