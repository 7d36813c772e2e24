"""What stands on a page of its own or in a report: an explorer or a comparison, with its data."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import xarray as xr

from data.files import write_aside
from data.refusal import file_path
from sisa_viz.explorer.packed import Packed, Still
from sisa_viz.explorer.page import assets, fragment, page
from sisa_viz.trace.store import keep_source


class Paged:
    """Write what is on show as HTML; whoever derives says what that is.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer import ScoreExplorer
        >>> ScoreExplorer(example_trace(), title="Two layers").to_html("two_layers.html").name
        'two_layers.html'
    """

    @property
    def figure(self) -> Any:
        """Return the anywidget to display."""
        raise NotImplementedError

    def _need_open(self) -> None:
        """Refuse what is closed."""
        raise NotImplementedError

    def _shown(self) -> dict[str, Any]:
        """Return the values of the state."""
        raise NotImplementedError

    def _need_packed(self) -> Packed:
        """Return the data, or say why there is none."""
        raise NotImplementedError

    def _still(self) -> Still:
        """Return what stands in where scripts are off."""
        raise NotImplementedError

    def _sources(self) -> Sequence[xr.Dataset]:
        """Return the traces whose files no page may replace."""
        raise NotImplementedError

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that opens from a file, offline, and return its path.

        Args:
            path: the file; an older one is replaced once the new one is whole.

        Raises:
            ValueError: no text has been captured yet, or a trace was opened from this very file.
            RuntimeError: it is closed.
        """
        target = file_path("path", path)
        self._report_keeps_(target)
        text = page(self._need_packed(), self._shown(), still=self._still())
        with write_aside(target) as aside:
            aside.write_text(text, encoding="utf-8")
        return target

    def _repr_mimebundle_(self, **options: Any) -> object:
        return self.figure._repr_mimebundle_(**options)

    def _report_html_(self) -> str:
        """Write it with its own data, to stand in a page that has `_report_assets_` once."""
        name = f"x{uuid4().hex[:8]}"
        return fragment(self._need_packed(), self._shown(), name=name, still=self._still())

    def _report_assets_(self) -> str:
        """Write style and module, needed once a page, before the explorers."""
        self._need_open()
        return assets()

    def _report_keeps_(self, path: str | os.PathLike[str]) -> None:
        """Refuse a page over the file of a trace on show, and a page of what is closed."""
        self._need_open()
        for trace in self._sources():
            keep_source(trace, path)
