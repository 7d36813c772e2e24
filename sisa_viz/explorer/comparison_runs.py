"""What `compare` was given, as named traces of one text, and what these have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from data.refusal import refusal
from sisa_viz.explorer.explorer import ScoreExplorer
from sisa_viz.explorer.silence import Silenced
from sisa_viz.look.text import check_text
from sisa_viz.trace.check import check_trace

PARTS = ("content", "importance", "scores", "pattern")
ORDINALS = ("first", "second")


@dataclass(frozen=True)
class Runs:
    """Hold what two sides choose from.

    Args:
        traces: of one text, by name, in the order of a slider.
        start: the names that the two sides begin with.
        shown: what explorers that were given show, by side: "a" and "b".

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> trace = example_trace()
        >>> runs_of(trace, trace).start
        ('trace', 'trace')
    """

    traces: dict[str, xr.Dataset]
    start: tuple[str, str]
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)


def runs_of(a: object, b: object) -> Runs:
    """Return what was given as named traces of one text.

    Args:
        a: a trace, a ScoreExplorer or a Silenced; without `b`, a mapping of at least two of them by name.
        b: the other one, or None.

    Raises:
        TypeError: what is given as a trace is no Dataset.
        ValueError: there is nothing to compare with, or the tokens differ; says where.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> runs = {f"step {step}": example_trace() for step in (0, 100, 200)}
        >>> runs_of(runs, None).start
        ('step 0', 'step 200')
    """
    if isinstance(a, Mapping) and not isinstance(a, xr.Dataset):
        return _named(a, b)
    if b is None:
        step = "Pass the other one as b; the same trace twice compares two of its heads, or two λ."
        raise refusal("b", b, legal="a trace, a ScoreExplorer or a Silenced", step=step)
    traces = [_trace_of(each) for each in (a, b)]
    sides = {"a": a, "b": b}
    shown = {side: each.state.as_dict() for side, each in sides.items() if isinstance(each, ScoreExplorer)}
    if traces[0] is traces[1]:
        name = _name(a) or "trace"
        return Runs({name: traces[0]}, (name, name), shown)
    names = [_name(each) for each in (a, b)]
    first, second = names if all(names) and names[0] != names[1] else _numbered(names)
    _check_tokens({first: traces[0], second: traces[1]})
    return Runs({first: traces[0], second: traces[1]}, (first, second), shown)


def parts_in_common(traces: Mapping[str, xr.Dataset]) -> list[str]:
    """Return which parts of a score all traces have, so that they can be compared.

    The score of attention alone is its content. Weights compare where they come about in one way: a
    probability and a signed mixing weight have no difference.

    Args:
        traces: by name.

    Raises:
        ValueError: there is none.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> parts_in_common({"SISA": example_trace(), "transformer": example_trace(d_state=0)})
        ['content', 'scores', 'pattern']
    """
    accesses = [trace.sisa for trace in traces.values()]
    lacking: set[str] = set()
    if any(access.is_state_space for access in accesses):
        lacking |= {"content", "importance", "scores"}
    if any(access.is_plain for access in accesses):
        lacking |= {"importance"}
    if all(access.is_plain for access in accesses):
        lacking |= {"scores"}  # the content again
    kinds = {name: trace.sisa.weighing.score for name, trace in traces.items()}
    if len(set(kinds.values())) > 1:
        lacking |= {"pattern"}
    parts = [part for part in PARTS if part not in lacking]
    if not parts:
        step = "Compare models whose mixers have a term in common."
        raise refusal("weights", kinds, legal="one kind, or scores of attention", step=step)
    return parts


def _named(runs: Mapping[object, object], b: object) -> Runs:
    if b is not None:
        raise refusal("b", b, legal="None beside a mapping", step="Put it into the mapping, under a name.")
    if len(runs) < 2:
        step = "Name two traces or more."
        raise refusal("a", list(runs), legal="at least two traces by name", step=step)
    traces = {check_text("name of a run", name): _trace_of(each) for name, each in runs.items()}
    _check_tokens(traces)
    names = list(traces)
    return Runs(traces, (names[0], names[-1]))


def _trace_of(given: object) -> xr.Dataset:
    if isinstance(given, ScoreExplorer):
        return given.trace
    trace: Any = given.trace if isinstance(given, Silenced) else given
    return check_trace(trace)


def _name(given: object) -> str:
    """Return what a trace is called by itself: by its change, or by its file; "" where it has neither."""
    if isinstance(given, Silenced):
        return given.change
    source = _trace_of(given).encoding.get("source")
    return "" if source is None else Path(str(source)).stem


def _numbered(names: list[str]) -> list[str]:
    """Tell two apart that have one name, or of which one has none."""
    same = names[0] == names[1]
    return [
        f"{ordinal} {name}" if same and name else name or ordinal
        for ordinal, name in zip(ORDINALS, names, strict=True)
    ]


def _check_tokens(traces: Mapping[str, xr.Dataset]) -> None:
    """Refuse traces of two texts; the message names the first position that differs."""
    (first, trace), *others = traces.items()
    tokens = trace["token"].values
    for name, other in others:
        against = other["token"].values
        common = min(len(tokens), len(against))
        differs = np.flatnonzero(tokens[:common] != against[:common])
        if len(tokens) == len(against) and not len(differs):
            continue
        at = int(differs[0]) if len(differs) else common
        found = {
            run: str(values[at]) if at < len(values) else None
            for run, values in ((first, tokens), (name, against))
        }
        step = "Capture both from one text, with one tokenizer."
        raise refusal(f"token at position {at}", found, legal="the same in all traces", step=step)
