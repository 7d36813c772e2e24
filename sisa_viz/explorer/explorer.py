"""ScoreExplorer: the scores of a trace taken apart on screen, in a notebook or as one offline page.

The page receives factors, not matrices, and multiplies what is on screen itself, in a Web Worker:

    content_ij    = q_i·k_j / sqrt(d_head)
    importance_ij = λ · exp(ĝ_i − ĝ_j) · c_rot_i·b_rot_j
    pattern_ij    = softmax_j(content_ij + lam_scale · importance_ij)          j ≤ i
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import xarray as xr
from traitlets import Bunch

from data.files import write_aside
from data.refusal import file_path, refusal
from data.results.tables import check_choice
from sisa_viz.explorer.pack import PRECISIONS, pack
from sisa_viz.explorer.packed import Packed
from sisa_viz.explorer.page import assets, fragment, page
from sisa_viz.explorer.state import ExplorerState
from sisa_viz.explorer.still import still
from sisa_viz.look.text import check_text
from sisa_viz.trace.store import keep_source

if TYPE_CHECKING:
    from sisa_viz.explorer.widget import ExplorerWidget

__all__ = ["ScoreExplorer"]


class ScoreExplorer:
    """Show the score of any head in four linked panels: content, λ × importance, sum and softmax.

    Attention alone has two, content and softmax; a state space has one. `.figure` is the widget, which a
    notebook displays, `.state` is what it shows, and `.to_html(path)` writes a page that needs neither kernel
    nor network.

    Args:
        trace: what `model.capture` or `sisa_viz.open_trace` returns.
        model: text mode, in JupyterLab: text typed over the panels is captured and shown. A SISAModel with a
            tokenizer, or a function from a text to its trace, such as `partial(capture, model)` for a
            TransformerLens model.
        layer, head: coordinates to start with; the first ones if left out.
        title: the heading.
        precision: "float32", "fixed16" (half the size), or "auto": float32 while all heads fit in 6 MB.

    Raises:
        ValueError: neither a trace nor a model is given, the model cannot read a text, or this is no trace.
        TypeError: what is given as a trace is no Dataset.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer import ScoreExplorer
        >>> explorer = ScoreExplorer(example_trace(), layer=1)
        >>> explorer.state.lam_scale = 0  # what content alone would attend to
        >>> explorer.state
        ExplorerState(layer=1, head=0, lam_scale=0.0, query=None, window=None)
    """

    def __init__(
        self,
        trace: xr.Dataset | None = None,
        *,
        model: Any = None,
        layer: int | None = None,
        head: int | None = None,
        title: str = "Score explorer",
        precision: str = "auto",
    ) -> None:
        if trace is None and model is None:
            raise ValueError(
                "ScoreExplorer got neither a trace nor a model; pass a trace, or model= to type text"
            )
        if model is not None:
            _check_reads(model)
        self._trace, self._model = trace, model
        check_choice("precision", precision, PRECISIONS)
        self._title, self._precision = check_text("title", title), precision
        self._packed = None if trace is None else pack(trace, title=title, precision=precision)
        self._widget: ExplorerWidget | None = None
        self._closed = False
        self.state = ExplorerState(trace)
        for name, value in (("layer", layer), ("head", head)):
            if value is not None:
                setattr(self.state, name, value)

    @property
    def figure(self) -> "ExplorerWidget":
        """Return the anywidget to display, made at first use and the same until somebody closes it.

        Raises:
            RuntimeError: the explorer is closed.
        """
        self._need_open()
        if self._widget is None or self._widget.comm is None:  # somebody has closed the widget alone
            from sisa_viz.explorer.widget import ExplorerWidget

            self._widget = ExplorerWidget(self.state, self._packed, text_mode=self._model is not None)
            self._widget.observe(self._typed, names="request")
        return self._widget

    @property
    def trace(self) -> xr.Dataset:
        """Return the trace on show; in text mode that of the last typed text.

        Raises:
            ValueError: no text has been captured yet.
            RuntimeError: the explorer is closed.
        """
        self._need_open()
        if self._trace is None:
            raise ValueError(
                "nothing has been captured yet; type a text in the widget or call show_text(text)"
            )
        return self._trace

    def show_text(self, text: str) -> None:
        """Capture a text with the model, and show it; where the text is refused, the last one stays.

        Args:
            text: what the model reads.

        Raises:
            ValueError: there is no model, or it refuses the text.
            RuntimeError: the explorer is closed.
        """
        self._need_open()
        if self._model is None:
            raise ValueError(
                "this explorer shows a trace and has no model; use ScoreExplorer(model=...) to type text"
            )
        if not isinstance(text, str):
            step = "ScoreExplorer(model.capture(ids)) shows token ids."
            raise refusal("text", text, legal="a string", step=step)
        read = getattr(self._model, "capture", self._model)  # a function is its own way to read
        trace = read(text)
        self._need_open()  # Jupyter answers widgets in a thread of their own: it may be closed by now
        packed = pack(trace, title=self._title, precision=self._precision)
        self._trace, self._packed = trace, packed
        self.state.fit(trace)
        if self._widget is not None:
            self._widget.show(packed)

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that opens from a file, offline, and return its path.

        Args:
            path: the file; an older one is replaced once the new one is whole.

        Raises:
            ValueError: no text has been captured yet, or the trace was opened from this very file.
            RuntimeError: the explorer is closed.
        """
        target = file_path("path", path)
        self._report_keeps_(target)
        text = page(self._need_packed(), self.state.as_dict(), still=self._still())
        with write_aside(target) as aside:
            aside.write_text(text, encoding="utf-8")
        return target

    def close(self) -> None:
        """Take the widget off its pages and let go of the data. Closing twice does nothing."""
        if self._widget is not None:
            self._widget.close()
        self._widget = self._packed = self._trace = self._model = None
        self._closed = True

    def _repr_mimebundle_(self, **options: Any) -> object:
        return self.figure._repr_mimebundle_(**options)

    def _report_html_(self) -> str:
        """Write this explorer with its own data, to stand in a page that has `_report_assets_` once."""
        name = f"x{uuid4().hex[:8]}"
        return fragment(self._need_packed(), self.state.as_dict(), name=name, still=self._still())

    def _report_assets_(self) -> str:
        """Write style and module, needed once a page, before the explorers."""
        self._need_open()
        return assets()

    def _report_keeps_(self, path: str | os.PathLike[str]) -> None:
        """Refuse a page over the file of the trace on show, and a page of a closed explorer."""
        self._need_open()
        if self._trace is not None:
            keep_source(self._trace, path)

    def _typed(self, change: Bunch) -> None:
        """Capture what was typed into the widget, and say there how it went."""
        widget = self.figure
        widget.message = "capturing …"
        try:
            self.show_text(change["new"]["text"])
        except Exception as error:  # an exception in a widget's callback would reach nobody
            widget.message = f"{type(error).__name__}: {error}"
        else:
            widget.message = f"{self.trace.sizes['position']} tokens"

    def _still(self) -> bytes:
        return still(self.trace.sisa.factors(layer=self.state.layer, head=self.state.head))

    def _need_open(self) -> None:
        if self._closed:
            raise RuntimeError("this explorer is closed; make a new ScoreExplorer(trace)")

    def _need_packed(self) -> Packed:
        self._need_open()
        if self._packed is None:
            raise ValueError(
                "nothing has been captured yet; type a text in the widget or call show_text(text)"
            )
        return self._packed


def _check_reads(model: Any) -> None:
    """Refuse what cannot make a trace of a typed text."""
    if hasattr(model, "run_with_cache") and not hasattr(model, "capture"):  # callable, but for logits
        step = "For a model of TransformerLens write model=partial(capture, model)."
        raise refusal("model", model, legal="what makes a trace of a text", step=step)
    is_function = callable(model) and not hasattr(model, "capture")
    if not is_function and getattr(model, "tokenizer", None) is None:
        raise ValueError(
            "the model has no tokenizer, so it cannot read text; set model.tokenizer, or pass a trace"
        )
