"""The explorer in a notebook: one anywidget that carries its data as bytes."""

from uuid import uuid4

import anywidget
from traitlets import Any, Bool, Bytes, Dict, Unicode, link

from sisa_viz.explorer.assets import module, style
from sisa_viz.explorer.pack import Packed, to_json
from sisa_viz.explorer.state import NAMES, ExplorerState


class ExplorerWidget(anywidget.AnyWidget):
    """State, description and data of one explorer, in step with the page."""

    _esm = module()
    _css = style()
    comm_id = Unicode().tag(sync=True)  # by which the page finds its own model
    meta = Unicode().tag(sync=True)
    data = Bytes().tag(sync=True)
    text_mode = Bool(False).tag(sync=True)
    request = Dict().tag(sync=True)
    message = Unicode().tag(sync=True)
    layer = Any().tag(sync=True)
    head = Any().tag(sync=True)
    lam_scale = Any(1.0).tag(sync=True)
    query = Any(None, allow_none=True).tag(sync=True)
    window = Any(None, allow_none=True).tag(sync=True)

    def __init__(self, state: ExplorerState, packed: Packed | None, *, text_mode: bool) -> None:
        comm_id = uuid4().hex
        shown = {"comm_id": comm_id, "text_mode": text_mode, **content_of(packed), **state.as_dict()}
        super().__init__(model_id=comm_id, **shown)
        self._links = [link((state, name), (self, name)) for name in NAMES]

    def show(self, packed: Packed) -> None:
        """Replace the trace in one message."""
        with self.hold_sync():
            self.set_trait("data", content_of(packed)["data"])
            self.set_trait("meta", content_of(packed)["meta"])

    def close(self) -> None:
        """Cut the link to the state and to the page."""
        for each in self._links:
            each.unlink()
        self._links = []
        super().close()


def content_of(packed: Packed | None) -> dict[str, str | bytes]:
    """The two traits that hold a trace; empty where there is none yet."""
    if packed is None:
        return {"meta": "", "data": b""}
    return {"meta": to_json(packed.meta), "data": b"".join(packed.blocks)}
