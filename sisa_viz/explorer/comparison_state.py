"""What a comparison shows, as eleven observable values; Python and the browser set the same ones."""

from collections.abc import Mapping, Sequence

import xarray as xr
from traitlets import Any as AnyTrait
from traitlets import Bunch, TraitError, TraitType, observe, validate

from data.refusal import one_of
from sisa_viz.explorer.state import CheckedState, ExplorerState

SIDES = ("a", "b")
NAMES = (
    *(f"{name}_{side}" for side in SIDES for name in ("run", "layer", "head", "lam_scale")),
    "part",
    "query",
    "window",
)


class ComparisonState(CheckedState):
    """Hold what a comparison shows, and refuse what it cannot show.

    - run_a, run_b: names of the traces on the two sides.
    - layer_a, head_a, layer_b, head_b: coordinates of these traces; another run keeps them where it has them.
    - lam_scale_a, lam_scale_b: factors on λ from 0 to 4; 1 is the trained λ.
    - part: "content", "importance", "scores" or "pattern", of both.
    - query, window: of both, as in `ExplorerState`.

    Args:
        traces: of one text, by name.
        parts: those of a score that all of them have.

    Raises:
        TraitError: an assigned value is not legal; the message names it and those that are.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> state = ComparisonState({"trace": example_trace()}, ["content", "pattern"])
        >>> state.head_b, state.query = 1, -1
        >>> state.part, state.head_a, state.head_b, state.query
        ('pattern', 0, 1, 7)
    """

    NAMES = NAMES
    run_a: TraitType[str, object] = TraitType("")
    layer_a: TraitType[int, object] = TraitType(0)
    head_a: TraitType[int, object] = TraitType(0)
    lam_scale_a: TraitType[float, object] = TraitType(1.0)
    run_b: TraitType[str, object] = TraitType("")
    layer_b: TraitType[int, object] = TraitType(0)
    head_b: TraitType[int, object] = TraitType(0)
    lam_scale_b: TraitType[float, object] = TraitType(1.0)
    part: TraitType[str, object] = TraitType("")
    query = AnyTrait(None, allow_none=True)
    window = AnyTrait(None, allow_none=True)

    def __init__(self, traces: Mapping[str, xr.Dataset], parts: Sequence[str]) -> None:
        super().__init__()
        self._traces, self._parts = dict(traces), list(parts)
        self._legal = {name: ExplorerState(trace) for name, trace in traces.items()}
        names = list(traces)
        self.run_a, self.run_b, self.part = names[0], names[-1], self._parts[-1]

    @validate(*NAMES)
    def _check(self, proposal: Bunch) -> object:
        return self.checked(proposal["trait"].name, proposal["value"])

    @observe("run_a", "run_b")
    def _fit(self, change: Bunch) -> None:
        """Give a side that has another run a layer and a head of that one, the first where it lacks them."""
        trace, side = self._traces[change["new"]], change["name"][-1]
        for axis in ("layer", "head"):
            legal = trace[axis].values.tolist()
            if getattr(self, f"{axis}_{side}") not in legal:
                setattr(self, f"{axis}_{side}", legal[0])

    def _checked(self, name: str, value: object) -> object:
        stem, _, side = name.rpartition("_")
        if stem == "run":
            one_of(name, value, list(self._legal))
            return value
        if name == "part":
            one_of(name, value, self._parts)
            return value
        run = self._legal[getattr(self, f"run_{side}") if side in SIDES else self.run_a]
        if side not in SIDES:
            return run.checked(name, value)
        try:
            return run.checked(stem, value)
        except TraitError as error:
            raise TraitError(str(error).replace(stem, name, 1)) from error
