"""Notes of what a training wrote, so that a file that has changed since is noticed before it is used.

A folder's run_digests.json names files beside it, each with the size and the SHA-256 of what was written:

    {"metrics.csv": {"bytes": 4123, "sha256": "9f86…"}}

A file that has only grown since still fits its note, because the note is of its first bytes. So a process
that is killed after it has appended to a table, and before it has noted that, leaves a table that fits.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from data.files import write_aside

DIGESTS_FILE = "run_digests.json"
CHUNK_BYTES = 1 << 20


class Digest(TypedDict):
    """Name what is noted of a file: how many bytes it had, and their SHA-256."""

    bytes: int
    sha256: str


def note_digests(folder: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Note what files of a folder hold now, in its run_digests.json; forget what was noted of missing ones.

    Args:
        folder: where the files lie, and their notes.
        names: of the files; what is noted of others stays.

    Raises:
        ValueError: the folder's run_digests.json cannot be read.
        OSError: it cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "table.csv").write_text("step,loss\\n")
        ...     note_digests(folder, ["table.csv"])
        ...     json.loads(Path(folder, "run_digests.json").read_text())["table.csv"]["bytes"]
        10
    """
    notes = _notes(Path(folder))
    for name in names:
        path = Path(folder) / name
        notes.pop(name, None)
        if path.is_file():
            size = path.stat().st_size
            notes[name] = Digest(bytes=size, sha256=sha256_of(path, size))
    with write_aside(Path(folder) / DIGESTS_FILE) as aside:
        aside.write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n")


def forget_digests(folder: str | os.PathLike[str]) -> None:
    """Remove the notes of a folder, before files in it are changed other than by appending.

    Args:
        folder: where they lie; it is no error if there are none.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     note_digests(folder, [])
        ...     forget_digests(folder)
        ...     list(Path(folder).iterdir())
        []
    """
    (Path(folder) / DIGESTS_FILE).unlink(missing_ok=True)


def check_digest(path: str | os.PathLike[str]) -> None:
    """Refuse a file that is noted in the run_digests.json beside it and holds something else.

    What is not noted passes, because folders of earlier versions have no notes.

    Args:
        path: the file.

    Raises:
        ValueError: it is missing, shorter than was noted, or its first bytes have another SHA-256, for which
            one bit suffices; or the notes cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     table = Path(folder, "table.csv")
        ...     _ = table.write_text("step,loss\\n1,0.5\\n")
        ...     note_digests(folder, ["table.csv"])
        ...     _ = table.write_text("step,loss\\n1,0.4\\n")
        ...     check_digest(table)
        Traceback (most recent call last):
        ValueError: ...table.csv does not hold what was written to it; legal: the 16 bytes whose SHA-256 ...
    """
    path = Path(path)
    note = _notes(path.parent).get(path.name)
    if note and not _fits(path, note):
        # a run that is resumed at this moment cuts its tables and notes them anew: look twice
        note = _notes(path.parent).get(path.name)
        if note and not _fits(path, note):
            raise ValueError(
                f"{path} does not hold what was written to it; legal: the {note['bytes']} bytes whose "
                f"SHA-256 {DIGESTS_FILE} notes, {note['sha256'][:12]}…. Put it back from a copy, or train "
                f"again in another folder; if you changed it yourself, delete {DIGESTS_FILE}."
            )


def sha256_of(path: str | os.PathLike[str], size: int) -> str:
    """Return the SHA-256 of the first bytes of a file as hexadecimal text.

    The file is read in pieces, since checkpoints are larger than what should lie in memory twice.

    Args:
        path: the file.
        size: how many bytes; those of the whole file where it is shorter.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "abc").write_text("abc, and so on")
        ...     sha256_of(Path(folder, "abc"), 3)[:8]
        'ba7816bf'
    """
    found = hashlib.sha256()
    with Path(path).open("rb") as file:
        while size > 0 and (piece := file.read(min(CHUNK_BYTES, size))):
            found.update(piece)
            size -= len(piece)
    return found.hexdigest()


def archive_fault(path: str | os.PathLike[str]) -> str | None:
    """Return what is wrong with a zip archive, in words that follow its name; None if it is whole.

    torch.save writes such archives, with a CRC-32 beside every tensor, at which torch.load does not look.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "final.pt").write_text("PK")
        ...     archive_fault(Path(folder, "final.pt"))
        'is no whole archive, perhaps cut off (File is not a zip file)'
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except OSError:
        raise
    except Exception as error:  # zipfile raises half a dozen kinds, zlib's and struct's among them
        return f"is no whole archive, perhaps cut off ({error})"
    if broken is not None:
        return f"has changed since it was written: the CRC-32 of {broken} is another"
    return None


def _fits(path: Path, note: Digest) -> bool:
    """Return whether a file begins as its note says; a file that is missing does not."""
    if not path.is_file() or path.stat().st_size < note["bytes"]:
        return False
    return sha256_of(path, note["bytes"]) == note["sha256"]


def _notes(folder: Path) -> dict[str, Digest]:
    """Return the notes of a folder by file name, none where there is no run_digests.json."""
    path = folder / DIGESTS_FILE
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"it is not JSON ({error})") from error
    if not isinstance(notes, dict) or not all(map(_is_note, notes.values())):
        raise _unreadable(path, "it does not hold bytes and sha256 for each file")
    return notes


def _is_note(value: object) -> bool:
    """Return whether a value has the form of the note of one file."""
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("bytes"), int) and isinstance(value.get("sha256"), str)


def _unreadable(path: Path, why: str) -> ValueError:
    """Return the error of notes that cannot be read."""
    return ValueError(
        f"{path} cannot be used: {why}; legal: what a training notes of its files. Put it back from a copy, "
        "or delete it: the files beside it are then read unchecked."
    )
