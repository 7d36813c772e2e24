"""What an explorer needs of whoever can run a model again: a Silencer, and the Silenced that it returns.

A model's own is `model.analysis.silencing.silencing(model)`; nothing here knows how a model is run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import xarray as xr

from data.refusal import refusal
from sisa_viz.look.text import visible
from sisa_viz.trace.axes import head_name
from sisa_viz.trace.check import check_trace

WHOLE_HEAD = "head"
MOST_CHARACTERS = 40  # of an answer in a line of facts


@dataclass(frozen=True)
class Reading:
    """Hold what a model says to a text.

    Args:
        said: what it answers by greedy decoding, as the labels of its tokens in a row.
        log_p: of the answer that is asked about, nats, summed over its tokens.
        loss: mean of the text's tokens after the first, nats; NaN where there is only one.
    """

    said: str
    log_p: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class Silenced:
    """Hold what became of a text when one term of one head was set to zero, and how it was before.

    Args:
        term: which was silenced, or "head" for all that the head gives on.
        layer, head: whose.
        asked: what `answer` is: "answer" where the text has one, else "next token".
        answer: the answer in the text, or what the unchanged model says after its last token.
        before, after: what the model says without and with the change.
        trace: of the same text with the change, on the axes of the trace that was on show.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> before, after = Reading("4821", -0.1, 2.31), Reading("4888", -7.3, 2.95)
        >>> Silenced(term="importance", layer=0, head=3, asked="answer", answer="4821", before=before,
        ...          after=after, trace=example_trace()).facts
        'without importance of L0H3: answer “4821” → “4888” · log p of “4821” −0.10 → −7.30 nats · ...'
    """

    term: str
    layer: int
    head: int
    asked: str
    answer: str
    before: Reading
    after: Reading
    trace: xr.Dataset = field(repr=False)

    @property
    def change(self) -> str:
        """Return what was silenced, such as "without importance of L0H3"."""
        of = "all" if self.term == WHOLE_HEAD else visible(self.term, spaces=False)
        return f"without {of} of {head_name(self.layer, self.head)}"

    @property
    def facts(self) -> str:
        """Return what changed, in one line."""
        before, after = self.before, self.after
        then = "as before" if after.said == before.said else f"→ {_quoted(after.said)}"
        facts = [
            f"{self.asked} {_quoted(before.said)} {then}",
            f"log p of {_quoted(self.answer)} {_number(before.log_p)} → {_number(after.log_p)} nats",
        ]
        if not np.isnan(before.loss):
            facts.append(f"loss {_number(before.loss)} → {_number(after.loss)} nats a token")
        if self.term == WHOLE_HEAD:
            facts.append("its own maps stay, for they only say where it would look")
        return f"{self.change}: {' · '.join(facts)}"


class Run(Protocol):
    """Describe a call that reads the text of a trace again, with one term of one head set to zero."""

    def __call__(self, trace: xr.Dataset, *, term: str, layer: int, head: int) -> Silenced:
        """Return what became of the text; `layer` and `head` are coordinates of the trace."""
        ...


@dataclass(frozen=True)
class Silencer:
    """Hold how a model is run again without one term of one head.

    Args:
        terms: given a trace, which terms of its heads can be silenced; "head" is a whole one.
        run: reads the text of a trace again without one of them. It may take its time, and may refuse.

    Example:
        >>> def run(trace, *, term, layer, head):
        ...     raise ValueError("this model is gone")
        >>> Silencer(lambda trace: ["content"], run).terms(None)
        ['content']
    """

    terms: Callable[[xr.Dataset], Sequence[str]]
    run: Run


def check_silenced(found: object, trace: xr.Dataset) -> Silenced:
    """Return what a Silencer found, once it is known to be comparable with the trace on show.

    Args:
        found: what its `run` returned.
        trace: what it was given.

    Raises:
        ValueError: this is no Silenced, or its trace has other layers, heads or positions.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> check_silenced("quiet", example_trace())
        Traceback (most recent call last):
        ValueError: what run returned is 'quiet'; legal: a Silenced. Make it of sisa_viz.explorer.silence.
    """
    if not isinstance(found, Silenced):
        step = "Make it of sisa_viz.explorer.silence."
        raise refusal("what run returned", found, legal="a Silenced", step=step)
    after = check_trace(found.trace)
    for axis in ("layer", "head", "position"):
        came, legal = after[axis].values.tolist(), trace[axis].values.tolist()
        if came != legal:
            step = "Read the same text again and select the same heads."
            raise refusal(f"{axis} of the new trace", came, legal=str(legal), step=step)
    return found


def _quoted(text: str) -> str:
    return f"“{visible(text, limit=MOST_CHARACTERS)}”"


def _number(value: float) -> str:
    """Write two decimals, with a true minus sign and no negative zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
