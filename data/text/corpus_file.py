"""The corpus file: an .npz without pickles, checked on reading.

It holds three arrays: `tokens`, `starts`, and `head`, which is JSON as bytes. A pickle could run code when
it is opened; this file cannot.
"""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np

from data.files import write_aside

SCHEMA = "sisa-corpus/1"
HEAD_FIELDS = ("n_train", "tokenizer", "sha256", "metadata")
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
    if digest(tokens, starts, head["n_train"], head["tokenizer"]) != head["sha256"]:
        raise ValueError(f"{path} does not hold what was written: its sha256 differs. {NEXT_STEP}")
    return {
        "tokens": tokens,
        "starts": starts,
        "n_train": head["n_train"],
        "tokenizer_json": head["tokenizer"],
        "metadata": head["metadata"],
    }


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the three arrays of the file; ValueError if it is not a whole archive of them."""
    try:
        with path.open("rb") as stream:
            stored = np.load(stream, allow_pickle=False)
            return {name: stored[name] for name in ("head", "tokens", "starts")}
    except (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a whole {SCHEMA} file ({error}). {NEXT_STEP}") from error


def _head(path: Path, arrays: dict[str, np.ndarray]) -> Head:
    """Return the head, read from its JSON; ValueError if it is not one of this schema."""
    try:
        head = json.loads(arrays["head"].tobytes())
    except ValueError as error:
        raise ValueError(f"{path} has no readable head ({error}). {NEXT_STEP}") from error
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"{path} has schema {schema!r}; legal: {SCHEMA!r}. {NEXT_STEP}")
    for name in HEAD_FIELDS:
        if name not in head:
            raise ValueError(f"{path}: its head lacks {name!r}. {NEXT_STEP}")
    return cast("Head", head)
