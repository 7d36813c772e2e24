"""A comparison in a notebook."""

from traitlets import Any as AnyTrait
from traitlets import Bunch, TraitType, validate

from sisa_viz.explorer.comparison_state import NAMES, ComparisonState
from sisa_viz.explorer.packed import ComparisonMeta, Packed
from sisa_viz.explorer.widget import LinkedWidget, traits_of


class ComparisonWidget(LinkedWidget):
    """Keep state, description and data of a comparison in step with the page.

    Args:
        state: what is shown; the link goes both ways.
        packed: the traces.
    """

    run_a: TraitType[str, object] = TraitType("").tag(sync=True)
    layer_a: TraitType[int, object] = TraitType(0).tag(sync=True)
    head_a: TraitType[int, object] = TraitType(0).tag(sync=True)
    lam_scale_a: TraitType[float, object] = TraitType(1.0).tag(sync=True)
    run_b: TraitType[str, object] = TraitType("").tag(sync=True)
    layer_b: TraitType[int, object] = TraitType(0).tag(sync=True)
    head_b: TraitType[int, object] = TraitType(0).tag(sync=True)
    lam_scale_b: TraitType[float, object] = TraitType(1.0).tag(sync=True)
    part: TraitType[str, object] = TraitType("").tag(sync=True)
    query = AnyTrait(None, allow_none=True).tag(sync=True)
    window = AnyTrait(None, allow_none=True).tag(sync=True)

    def __init__(self, state: ComparisonState, packed: Packed[ComparisonMeta]) -> None:
        super().__init__(state, **traits_of(packed))

    @validate(*NAMES)
    def _check_shown(self, proposal: Bunch) -> object:
        return self.checked(proposal)
