"""The folder of one training run: what it was asked, what it measured, where it stands.

    config.json        what was asked: model, training, data, evaluations, corpus hash
    versions.json      software of every start
    metrics.csv        step, tokens, name, value: numbers of the whole model
    heads.csv          step, layer, head, then one column a measure: numbers of every head
    last.ckpt          Lightning checkpoint, replaced as a whole; previous.ckpt is the one before it
    run_digests.json   SHA-256 of the tables and the weights, compared whenever one of them is read
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

from data.digests import check_digest, forget_digests
from data.files import clear_parts, write_aside
from data.refusal import refusal
from data.results.head_table import split_heads, without_heads
from data.results.runs import read_table
from model.network.network import SISAModel
from model.network.versions import versions
from model.training.asked import differences, read_json
from model.weights.checkpoint import load

METRICS_FILE, HEADS_FILE = "metrics.csv", "heads.csv"
TABLES = (METRICS_FILE, HEADS_FILE)
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
    def previous_checkpoint(self) -> Path:
        """The checkpoint before that one, which takes its place where it is damaged."""
        return self.folder / "previous.ckpt"

    @property
    def begun(self) -> bool:
        """Whether the run has measured anything yet."""
        return (self.folder / METRICS_FILE).is_file()

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
        """What was asked, as `fit` noted it; a ValueError where the file cannot be read as that."""
        path = self.folder / "config.json"
        noted = read_json(path, step="Put it back from a copy, or delete the folder and train again.")
        if not isinstance(noted, dict) or not noted.keys() >= {"model", "training"}:
            step = "If it is a run's, put its config.json back from a copy; otherwise name a run's folder."
            raise refusal(str(path), noted, legal="what a run was asked, as fit notes it", step=step)
        return noted

    @property
    def metrics(self) -> pd.DataFrame:
        """What was measured of the whole model so far: step, tokens, name, value."""
        return without_heads(self._logged())

    @property
    def heads(self) -> pd.DataFrame:
        """What was measured of every head so far: step, layer, head, then one column a measure.

        Folders of earlier versions have these numbers in metrics.csv, under names such as "lam/L0H1".
        """
        earlier, table = split_heads(self._logged())[1], self._table(HEADS_FILE)
        tables = [earlier] if table is None else [earlier, table]
        filled = [table for table in tables if not table.empty]
        return pd.concat(filled, ignore_index=True) if filled else earlier

    def _logged(self) -> pd.DataFrame:
        """Return metrics.csv as it stands, heads among it in folders of earlier versions."""
        table = self._table(METRICS_FILE)
        return pd.DataFrame(columns=METRICS_COLUMNS) if table is None else table

    def _table(self, name: str) -> pd.DataFrame | None:
        """Return one of the two tables; None where it has no rows yet."""
        path = self.folder / name
        if not path.is_file():
            return None
        check_digest(path)  # a table that was emptied is not one that has not been begun
        return read_table(path) if path.stat().st_size > 0 else None

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
                self.config  # noqa: B018 (reading it is the check)
            except ValueError as error:
                legal = "a run folder, not one whose config.json was written by no run"
                raise self._refused(legal, f"{error} Or choose an empty or new folder.") from error
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
        step = "Delete it; nothing else needs it."
        before = read_json(starts, step=step) if starts.is_file() else []
        if not isinstance(before, list):
            raise refusal(str(starts), before, legal="a list of the software of every start", step=step)
        if versions() not in before:
            write_json(starts, [*before, versions()])

    def check_finished(self, asked: Mapping[str, object]) -> None:
        """Refuse a finished run that is not what was asked for, or whose files are damaged or another run's.

        Nothing is written, so a run on a read-only disk can be checked too.
        """
        self._check_same(asked)
        again = "Put the right file back, or delete this one: the same call then goes on from last.ckpt."
        try:
            model = self.model()
        except ValueError as error:
            raise ValueError(f"{error} {again}") from error
        own = {"model": model.config.to_dict(), "seed": model.seed}
        changed = differences(own, asked)
        if changed:
            came = f"weights of another run ({'; '.join(changed[:6])})"
            raise refusal(str(self.weights), came, legal="the weights that this run has trained", step=again)
        for name in TABLES:
            check_digest(self.folder / name)

    def _check_same(self, asked: Mapping[str, object]) -> None:
        """Refuse to resume a run as something else; what an earlier version did not note is not compared."""
        changed = differences(self.config, asked)
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

        Raises:
            ValueError: rows up to there have changed since they were written, or are no rows.
        """
        paths = [self.folder / name for name in TABLES]
        if step == 0:
            forget_digests(self.folder)
            for path in paths:
                path.unlink(missing_ok=True)
            return
        for path in paths:
            check_digest(path)
        kept = {path: _rows_until(step, path) for path in paths if path.is_file()}
        forget_digests(self.folder)  # of longer tables; the next checkpoint notes them anew
        for path, rows in kept.items():
            with write_aside(path) as aside:
                aside.write_bytes(rows)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; the lock ends with the process, however it ends."""
        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            step = "Wait for it to end, or choose another folder."
            raise self._refused("a folder that no other run is using", step) from None
        except (OSError, NotImplementedError) as error:  # the latter where a disk knows no locks
            step = f"No run can be trained there ({error}); choose another folder."
            raise self._refused("a folder that can be written to and locked", step) from error
        try:
            yield
        finally:
            lock.release()

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


def _rows_until(step: int, path: Path) -> bytes:
    """Return the header of a table and its whole rows up to a step, as they stand in the file."""
    header, *lines = path.read_bytes().splitlines(keepends=True) or [b""]
    if not header.endswith(b"\n"):  # then no row was whole either: the table begins anew
        return b""
    return b"".join(
        [header, *(line for line in lines if line.endswith(b"\n") and _step_of(line, path) <= step)]
    )


def _step_of(line: bytes, path: Path) -> int:
    """Return the step of a row, its first field."""
    try:
        return int(line.partition(b",")[0])
    except ValueError:
        legal = "rows that begin with the number of a step"
        step = "Put the table back from a copy, or delete the folder and train again."
        raise refusal(f"a row of {path}", line, legal=legal, step=step) from None
