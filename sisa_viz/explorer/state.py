"""What an explorer shows, as five observable values; Python and the browser set the same ones."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypedDict

import numpy as np
import xarray as xr
from traitlets import Any as AnyTrait
from traitlets import Bunch, HasTraits, TraitError, TraitType, validate

from data.refusal import brief
from sisa_viz.trace.check import check_span, check_trace
from sisa_viz.trace.numbers import check_coordinate, check_position, finite_number

NAMES = ("layer", "head", "lam_scale", "query", "window")
LAM_MOST = 4.0


class Bar(TypedDict):
    """Hold what the bar over an explorer shows that can run a model again."""

    terms: list[str]  # that can be silenced; none: there is no bar
    side: str  # on show: "before" or "after", or "" before the first silencing
    outcome: str  # how the last silencing went


class CheckedState(HasTraits):
    """Hold observable values, each of which a method `_checked_NAME` returns as it is kept, or refuses.

    Example:
        >>> class Volume(CheckedState):
        ...     NAMES = ("level",)
        ...     level = TraitType(0)
        ...     def _checked_level(self, value):
        ...         return int(value)
        >>> Volume().checked("level", "3")
        3
    """

    NAMES: ClassVar[tuple[str, ...]]

    def take(self, values: Mapping[str, object]) -> None:
        """Set several of the values; the others stay.

        Args:
            values: by name; None leaves a value as it is.

        Raises:
            TraitError: a name or a value is not legal; the message names those that are.
        """
        names = self.NAMES
        if not isinstance(values, Mapping):
            raise TraitError(f"state is {brief(values)}; legal: a dict with some of {', '.join(names)}")
        for name in values:
            if name not in names:
                raise TraitError(f"state has {brief(name)}; legal: {', '.join(names)}")
        for name in names:
            if values.get(name) is not None:
                setattr(self, name, values[name])

    def as_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON holds them."""
        return {name: getattr(self, name) for name in self.NAMES}

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.as_dict().items())
        return f"{type(self).__name__}({values})"

    def checked(self, name: str, value: object) -> Any:
        """Return a value as the state would keep it, in plain numbers; nothing is changed.

        Numbers of numpy come back as Python's own, a query counted from the end as a position.

        Args:
            name: one of `NAMES`, such as "query".
            value: what somebody wants to set it to.

        Raises:
            TraitError: it is not legal; the message names the legal values.

        Example:
            >>> import numpy as np
            >>> from sisa_viz.examples import example_trace
            >>> ExplorerState(example_trace()).checked("query", np.int64(-1))
            7
        """
        try:
            return self._checked(name, value)
        except ValueError as error:
            raise TraitError(str(error)) from error

    def _checked(self, name: str, value: object) -> Any:
        return getattr(self, f"_checked_{name}")(value)


class ExplorerState(CheckedState):
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

    NAMES = NAMES
    layer: TraitType[int, Any] = TraitType(0)  # AnyTrait would let None pass without asking `_check`
    head: TraitType[int, Any] = TraitType(0)
    lam_scale: TraitType[float, Any] = TraitType(1.0)
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
        check_trace(trace)
        self._legal = {name: trace[name].values.tolist() for name in ("layer", "head")}
        self._length = trace.sizes["position"]
        self.query = self.window = None
        for name, legal in self._legal.items():
            if getattr(self, name) not in legal:
                setattr(self, name, legal[0])

    @validate(*NAMES)
    def _check(self, proposal: Bunch) -> Any:
        return self.checked(proposal["trait"].name, proposal["value"])

    def _checked_layer(self, value: object) -> int:
        return check_coordinate("layer", value, self._legal["layer"])

    def _checked_head(self, value: object) -> int:
        return check_coordinate("head", value, self._legal["head"])

    def _checked_lam_scale(self, value: object) -> float:
        number = finite_number(value)
        if number is None or not 0 <= number <= LAM_MOST:
            raise ValueError(f"lam_scale is {brief(value)}; legal: 0 to {LAM_MOST:g} times the trained λ")
        return number

    def _checked_query(self, value: object) -> int | None:
        if value is None:
            return None
        try:
            return check_position(value, self._length)
        except ValueError as error:
            last = "(−1 is the last position)"
            raise ValueError(
                f"query is {brief(value)}; legal: None, or 0 to {self._length - 1} {last}"
            ) from error

    def _checked_window(self, value: object) -> list[int] | None:
        if value is None:
            return None
        listed = isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim == 1)
        edges = list(value) if listed else []  # pyright: ignore[reportArgumentType] (it is one of the two)
        try:
            rows, columns = edges[:2], edges[2:]
            return [*check_span(rows, self._length), *check_span(columns, self._length)]
        except ValueError as error:
            raise ValueError(
                f"window is {brief(value)}; legal: None, or (query start, query stop, key start, key stop) "
                f"with 0 <= start < stop <= {self._length}"
            ) from error
