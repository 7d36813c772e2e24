"""Which of many variants are told apart: eight have a colour and a name, the others are grey together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from data.refusal import one_of
from data.results.variants import Variant
from sisa_viz.look.colours import architecture_colour, architecture_dash

MOST_NAMED = 8
MOST_LINES = 12  # runs that are drawn one by one; of more, the mean of each variant stands out
GREY = "#9a9a9a"
BASELINE = "transformer"


@dataclass(frozen=True)
class Named:
    """Hold which variants of a figure have a colour and a legend entry of their own.

    Attributes:
        names: Those that have, in the order of the legend.
        others: Those that share a grey and one legend entry; the hover box names them.

    Example:
        >>> few = Named(("transformer",), ("mine", "yours"))
        >>> few.colour("transformer"), few.colour("mine"), few.group("yours")
        ('#d55e00', '#9a9a9a', '2 others')
    """

    names: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def drawn(self) -> tuple[str, ...]:
        """Every variant in the order of drawing: what is grey lies behind."""
        return self.others + self.names

    def colour(self, variant: str) -> str:
        """Return the colour of a variant's lines."""
        return GREY if variant in self.others else architecture_colour(variant)

    def dash(self, variant: str) -> str:
        """Return plotly's dashes of a variant's lines; grey ones are solid."""
        return "solid" if variant in self.others else architecture_dash(variant)

    def group(self, variant: str) -> str:
        """Return the words of a variant's legend entry: its own name, or how many share the grey."""
        if variant not in self.others:
            return variant
        return "1 other" if len(self.others) == 1 else f"{len(self.others)} others"


def choose_named(runs: Mapping[str, int], named: Sequence[str] | None = None) -> Named:
    """Choose the variants of a figure that are told apart: all of up to eight, else those with most runs.

    Of more than eight the transformer comes first, for the others are compared with it; of as many runs, what
    differs from an architecture by a remark comes last.

    Args:
        runs: How many runs each variant has, in the order of the legend.
        named: The variants that shall be told apart, whatever their number.

    Raises:
        ValueError: For a name that no variant has.

    Example:
        >>> runs = {f"mine {at}": at for at in range(9)} | {"transformer": 1}
        >>> choose_named(runs).others, choose_named(runs, ["mine 0"]).names
        (('mine 0', 'mine 1'), ('mine 0',))
    """
    for name in named or ():
        one_of("named", name, list(runs))
    wanted = list(runs) if named is None else named
    if named is None and len(runs) > MOST_NAMED:
        wanted = sorted(runs, key=lambda name: (name != BASELINE, -runs[name], _remarkable(name)))[
            :MOST_NAMED
        ]
    names = tuple(name for name in runs if name in wanted)
    return Named(names, tuple(name for name in runs if name not in wanted))


def _remarkable(name: str) -> bool:
    return Variant.from_label(name).is_remarkable


def preset_words(table: pd.DataFrame) -> str:
    """Return which size of models a table of runs holds, "" where it does not tell or holds several.

    Args:
        table: Runs or heads, perhaps with the column preset.

    Example:
        >>> preset_words(pd.DataFrame({"preset": ["small", "small"]})), preset_words(pd.DataFrame())
        ('preset small', '')
    """
    presets = list(table["preset"].unique()) if "preset" in table else []
    return f"preset {presets[0]}" if len(presets) == 1 else ""


def line_words(runs: int) -> str:
    """Say what a line of a figure stands for.

    Args:
        runs: How many there are.

    Example:
        >>> line_words(2), line_words(55)
        ('2 runs, one line each', 'thick: mean over the runs of a variant, thin: 55 runs')
    """
    if runs > MOST_LINES:
        return f"thick: mean over the runs of a variant, thin: {runs} runs"
    return f"{runs} runs, one line each" if runs > 1 else "1 run, one line each"


def runs_of(table: pd.DataFrame, *, by: str, run: str) -> dict[str, int]:
    """Return how many runs each variant of a table has, in its order.

    Args:
        table: Rows of runs.
        by: The column of variants.
        run: The column that tells runs of a variant apart.

    Example:
        >>> runs_of(pd.DataFrame({"variant": ["b", "b", "a"], "seed": [0, 1, 0]}), by="variant", run="seed")
        {'b': 2, 'a': 1}
    """
    return {str(name): len(set(rows[run])) for name, rows in table.groupby(by, sort=False)}
