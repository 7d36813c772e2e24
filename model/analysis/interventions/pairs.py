"""Pairs of a clean and a corrupted text of one length, up to the token that tells them apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from data import Episodes
from data.refusal import refusal

Texts = Episodes | Tensor | np.ndarray
SPANS = ("needle", "value", "query", "rest")
ALIKE = ("answer_start", "value_start", "value_stop")


@dataclass(frozen=True)
class Pairs:
    """Pairs whose texts are of one length, and end where the answer begins.

    Args:
        rows: numbers of the pairs, as they were given.
        clean: token ids of the texts whose answer is the right one.
        corrupted: those of their counterparts.
        answers: the first token of the clean and of the corrupted text's answer.
        spans: of episodes, where their parts lie: the needle without its value, the value, the query, and
            the rest.
    """

    rows: np.ndarray
    clean: Int[Tensor, "pair position"]
    corrupted: Int[Tensor, "pair position"]
    answers: Int[Tensor, "pair 2"]
    spans: dict[str, Bool[Tensor, "pair position"]]

    def chosen(self, rows: Any) -> Pairs:
        """Return some of the pairs."""
        spans = {name: mask[rows] for name, mask in self.spans.items()}
        kept = self.clean[rows], self.corrupted[rows], self.answers[rows]
        return Pairs(self.rows[rows], *kept, spans)

    def to(self, device: torch.device) -> Pairs:
        """Return the pairs on a device."""
        spans = {name: mask.to(device) for name, mask in self.spans.items()}
        moved = {name: getattr(self, name).to(device) for name in ("clean", "corrupted", "answers")}
        return replace(self, spans=spans, **moved)


def pairs_of(clean: Texts, corrupted: Texts, answers: Texts | None = None) -> list[Pairs]:
    """Return pairs by length, or refuse texts that are no pairs.

    Args:
        clean: episodes; or token ids [pair, position] that end where the answer begins.
        corrupted: as many of the same lengths. Episodes differ from the clean ones in the value alone.
        answers: beside token ids, the right and the corrupted answer's token, [pair, 2].

    Raises:
        ValueError: texts differ in length or number, in nothing, or in more than the value; an answer is the
            same in both.

    Example:
        >>> clean = torch.tensor([[1, 2, 3], [4, 5, 6]])
        >>> corrupted = torch.tensor([[1, 7, 3], [4, 8, 6]])
        >>> [pairs.clean.shape for pairs in pairs_of(clean, corrupted, torch.tensor([[2, 7], [5, 8]]))]
        [torch.Size([2, 3])]
        >>> pairs_of(clean, corrupted[:, :2], torch.tensor([[2, 7], [5, 8]]))
        Traceback (most recent call last):
        ValueError: lengths is (3, 2); legal: as many tokens in both texts of a pair. Replace ...
    """
    if isinstance(clean, Episodes) and isinstance(corrupted, Episodes):
        _check_number(len(clean), len(corrupted))
        found = list(_by_length(clean, corrupted))
    elif isinstance(clean, Episodes) or isinstance(corrupted, Episodes) or answers is None:
        came = tuple(type(given).__name__ for given in (clean, corrupted, answers))
        step = "Episodes know their answers; beside token ids give answers=[[right, corrupted], ...]."
        raise refusal("clean, corrupted and answers", came, legal="Episodes, or token ids", step=step)
    else:
        one, other, said = torch.as_tensor(clean), torch.as_tensor(corrupted), torch.as_tensor(answers)
        _check_number(len(one), len(other))
        _check_lengths(one.shape[-1], other.shape[-1])
        if said.shape != (len(one), 2):
            step = "Give the right and the corrupted answer of every pair."
            raise refusal("the shape of answers", tuple(said.shape), legal=f"({len(one)}, 2)", step=step)
        found = [Pairs(np.arange(len(one)), one.long(), other.long(), said.long(), {})]
    for pairs in found:
        _check_differences(pairs)
    return found


def others_of(pairs: Pairs) -> Int[Tensor, " pair"]:
    """Return, for each pair, the row of another one, the next whose right answer is neither of its own.

    What is patched in from that pair's clean text says nothing about this pair's answers.

    Args:
        pairs: of one length, three at least.

    Raises:
        ValueError: a pair has no such other.

    Example:
        >>> tokens = torch.arange(9).reshape(3, 3)
        >>> answers = torch.tensor([[1, 2], [2, 3], [3, 1]])
        >>> others_of(pairs_of(tokens, tokens + 1, answers)[0]).tolist()
        [2, 0, 1]
    """
    n, right = len(pairs.answers), pairs.answers[:, 0]
    rows = torch.arange(n, device=right.device)
    later = (rows[:, None] + rows) % n
    fits = (right[later][..., None] != pairs.answers[:, None]).all(-1)  # never with itself
    if not fits.any(1).all():
        came = f"{n} of {pairs.clean.shape[1]} tokens, with answers {sorted(set(right.tolist()))}"
        step = "Give more pairs, or controls=False."
        raise refusal("pairs", came, legal="three answers among those of each length", step=step)
    return later[rows, fits.int().argmax(1)]


def _by_length(clean: Episodes, corrupted: Episodes) -> Iterator[Pairs]:
    """Yield episodes that are alike in length, without their answers."""
    starts = clean.knobs["answer_start"].to_numpy()
    for name in ALIKE:
        for one, other in zip(clean.knobs[name], corrupted.knobs[name], strict=True):
            _check_lengths(int(one), int(other), what=name)
    for length in sorted(set(starts.tolist())):
        rows = np.flatnonzero(starts == length)
        one, other = torch.as_tensor(clean.tokens[rows]), torch.as_tensor(corrupted.tokens[rows])
        spans = _spans(clean, rows, length)
        pairs = Pairs(
            rows=rows,
            clean=one[:, :length],
            corrupted=other[:, :length],
            answers=torch.stack((one[:, length], other[:, length]), dim=1),
            spans=spans,
        )
        beside = ((pairs.clean != pairs.corrupted) & ~spans["value"]).sum(1)
        if beside.any():
            step = "with_other_values(episodes) makes pairs that differ in the value alone."
            raise refusal("tokens beside the value that differ", int(beside.max()), legal="0", step=step)
        yield pairs


def _spans(episodes: Episodes, rows: np.ndarray, length: int) -> dict[str, Tensor]:
    """Return where the parts of each text lie; every position belongs to one of them."""
    knobs, at = episodes.knobs.iloc[rows], np.arange(length)

    def within(start: str, stop: str) -> np.ndarray:
        return (at >= knobs[start].to_numpy()[:, None]) & (at < knobs[stop].to_numpy()[:, None])

    value = within("value_start", "value_stop")
    needle = within("needle_start", "needle_stop") & ~value
    query = within("query_start", "answer_start")
    masks = (needle, value, query, ~(needle | value | query))
    return {name: torch.as_tensor(mask) for name, mask in zip(SPANS, masks, strict=True)}


def _check_number(one: int, other: int) -> None:
    if one != other:
        step = "Each clean text needs its corrupted one."
        raise refusal("number of texts", (one, other), legal="the same", step=step)


def _check_lengths(one: int, other: int, *, what: str = "lengths") -> None:
    if one != other:
        step = "Replace a value by another of as many tokens."
        raise refusal(what, (one, other), legal="as many tokens in both texts of a pair", step=step)


def _check_differences(pairs: Pairs) -> None:
    """Refuse pairs that are no pairs, for their texts or their answers are the same."""
    same = (pairs.clean == pairs.corrupted).all(1) | (pairs.answers[:, 0] == pairs.answers[:, 1])
    if same.any():
        row = int(pairs.rows[int(same.int().argmax())])
        step = "with_other_values(episodes) makes pairs that do."
        raise refusal("pair", row, legal="texts and first answer tokens that differ", step=step)
