"""The corpus file: an .npz without pickles, checked on reading."""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.files import write_aside

if TYPE_CHECKING:
    from data.text.corpus import TokenCorpus

SCHEMA = "sisa-corpus/1"
FIELDS = ("n_train", "tokenizer", "sha256", "metadata")
STEP = "Build it anew with build_corpus(path, rebuild=True), or copy the file again."


def digest(tokens: np.ndarray, starts: np.ndarray, n_train: int, tokenizer_json: str) -> str:
    """sha256 of a corpus' parts, the same on every machine."""
    total = hashlib.sha256(json.dumps([tokens.dtype.itemsize, int(n_train), tokenizer_json]).encode())
    total.update(np.ascontiguousarray(tokens, tokens.dtype.newbyteorder("<")).data)
    total.update(np.ascontiguousarray(starts, "<i8").data)
    return total.hexdigest()


def write(path: Path, corpus: "TokenCorpus") -> None:
    """Write ``corpus`` to ``path``, replacing it in one step."""
    head = {
        "schema": SCHEMA,
        "n_train": int(corpus.n_train),
        "sha256": corpus.sha256,
        "tokenizer": corpus.tokenizer_json,
        "metadata": corpus.metadata,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    coded = np.frombuffer(json.dumps(head).encode(), np.uint8)
    with write_aside(path) as aside, aside.open("wb") as stream:
        np.savez_compressed(stream, head=coded, tokens=corpus.tokens, starts=corpus.starts)


def read(path: Path) -> dict[str, Any]:
    """The fields of a TokenCorpus; FileNotFoundError or ValueError with the way out."""
    if not path.is_file():
        raise FileNotFoundError(f"no corpus at {path}. Build one with build_corpus(path).")
    arrays = _arrays(path)
    head = _head(path, arrays)
    tokens, starts = arrays["tokens"], arrays["starts"]
    if digest(tokens, starts, head["n_train"], head["tokenizer"]) != head["sha256"]:
        raise ValueError(f"{path} does not hold what was written: its sha256 differs. {STEP}")
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
        raise ValueError(f"{path} is not a whole {SCHEMA} file ({error}). {STEP}") from error


def _head(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    try:
        head = json.loads(arrays["head"].tobytes())
    except ValueError as error:
        raise ValueError(f"{path} has no readable head ({error}). {STEP}") from error
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"{path} has schema {schema!r}; legal: {SCHEMA!r}. {STEP}")
    for name in FIELDS:
        if name not in head:
            raise ValueError(f"{path}: its head lacks {name!r}. {STEP}")
    return head
