"""What an explorer shows, as five observable values; Python and the browser set the same ones."""

from typing import TypedDict

import xarray as xr
from traitlets import Any as AnyTrait
from traitlets import Bunch, HasTraits, TraitError, validate

NAMES = ("layer", "head", "lam_scale", "query", "window")
LAM_MOST = 4.0


class Shown(TypedDict):
    """Hold the five values of an explorer as JSON holds them; `ExplorerState` says what they mean."""

    layer: int
    head: int
    lam_scale: float
    query: int | None
    window: list[int] | None


class ExplorerState(HasTraits):
    """Hold what an explorer shows, and refuse what it cannot show.

    - layer, head: coordinates of the trace.
    - lam_scale: factor on λ from 0 to 4; 1 is the trained λ.
    - query: a position, −1 for the last one, or None while no row is chosen.
    - window: (query start, query stop, key start, key stop), half-open positions, or None for the whole map.

    Assign to a value to set it, and call `observe(callback, names=...)` to follow it, as in all traitlets.

    Args:
        trace: decides which values are legal; None allows the start alone.

    Raises:
        TraitError: an assigned value is not legal; the message names it and those that are.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer.state import ExplorerState
        >>> state = ExplorerState(example_trace())
        >>> state.query = -1
        >>> state
        ExplorerState(layer=0, head=0, lam_scale=1.0, query=7, window=None)
    """

    layer = AnyTrait()
    head = AnyTrait()
    lam_scale = AnyTrait(1.0)
    query = AnyTrait(None, allow_none=True)
    window = AnyTrait(None, allow_none=True)

    def __init__(self, trace: xr.Dataset | None = None) -> None:
        super().__init__()
        self._legal: dict[str, list[int]] = {"layer": [0], "head": [0]}
        self._length = 0
        self.layer = self.head = 0
        if trace is not None:
            self.fit(trace)

    def fit(self, trace: xr.Dataset) -> None:
        """Take over the legal values of a trace; what it does not have goes back to the start."""
        self._legal = {name: trace[name].values.tolist() for name in ("layer", "head")}
        self._length = trace.sizes["position"]
        self.query = self.window = None
        for name, legal in self._legal.items():
            if getattr(self, name) not in legal:
                setattr(self, name, legal[0])

    def as_dict(self) -> Shown:
        """Return the five values as JSON holds them."""
        return Shown(
            layer=self.layer,
            head=self.head,
            lam_scale=self.lam_scale,
            query=self.query,
            window=self.window,
        )

    def __repr__(self) -> str:
        return f"ExplorerState({', '.join(f'{name}={value!r}' for name, value in self.as_dict().items())})"

    @validate("layer", "head")
    def _check_place(self, proposal: Bunch) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        if isinstance(value, bool) or value not in self._legal[name]:
            raise TraitError(f"{name} is {value!r}; legal: {', '.join(map(str, self._legal[name]))}")
        return int(value)

    @validate("lam_scale")
    def _check_lam_scale(self, proposal: Bunch) -> float:
        value = proposal["value"]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAM_MOST:
            raise TraitError(f"lam_scale is {value!r}; legal: 0 to {LAM_MOST:g} times the trained λ")
        return float(value)

    @validate("query")
    def _check_query(self, proposal: Bunch) -> int | None:
        value = proposal["value"]
        if value is not None and not (_whole(value) and -self._length <= value < self._length):
            raise TraitError(
                f"query is {value!r}; legal: None, or 0 to {self._length - 1} (−1 is the last position)"
            )
        return None if value is None else int(value) % self._length

    @validate("window")
    def _check_window(self, proposal: Bunch) -> list[int] | None:
        value = proposal["value"]
        if value is None:
            return None
        edges = list(value) if isinstance(value, list | tuple) else []
        if (
            len(edges) != 4
            or not all(map(_whole, edges))
            or not all(map(self._inside, edges[::2], edges[1::2]))
        ):
            raise TraitError(
                f"window is {value!r}; legal: None, or (query start, query stop, key start, key stop) "
                f"with 0 <= start < stop <= {self._length}"
            )
        return [int(edge) for edge in edges]

    def _inside(self, start: int, stop: int) -> bool:
        return 0 <= start < stop <= self._length


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
