"""The corpus file: an .npz without pickles, checked on reading.

It holds three arrays: `tokens`, `starts`, and `head`, which is JSON as bytes. A pickle could run code when
it is opened; this file cannot.
"""

import hashlib
import json
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, TypedDict, cast

import numpy as np

from data.files import write_aside

SCHEMA = "sisa-corpus/1"
HEAD_FIELDS = {"n_train": int, "tokenizer": str, "sha256": str, "metadata": dict}
UNREADABLE = (OSError, EOFError, ValueError, KeyError, IndexError, MemoryError, NotImplementedError)
NEXT_STEP = "Build it anew with build_corpus(path, rebuild=True), or copy the file again."


class CorpusFields(TypedDict):
    """The plain fields of a TokenCorpus, by the names of its constructor."""

    tokens: np.ndarray
    starts: np.ndarray
    n_train: int
    tokenizer_json: str
    metadata: dict[str, Any]


class Head(TypedDict):
    """What a corpus file says about its arrays, stored as JSON."""

    schema: str
    n_train: int
    sha256: str
    tokenizer: str
    metadata: dict[str, Any]


def digest(tokens: np.ndarray, starts: np.ndarray, n_train: int, tokenizer_json: str) -> str:
    """Return the sha256 of a corpus' parts, the same on every machine.

    Arrays are hashed in little-endian order, whatever order the machine keeps them in. The metadata are
    left out: two corpora of the same tokens are the same, wherever the tokens were made.

    Args:
        tokens: uint16 or uint32 [position].
        starts: int64 [document + 1].
        n_train: number of documents for training.
        tokenizer_json: the tokenizer that made the tokens.

    Example:
        >>> tokens = np.array([5, 0, 6, 0], np.uint16)
        >>> name = digest(tokens, np.array([0, 2, 4]), 1, "{}")
        >>> len(name), name == digest(tokens, np.array([0, 2, 4]), 2, "{}")
        (64, False)
    """
    total = hashlib.sha256(json.dumps([tokens.dtype.itemsize, int(n_train), tokenizer_json]).encode())
    total.update(np.ascontiguousarray(tokens, tokens.dtype.newbyteorder("<")).data)
    total.update(np.ascontiguousarray(starts, "<i8").data)
    return total.hexdigest()


def write(path: Path, fields: CorpusFields) -> None:
    """Write a corpus to a file, replacing an older one in one step.

    Args:
        path: the file; folders above it are made.
        fields: what `read` shall give back. Their sha256 is computed here and stored beside them.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> fields = CorpusFields(
        ...     tokens=np.array([5, 0], np.uint16), starts=np.array([0, 2]), n_train=1,
        ...     tokenizer_json="{}", metadata={"of": "an example"},
        ... )
        >>> with TemporaryDirectory() as folder:
        ...     write(Path(folder, "corpus.npz"), fields)
        ...     print(read(Path(folder, "corpus.npz"))["metadata"])
        {'of': 'an example'}
    """
    tokens, starts = fields["tokens"], fields["starts"]
    head: Head = {
        "schema": SCHEMA,
        "n_train": int(fields["n_train"]),
        "sha256": digest(tokens, starts, fields["n_train"], fields["tokenizer_json"]),
        "tokenizer": fields["tokenizer_json"],
        "metadata": fields["metadata"],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    coded = np.frombuffer(json.dumps(head).encode(), np.uint8)
    with write_aside(path) as aside, aside.open("wb") as stream:
        np.savez_compressed(stream, head=coded, tokens=tokens, starts=starts)


def read(path: Path) -> CorpusFields:
    """Return the fields of the corpus in a file, once its sha256 has been compared.

    Args:
        path: a file that `write` made.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is another kind of file, cut off, or does not hold what was written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> fields = CorpusFields(
        ...     tokens=np.array([5, 0], np.uint16), starts=np.array([0, 2]), n_train=1,
        ...     tokenizer_json="{}", metadata={},
        ... )
        >>> with TemporaryDirectory() as folder:
        ...     write(Path(folder, "corpus.npz"), fields)
        ...     print(read(Path(folder, "corpus.npz"))["tokens"])
        [5 0]
    """
    if not path.is_file():
        raise FileNotFoundError(f"no corpus at {path}. Build one with build_corpus(path).")
    arrays = _arrays(path)
    head = _head(path, arrays)
    tokens, starts = arrays["tokens"], arrays["starts"]
    fault = border_fault(tokens, starts, head["n_train"])
    if fault:
        raise ValueError(f"{path}: {fault}. {NEXT_STEP}")
    if digest(tokens, starts, head["n_train"], head["tokenizer"]) != head["sha256"]:
        raise ValueError(f"{path} does not hold what was written: its sha256 differs. {NEXT_STEP}")
    return {
        "tokens": tokens,
        "starts": starts,
        "n_train": head["n_train"],
        "tokenizer_json": head["tokenizer"],
        "metadata": head["metadata"],
    }


def border_fault(tokens: np.ndarray, starts: np.ndarray, n_train: object) -> str | None:
    """Return what is wrong with a corpus' arrays and split in words, or None.

    A split whose borders lie gives other text than its name says, without a word: with `n_train` = -1 all but
    the last document would be training text.

    Args:
        tokens: shall be uint16 or uint32 [position].
        starts: shall rise from 0 to the number of tokens [document + 1].
        n_train: shall be a number of documents, from 0 to all of them.

    Example:
        >>> tokens = np.array([5, 0, 6, 0], np.uint16)
        >>> border_fault(tokens, np.array([0, 2, 4]), 1)
        >>> border_fault(tokens, np.array([0, 2, 4]), -1)
        'n_train is -1; legal: 0 to 2'
    """
    if tokens.ndim != 1 or tokens.dtype.kind != "u":
        return f"tokens are {tokens.dtype} of {tokens.ndim} axes; legal: unsigned integers of one axis"
    if starts.ndim != 1 or starts.dtype.kind not in "iu" or len(starts) < 2:
        return f"starts are {starts.dtype} of shape {starts.shape}; legal: two or more integers of one axis"
    if starts[0] != 0 or starts[-1] != len(tokens) or not (starts[1:] > starts[:-1]).all():
        return f"starts do not rise from 0 to {len(tokens)}, the number of tokens"
    n_documents = len(starts) - 1
    if isinstance(n_train, bool) or not isinstance(n_train, (int, np.integer)):
        return f"n_train is {n_train!r}; legal: a whole number"
    return None if 0 <= n_train <= n_documents else f"n_train is {n_train}; legal: 0 to {n_documents}"


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the three arrays of the file; ValueError if it is not a whole archive of them."""
    try:
        with path.open("rb") as stream:
            _check_sizes(stream)
            stored = np.load(stream, allow_pickle=False)
            return {name: stored[name] for name in ("head", "tokens", "starts")}
    except (*UNREADABLE, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a whole {SCHEMA} file ({error}). {NEXT_STEP}") from error


def _check_sizes(stream: BinaryIO) -> None:
    """Refuse an array that claims another size than the archive holds, before memory is taken for it."""
    with zipfile.ZipFile(stream) as archive:
        for name in ("head", "tokens", "starts"):
            entry = archive.getinfo(f"{name}.npy")
            with archive.open(entry) as array:
                first = np.lib.format.read_magic(array) == (1, 0)
                form = np.lib.format
                header = form.read_array_header_1_0(array) if first else form.read_array_header_2_0(array)
                shape, _, dtype = header
                if prod(shape) * dtype.itemsize + array.tell() != entry.file_size:
                    raise ValueError(
                        f"{name} claims shape {shape}, which {entry.file_size} bytes do not hold"
                    )
    stream.seek(0)


def _head(path: Path, arrays: dict[str, np.ndarray]) -> Head:
    """Return the head, read from its JSON; ValueError if it is not one of this schema."""
    try:
        head = json.loads(arrays["head"].tobytes())
    except ValueError as error:
        raise ValueError(f"{path} has no readable head ({error}). {NEXT_STEP}") from error
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"{path} has schema {schema!r}; legal: {SCHEMA!r}. {NEXT_STEP}")
    for name, kind in HEAD_FIELDS.items():
        if name not in head:
            raise ValueError(f"{path}: its head lacks {name!r}. {NEXT_STEP}")
        if not isinstance(head[name], kind):
            raise ValueError(f"{path}: {name!r} in its head is no {kind.__name__}. {NEXT_STEP}")
    return cast("Head", head)
