"""What a notebook shows: an anywidget that carries its data as bytes; an explorer's has a bar over it."""

from typing import Any
from uuid import uuid4

import anywidget
from traitlets import Any as AnyTrait
from traitlets import Bool, Bunch, Bytes, Dict, List, TraitError, TraitType, Unicode, link, validate

from sisa_viz.explorer.assets import module, style
from sisa_viz.explorer.pack import to_json
from sisa_viz.explorer.packed import Packed
from sisa_viz.explorer.state import NAMES, Bar, CheckedState, ExplorerState

REQUESTS = ("text", "term", "side")


class LinkedWidget(anywidget.AnyWidget):
    """Keep the values of a state, a description and data in step with the page.

    Args:
        state: what is shown; the link goes both ways.
        traits: the other values to start with.
    """

    _esm = module()
    _css = style()
    comm_id = Unicode().tag(sync=True)  # by which the page finds its own model
    meta = Unicode().tag(sync=True)
    data = Bytes().tag(sync=True)

    def __init__(self, state: CheckedState, **traits: Any) -> None:
        self._state = state  # before the values, each of which it checks
        comm_id = uuid4().hex
        shown = {name: getattr(state, name) for name in state.NAMES}
        super().__init__(model_id=comm_id, comm_id=comm_id, **traits, **shown)
        self._links = [link((state, name), (self, name)) for name in state.NAMES]

    def checked(self, proposal: Bunch) -> Any:
        """Return a value as the state would keep it.

        The link alone would not do: it hands a value to the state after the widget has taken it, and where
        the state refuses, the two differ from then on.
        """
        return self._state.checked(proposal["trait"].name, proposal["value"])

    def close(self) -> None:
        """Cut the link to the state and to the page."""
        for each in self._links:
            each.unlink()
        self._links = []
        super().close()


class ExplorerWidget(LinkedWidget):
    """Keep state, description and data of one explorer in step with the page.

    Args:
        state: what is shown; the link goes both ways.
        packed: the trace, or None before a text has been typed.
        bar: what the page offers to silence and how that went.
        text_mode: whether the page offers a field to type into.

    What is typed or clicked arrives as `request`: a text to capture, a term to silence, or the side, before
    or after that, to show.
    """

    text_mode = Bool(False).tag(sync=True)
    request = Dict().tag(sync=True)
    message = Unicode().tag(sync=True)
    terms = List(Unicode()).tag(sync=True)
    outcome = Unicode().tag(sync=True)
    side = Unicode().tag(sync=True)
    layer: TraitType[int, Any] = TraitType(0).tag(sync=True)
    head: TraitType[int, Any] = TraitType(0).tag(sync=True)
    lam_scale: TraitType[float, Any] = TraitType(1.0).tag(sync=True)
    query = AnyTrait(None, allow_none=True).tag(sync=True)
    window = AnyTrait(None, allow_none=True).tag(sync=True)

    def __init__(self, state: ExplorerState, packed: Packed | None, bar: Bar, *, text_mode: bool) -> None:
        super().__init__(state, text_mode=text_mode, **traits_of(packed), **bar)

    def show(self, packed: Packed, bar: Bar) -> None:
        """Replace the trace, data and description in one message, so that the page never mixes two."""
        with self.hold_sync():
            for name, value in {**traits_of(packed), **bar}.items():
                self.set_trait(name, value)

    @validate(*NAMES)
    def _check_shown(self, proposal: Bunch) -> Any:
        return self.checked(proposal)

    @validate("request")
    def _check_request(self, proposal: Bunch) -> dict[str, Any]:
        request = proposal["value"]
        if request and not any(isinstance(request.get(name), str) for name in REQUESTS):
            raise TraitError(f"request is {request!r}; legal: a string by one of {', '.join(REQUESTS)}")
        return request


def traits_of(packed: Packed | None) -> dict[str, str | bytes]:
    """Return the two traits that hold a trace, data first; empty where there is none yet.

    Args:
        packed: what the page receives.

    Example:
        >>> traits_of(None)
        {'data': b'', 'meta': ''}
    """
    if packed is None:
        return {"data": b"", "meta": ""}
    return {"data": b"".join(packed.blocks), "meta": to_json(packed.meta)}
