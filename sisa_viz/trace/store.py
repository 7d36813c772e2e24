"""One trace, one NetCDF file (h5netcdf).

HDF5 strings can hold neither NUL nor lone surrogates, tokens can: labels and text travel as ASCII JSON.
"""

import json
import os
from pathlib import Path

import numpy as np
import xarray as xr

from data.files import write_aside
from data.refusal import brief, file_path
from sisa_viz.trace.check import SCHEMA, check_finite, check_trace
from sisa_viz.trace.storage import StorageError, check_storage
from sisa_viz.trace.weights import LINEAR, ScoreForm

ENGINE = "h5netcdf"
FIRST_SCHEMA = "sisa-trace/1"  # the score stood in the config, whose d_state was that of the score


def save_trace(trace: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a trace as one NetCDF file, and return its path.

    It is written beside `path` and then renamed, so that a reader never meets half a file, and an older file
    stays as it was until the new one is whole. `trace.sisa.save(path)` calls this.

    Args:
        trace: what `build_trace` made.
        path: the file to write, by custom with the ending ".nc".

    Raises:
        ValueError: it is no trace (see `check_trace`), or holds numbers that are not finite.
        OSError: the folder does not exist or cannot be written to, or the disk is full.

    Example:
        >>> import tempfile
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.trace.store import save_trace
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_trace(example_trace(), f"{folder}/code.nc").name
        'code.nc'
    """
    target = file_path("path", path)
    stored = check_trace(trace).copy()
    for name in stored.data_vars:
        if np.issubdtype(stored[name].dtype, np.floating):
            check_finite(stored[name])
    stored.attrs["text"] = json.dumps(trace.attrs["text"])
    labels = np.array([json.dumps(label) for label in trace["token"].values], dtype=object)
    stored["token"] = ("position", labels, trace["token"].attrs)
    with write_aside(target) as aside:
        # HDF5 ends the process where a full disk stops it from closing a file, so it writes to memory.
        aside.write_bytes(stored.to_netcdf(engine=ENGINE))
    return target


def open_trace(path: str | os.PathLike[str]) -> xr.Dataset:
    """Open a saved trace lazily: the labels at once, each head when it is asked for.

    A trace of many layers and a long text may be larger than memory, and a plot of one head reads that head
    alone. The file stays open until `trace.close()`, or the end of a `with` block. Before any number is
    read, the file is known to hold all of them itself (see `check_storage`). λ is read at once and has to be
    finite, and so has whatever a head's scores are computed from, when they are asked for.

    Args:
        path: a file that `save_trace` wrote, with this or an earlier version of the format.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, of another kind, or no trace, or it points to other files.

    Example:
        >>> import tempfile
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.trace import open_trace
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = example_trace().sisa.save(f"{folder}/code.nc")
        ...     with open_trace(path) as trace:
        ...         trace.sisa.spans
        {'needle': (3, 4)}
    """
    path = file_path("path", path)
    if not path.is_file():
        raise FileNotFoundError(f"no trace file {os.fspath(path)!r}; write one with trace.sisa.save(path)")
    try:
        check_storage(path)
        stored = xr.open_dataset(path, engine=ENGINE)
    except StorageError as error:
        raise ValueError(f"{os.fspath(path)!r} is not opened: {error}") from error
    except Exception as error:  # h5py, h5netcdf and xarray each have their own
        raise ValueError(
            f"{os.fspath(path)!r} cannot be read as NetCDF ({error}); it is truncated or another kind of "
            "file. Legal: a file written by trace.sisa.save(path)"
        ) from error
    try:
        trace = check_trace(_decode(stored))
        if "lam" in trace:  # one number a head; what is as long as the text is looked at when it is read
            check_finite(trace["lam"])
        return trace
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        stored.close()
        raise ValueError(f"{os.fspath(path)!r} is a NetCDF file but not a SISA trace: {error}") from error


def keep_source(trace: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Refuse to write a page over the file that a trace was opened from.

    Links are followed. A trace that was never in a file has nothing to lose.

    Args:
        trace: the trace that the page shows.
        path: where the page shall be written.

    Raises:
        ValueError: both are one file.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.trace.store import keep_source
        >>> keep_source(example_trace(), "page.html")
    """
    source = trace.encoding.get("source")
    if source is not None and Path(source).resolve() == Path(path).resolve():
        raise ValueError(
            f"path is {os.fspath(path)!r}, and the trace was opened from that file; legal: another file. "
            "Name one that ends with .html"
        )


def _decode(stored: xr.Dataset) -> xr.Dataset:
    """Undo what `save_trace` did to labels and text, and name the score of a file of the first schema."""
    if "token" not in stored.coords or "text" not in stored.attrs:
        raise ValueError(f"it has no tokens or no text; it holds {sorted(map(str, stored.variables))}")
    labels = np.empty(stored.sizes["position"], dtype=object)
    labels[:] = [_unpacked("a token", label) for label in stored["token"].values]
    trace = stored.assign_coords(token=("position", labels, stored["token"].attrs))
    trace.attrs["text"] = _unpacked("attribute 'text'", stored.attrs["text"])
    trace.set_close(stored.close)
    schema = trace.attrs.get("schema")
    if isinstance(schema, str) and schema == FIRST_SCHEMA:
        trace.attrs |= {"schema": SCHEMA, "score": json.dumps(_first_score(trace).to_dict())}
    return trace


def _unpacked(name: str, stored: object) -> object:
    """Return what a text stands for that was stored as JSON."""
    try:
        return json.loads(stored)  # pyright: ignore[reportArgumentType] (a TypeError says that it is none)
    except (TypeError, ValueError, RecursionError) as error:
        came = f"{name} is stored as {brief(stored)} ({error})"
        raise ValueError(f"{came}; legal: a string written as JSON") from error


def _first_score(trace: xr.Dataset) -> ScoreForm:
    """Return what the score is, from a file of the first schema; its config stays as it was written.

    That schema did not say what is a state space: linear weights and a query of zeros were.
    """
    config = json.loads(trace.attrs["config"])
    if not isinstance(config, dict):
        raise ValueError(f"attribute 'config' is {config!r}, legal: a JSON object with an integer d_state")
    kind = config.get("score", "softmax")
    return ScoreForm(
        kind=kind,
        bias=config.get("score_bias", 0.0),
        terms=config.get("score_terms", {}),
        d_state=config.get("d_state", -1),  # refused by ScoreForm: every file of that schema has it
        state_space=kind == LINEAR and not bool(trace["q"].any()),
        note=config.get("diagonal", ""),
    )
