"""The folder of one training run: what it was asked, what it measured, where it stands.

    config.json        what was asked: model, training, data, evaluations, corpus hash
    versions.json      software of every start
    metrics.csv        step, tokens, name, value: numbers of the whole model
    heads.csv          step, layer, head, then one column a measure: numbers of every head
    last.ckpt          Lightning checkpoint, replaced as a whole
    model.safetensors  the trained weights, once it has ended

Killed at any moment, a folder is either resumable or empty: files appear by renaming, and rows of both tables
past the checkpoint are cut when it resumes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from data.files import clear_parts, write_aside
from data.refusal import refusal
from data.results.head_table import split_heads, without_heads
from data.results.runs import read_table
from model.network.network import SISAModel
from model.network.versions import versions
from model.weights.checkpoint import load

METRICS_FILE, HEADS_FILE = "metrics.csv", "heads.csv"
METRICS_COLUMNS = ["step", "tokens", "name", "value"]


class NonFiniteLoss(RuntimeError):
    """Say that the loss or the gradient of a step is not a number any more."""


@dataclass(frozen=True)
class Run:
    """Read and write the folder of a run, finished or not.

    Args:
        folder: where it lies; it need not exist.

    Example:
        >>> run = Run(Path("nowhere"))
        >>> run.finished, run.metrics.columns.tolist()
        (False, ['step', 'tokens', 'name', 'value'])
    """

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The file that a killed run resumes from."""
        return self.folder / "last.ckpt"

    @property
    def weights(self) -> Path:
        """The file of the trained weights, there once the run has ended."""
        return self.folder / "model.safetensors"

    @property
    def finished(self) -> bool:
        """Whether the run has made all its steps."""
        return self.weights.is_file()

    @property
    def config(self) -> dict[str, Any]:
        """What was asked, as `fit` noted it."""
        return json.loads((self.folder / "config.json").read_text())

    @property
    def metrics(self) -> pd.DataFrame:
        """What was measured of the whole model so far: step, tokens, name, value."""
        return without_heads(self._logged())

    @property
    def heads(self) -> pd.DataFrame:
        """What was measured of every head so far: step, layer, head, then one column a measure.

        Folders of earlier versions have these numbers in metrics.csv, under names such as "lam/L0H1".
        """
        earlier, path = split_heads(self._logged())[1], self.folder / HEADS_FILE
        tables = [earlier, read_table(path)] if _has_rows(path) else [earlier]
        filled = [table for table in tables if not table.empty]
        return pd.concat(filled, ignore_index=True) if filled else earlier

    def _logged(self) -> pd.DataFrame:
        """Return metrics.csv as it stands, heads among it in folders of earlier versions."""
        path = self.folder / METRICS_FILE
        return read_table(path) if _has_rows(path) else pd.DataFrame(columns=METRICS_COLUMNS)

    def model(self) -> SISAModel:
        """Return the trained model; a FileNotFoundError where the run has not ended."""
        return load(self.weights)

    def check(self) -> None:
        """Refuse a folder that is no run's; nothing in it is touched.

        It may be missing, be empty but for hidden files, or hold a run, this one or another.

        Raises:
            ValueError: the folder holds files that are no run's.
        """
        step = "Choose an empty or new folder."
        if (self.folder / "config.json").is_file():
            try:
                noted = self.config
            except (ValueError, RecursionError):  # no JSON, or no text at all
                noted = None
            if not isinstance(noted, dict) or not noted.keys() >= {"model", "training"}:
                raise self._refused("a run folder, not one whose config.json was written by no run", step)
        elif self.folder.is_dir():
            others = sorted(p.name for p in self.folder.iterdir() if not p.name.startswith("."))
            if others:
                raise self._refused(f"a run folder, not one that holds {others[:5]}", step)

    def open(self, asked: Mapping[str, object]) -> None:
        """Begin or continue a run in a locked folder, and note what was asked.

        Raises:
            ValueError: the folder holds another run, or files that are no run's.
        """
        self.check()
        self.folder.mkdir(parents=True, exist_ok=True)
        clear_parts(self.folder)  # a finished run writes nothing that would clear them
        if (self.folder / "config.json").is_file():
            self._check_same(asked)
        else:
            write_json(self.folder / "config.json", asked)
        starts = self.folder / "versions.json"
        before = json.loads(starts.read_text()) if starts.is_file() else []
        if versions() not in before:
            write_json(starts, [*before, versions()])

    def _check_same(self, asked: Mapping[str, object]) -> None:
        """Refuse to resume a run as something else; what an earlier version did not note is not compared."""
        noted = self.config
        same = {name: asked.get(name) for name in noted}
        old, new = _flat(noted), _flat(json.loads(json.dumps(same)))
        fields = [name for name in sorted(old | new) if old.get(name) != new.get(name)]
        changed = [f"{name}: {old.get(name)!r} there, {new.get(name)!r} here" for name in fields]
        if changed:
            step = "Choose another folder, or ask for the same run to resume it."
            raise self._refused(f"the folder of the same run; {'; '.join(changed[:6])}", step)

    def append(self, name: str, rows: pd.DataFrame) -> None:
        """Append rows to one of the two tables and return once they are on the disk.

        The header is written with the first rows. A run measures the same columns at every step, which is
        checked here, because a table whose columns move would be read wrongly and in silence.
        """
        path = self.folder / name
        with path.open("a+", newline="") as file:
            file.seek(0)  # "a+" stands at the end; whatever is read, writing appends
            header = file.readline()
            own = rows.head(0).to_csv(index=False, lineterminator="\n")
            if header not in ("", own):
                came, step = own.rstrip(), "Delete the folder and train again."
                raise refusal(f"columns of {path}", came, legal=header.rstrip(), step=step)
            rows.to_csv(file, index=False, header=not header, lineterminator="\n")
            file.flush()
            # flush hands rows to the system, fsync to the disk: they must survive what the checkpoint does
            os.fsync(file.fileno())

    def cut_tables(self, step: int) -> None:
        """Drop what a killed process measured after its last checkpoint, which is of `step`.

        Both tables are cut at the same step, so that a resumed run writes what the killed one would have
        written. They are cut as text: a number that is kept keeps every digit. A last line without its end is
        half a line and goes, even where its first characters read as an early step: the half "12" of
        "120,0,…".
        """
        for path in (self.folder / METRICS_FILE, self.folder / HEADS_FILE):
            if step == 0:
                path.unlink(missing_ok=True)
            elif path.is_file():
                header, *lines = path.read_bytes().splitlines(keepends=True) or [b""]
                whole = [line for line in lines if line.endswith(b"\n") and _step_of(line) <= step]
                # a header without its end means that no row was whole either: the table begins anew
                with write_aside(path) as aside:
                    aside.write_bytes(b"".join([header, *whole]) if header.endswith(b"\n") else b"")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; the lock ends with the process, however it ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                yield
        except Timeout:
            step = "Wait for it to end, or choose another folder."
            raise self._refused("a folder that no other run is using", step) from None

    def _refused(self, legal: str, step: str) -> ValueError:
        """Return the error of a folder that cannot be used."""
        return refusal("folder", str(self.folder), legal=legal, step=step)


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, aside and then renamed, so that no reader ever sees half of it.

    Keys are sorted and lines end like those of a text file, so that two versions can be compared by lines.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_json(Path(folder) / "card.json", {"steps": 3, "lr": 0.5})
        ...     print((Path(folder) / "card.json").read_text().strip())
        {
         "lr": 0.5,
         "steps": 3
        }
    """
    with write_aside(path) as aside:
        aside.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def _has_rows(path: Path) -> bool:
    """Return whether a table has been begun; it is empty for a moment before its first rows."""
    return path.is_file() and path.stat().st_size > 0


def _step_of(line: bytes) -> int:
    """Return the step of a row, its first field."""
    return int(line.partition(b",")[0])


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    """Return nested mappings as one, with dotted names: {"model": {"d_state": 4}} as {"model.d_state": 4}."""
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, object] = {}
    for name, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{name}" if prefix else str(name))
    return flat
