"""What the page receives of a trace: a description, which becomes JSON, and the bytes of every head."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypedDict, TypeVar


class HeadInfo(TypedDict):
    """Describe one head: λ, half-life in tokens (None: it never decays), clamped positions, encoding."""

    lam: float
    half_life: float | None
    clamped: int
    encoding: str


class Colours(TypedDict):
    """Hold the hexadecimal colours of the page: two ramps, and one colour for each of three spans."""

    signed: Sequence[str]
    pattern: Sequence[str]
    spans: Sequence[str]


class Meta(TypedDict):
    """Describe a trace to the page, which reads these names (js/view)."""

    schema: str
    title: str
    n: int
    d_head: int
    d_state: int
    layers: list[int]
    heads: list[int]
    info: list[HeadInfo]
    weighing: dict[str, str | float]
    terms: dict[str, str] | None  # None in a state space, whose one panel has no terms
    tokens: list[str]
    spans: dict[str, tuple[int, int]]
    needle_query: int
    colours: Colours
    rounding: float  # nats, the largest of all heads


class RunMeta(TypedDict):
    """Describe one run of a comparison: its name, its trace without the tokens, and the size of its data."""

    name: str
    meta: Meta
    bytes: int


class ComparisonMeta(TypedDict):
    """Describe a comparison to the page (js/maths/runs.js); the runs have the tokens in common."""

    schema: str
    title: str
    n: int
    tokens: list[str]
    spans: dict[str, tuple[int, int]]
    parts: list[str]
    colours: Colours
    runs: list[RunMeta]


Description = TypeVar("Description", Meta, ComparisonMeta)


@dataclass(frozen=True)
class Packed(Generic[Description]):
    """Hold a trace, or those of a comparison, as the page receives it.

    Args:
        meta: what describes it, as JSON holds it.
        blocks: the bytes of every head, layer by layer; of a comparison, run by run.
    """

    meta: Description
    blocks: list[bytes]


@dataclass(frozen=True)
class Still:
    """Hold what stands in where scripts are off: a picture, and what it shows in words.

    Args:
        png: the bytes of a picture.
        words: such as "content and weights of L0H3".
    """

    png: bytes
    words: str
