"""The corpus file: an .npz without pickles, checked on reading."""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import TypedDict, cast

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
    metadata: dict[str, object]


class Head(TypedDict):
    """What a corpus file says about its arrays, stored as JSON."""

    schema: str
    n_train: int
    sha256: str
    tokenizer: str
    metadata: dict[str, object]


def digest(tokens: np.ndarray, starts: np.ndarray, n_train: int, tokenizer_json: str) -> str:
    """sha256 of a corpus' parts, the same on every machine."""
    total = hashlib.sha256(json.dumps([tokens.dtype.itemsize, int(n_train), tokenizer_json]).encode())
    total.update(np.ascontiguousarray(tokens, tokens.dtype.newbyteorder("<")).data)
    total.update(np.ascontiguousarray(starts, "<i8").data)
    return total.hexdigest()


def write(path: Path, fields: CorpusFields) -> None:
    """Write a corpus to ``path``, replacing it in one step."""
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
    """The fields of a TokenCorpus; FileNotFoundError or ValueError with the way out."""
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
    try:
        with path.open("rb") as stream:
            stored = np.load(stream, allow_pickle=False)
            return {name: stored[name] for name in ("head", "tokens", "starts")}
    except (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a whole {SCHEMA} file ({error}). {NEXT_STEP}") from error


def _head(path: Path, arrays: dict[str, np.ndarray]) -> Head:
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
