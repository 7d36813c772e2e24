"""What an explorer shows, as five observable values; Python and the browser set the same ones."""

from typing import Any

import xarray as xr
from traitlets import Any as AnyTrait
from traitlets import HasTraits, TraitError, validate

NAMES = ("layer", "head", "lam_scale", "query", "window")
LAM_MOST = 4.0


class ExplorerState(HasTraits):
    """layer, head: coordinates of the trace. lam_scale: 0 to 4, 1 the trained λ. query: a position or None.

    window: (query start, query stop, key start, key stop), half-open positions, or None for the whole map.
    Assign to set, `observe(callback, names=...)` to follow. TraitError names what came and what is legal.
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
        """Take over the legal values of `trace`; what it does not have goes back to the start."""
        self._legal = {name: trace[name].values.tolist() for name in ("layer", "head")}
        self._length = trace.sizes["position"]
        self.query = self.window = None
        for name, legal in self._legal.items():
            if getattr(self, name) not in legal:
                setattr(self, name, legal[0])

    def as_dict(self) -> dict[str, Any]:
        """The five values, JSON-ready."""
        return {name: getattr(self, name) for name in NAMES}

    def __repr__(self) -> str:
        return f"ExplorerState({', '.join(f'{name}={value!r}' for name, value in self.as_dict().items())})"

    @validate("layer", "head")
    def _check_place(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        if isinstance(value, bool) or value not in self._legal[name]:
            raise TraitError(f"{name} is {value!r}; legal: {', '.join(map(str, self._legal[name]))}")
        return int(value)

    @validate("lam_scale")
    def _check_lam_scale(self, proposal: Any) -> float:
        value = proposal["value"]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAM_MOST:
            raise TraitError(f"lam_scale is {value!r}; legal: 0 to {LAM_MOST:g} times the trained λ")
        return float(value)

    @validate("query")
    def _check_query(self, proposal: Any) -> int | None:
        value = proposal["value"]
        if value is not None and not (_whole(value) and -self._length <= value < self._length):
            raise TraitError(
                f"query is {value!r}; legal: None, or 0 to {self._length - 1} (−1 is the last position)"
            )
        return None if value is None else int(value) % self._length

    @validate("window")
    def _check_window(self, proposal: Any) -> list[int] | None:
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


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
