"""ScoreExplorer: the scores of a trace taken apart on screen, in a notebook or as one offline page.

The page receives factors, not matrices, and multiplies what is on screen itself, in a Web Worker:

    content_ij    = q_i·k_j / sqrt(d_head)
    importance_ij = λ · exp(ĝ_i − ĝ_j) · c_rot_i·b_rot_j
    pattern_ij    = softmax_j(content_ij + lam_scale · importance_ij)          j ≤ i
"""

from collections.abc import Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any

import xarray as xr
from traitlets import Bunch

from data.refusal import refusal
from data.results.tables import check_choice
from sisa_viz.explorer.kept import Kept
from sisa_viz.explorer.pack import PRECISIONS, pack
from sisa_viz.explorer.packed import Meta, Packed, Still
from sisa_viz.explorer.paged import Paged
from sisa_viz.explorer.reader import check_reader, trace_of
from sisa_viz.explorer.silence import Silenced, Silencer, check_silenced
from sisa_viz.explorer.state import Bar, ExplorerState
from sisa_viz.explorer.still import still
from sisa_viz.look.text import check_text
from sisa_viz.trace.axes import head_name
from sisa_viz.trace.needles import opening

if TYPE_CHECKING:
    from sisa_viz.explorer.widget import ExplorerWidget

__all__ = ["ScoreExplorer"]


class ScoreExplorer(Kept, Paged):
    """Show the score of any head in four linked panels: content, λ × importance, sum and softmax.

    Attention alone has two, content and softmax; a state space has one. Under them stands the text itself,
    shaded by what one token sees. `.figure` is the widget, which a notebook displays, `.state` is what it
    shows, and `.to_html(path)` writes a page that needs neither kernel nor network.

    Args:
        trace: what `model.capture` or `sisa_viz.open_trace` returns.
        model: text mode, in JupyterLab: text typed over the panels is captured and shown. A SISAModel with a
            tokenizer, or a function from a text to its trace, such as `partial(capture, model)` for a
            TransformerLens model.
        silence: runs a model again without one term of the head on show: `silencing(model)` of
            model.analysis.silencing. The widget then has a bar for it, and `.silence(term)` does the same.
        layer, head: coordinates to start with, the first ones where one of the two is left out. Without both,
            a trace with a needle opens at the head that finds it, and at the query that answers.
        state: what to start with of layer, head, lam_scale, query and window, as `.as_python()` writes it.
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
        silence: Silencer | None = None,
        layer: int | None = None,
        head: int | None = None,
        state: Mapping[str, Any] | None = None,
        title: str = "Score explorer",
        precision: str = "auto",
    ) -> None:
        if trace is None and model is None:
            raise ValueError(
                "ScoreExplorer got neither a trace nor a model; pass a trace, or model= to type text"
            )
        if model is not None:
            check_reader(model)
        if not (silence is None or isinstance(silence, Silencer)):
            step = "silencing(model) of model.analysis.silencing makes one."
            raise refusal("silence", silence, legal="a Silencer, or None", step=step)
        self._trace, self._model, self._silencer = trace, model, silence
        check_choice("precision", precision, PRECISIONS)
        self._title, self._precision = check_text("title", title), precision
        self._packed = None if trace is None else pack(trace, title=title, precision=precision)
        self._widget: ExplorerWidget | None = None
        self._sides: dict[str, tuple[xr.Dataset, Packed[Meta]]] = {}  # before and after the last silencing
        self._bar = Bar(terms=self._terms(), side="", outcome="")
        self._turn = RLock()  # Jupyter answers widgets in a thread of their own, beside that of the cells
        self._closed = False
        self.state = ExplorerState(trace)
        if trace is not None and state is layer is head is None:
            state = opening(trace)
        self.state.take({} if state is None else state)
        self.state.take({"layer": layer, "head": head})

    @property
    def figure(self) -> "ExplorerWidget":
        """Return the anywidget to display, made at first use and the same until somebody closes it.

        Raises:
            RuntimeError: the explorer is closed.
        """
        self._need_open()
        if self._widget is None or self._widget.comm is None:  # somebody has closed the widget alone
            from sisa_viz.explorer.widget import ExplorerWidget

            self._widget = ExplorerWidget(
                self.state, self._packed, self._bar, text_mode=self._model is not None
            )
            self._widget.observe(self._requested, names="request")
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
        with self._turn:
            trace = trace_of(self._model, text)
            self._need_open()  # it may be closed by now
            packed = pack(trace, title=self._title, precision=self._precision)
            self._trace, self._packed, self._sides = trace, packed, {}
            self._bar = Bar(terms=self._terms(), side="", outcome="")
            self.state.fit(trace)
            if self._widget is not None:
                self._widget.show(packed, self._bar)

    def silence(self, term: str) -> Silenced:
        """Set one term of the head on show to zero, run the model again, and show what it then computes.

        Layer, head, λ, query and window stay. The run before is that without any silencing, also where one
        is made after another; `show` goes back and forth between the two.

        Args:
            term: such as "content" or "importance"; "head" is all that the head gives on.

        Returns:
            What the model says before and after, in one line as `.facts`, and the new trace.

        Raises:
            ValueError: nothing can be run again, or the head has no such term.
            RuntimeError: the explorer is closed.
        """
        self._need_open()
        if self._silencer is None:
            raise ValueError(
                "this explorer has no model to run again; use ScoreExplorer(trace, silence=silencing(model)) "
                "with silencing of model.analysis.silencing"
            )
        with self._turn:
            trace, packed = self._sides.get("before") or (self.trace, self._need_packed())
            found = self._silencer.run(trace, term=term, layer=self.state.layer, head=self.state.head)
            self._need_open()
            title = f"{self._title}, {check_silenced(found, trace).change}"
            after = pack(found.trace, title=title, precision=self._precision)
            self._sides = {"before": (trace, packed), "after": (found.trace, after)}
            self._bar["outcome"] = found.facts
            self.show("after")
        return found

    def show(self, side: str) -> None:
        """Show the trace before or after the last silencing; `trace` and `to_html` then mean that one.

        Args:
            side: "before" or "after".

        Raises:
            ValueError: nothing has been silenced yet, or there is no such side.
            RuntimeError: the explorer is closed.
        """
        self._need_open()
        if not self._sides:
            raise ValueError("nothing has been silenced yet; call silence(term) first")
        check_choice("side", side, self._sides)
        with self._turn:
            self._trace, self._packed = self._sides[side]
            self._bar["side"] = side
            if self._widget is not None:
                self._widget.show(self._packed, self._bar)

    def close(self) -> None:
        """Take the widget off its pages and let go of the data. Closing twice does nothing."""
        if self._widget is not None:
            self._widget.close()
        self._widget = self._packed = self._trace = self._model = self._silencer = None
        self._sides = {}
        self._closed = True

    def _requested(self, change: Bunch) -> None:
        """Do what was asked for in the widget, and say there how it went."""
        widget, request = self.figure, change["new"]
        line = "message" if "text" in request else "outcome"
        try:
            if "text" in request:
                widget.message = "capturing …"
                self.show_text(request["text"])
                widget.message = f"{self.trace.sizes['position']} tokens"
            elif "term" in request:
                widget.outcome = "running …"
                self.silence(request["term"])
            else:
                self.show(request["side"])
        except Exception as error:  # an exception in a widget's callback would reach nobody
            widget.set_trait(line, f"{type(error).__name__}: {error}")

    def _terms(self) -> list[str]:
        """Return what can be silenced in the trace on show."""
        if self._silencer is None or self._trace is None:
            return []
        return [str(term) for term in self._silencer.terms(self._trace)]

    def _shown(self) -> dict[str, Any]:
        return self.state.as_dict()

    def _still(self) -> Still:
        at = {"layer": self.state.layer, "head": self.state.head}
        maps = (
            "content and weights" if self.trace.sisa.is_plain else "content, λ × importance, sum and weights"
        )
        return Still(still(self.trace.sisa.factors(**at)), f"{maps} of {head_name(**at)}")

    def _sources(self) -> list[xr.Dataset]:
        return [] if self._trace is None else [self._trace]

    def _need_open(self) -> None:
        if self._closed:
            raise RuntimeError("this explorer is closed; make a new ScoreExplorer(trace)")

    def _need_packed(self) -> Packed[Meta]:
        _ = self.trace  # which says what to do where there is none
        assert self._packed is not None
        return self._packed
