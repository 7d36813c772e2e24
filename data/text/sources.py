"""Documents from files on disk or from the hub, one text at a time; nothing that comes with them is run."""

import json
from collections.abc import Iterable, Iterator
from glob import escape, glob
from itertools import islice
from pathlib import Path

from data.refusal import file_path, refusal, whole

DOCUMENT_SUFFIXES = (".txt", ".md", ".rst", ".jsonl", ".parquet")
HUB_PREFIX = "hub:"
ROWS_AT_ONCE = 1000


def documents(
    source: str | Path, *, text_field: str = "text", split: str = "train", limit: int | None = None
) -> Iterator[str]:
    """Return the texts of a source in a fixed order, read as they are asked for.

    A .txt, .md or .rst file is one document; each line of a .jsonl file and each row of a .parquet file
    hold one. Files are read in the order of their names, so that the same folder gives the same corpus.
    A hub's data set is streamed: nothing is stored, and no code that comes with it is run.

    Args:
        source: a path, a pattern such as `texts/**/*.jsonl`, or `hub:OWNER/NAME` (the paper's corpus is
            `hub:DKYoon/SlimPajama-6B`).
        text_field: where a line or row holds its text.
        split: the hub's name of the part to read; files have no splits.
        limit: stop after this many documents; all of them by default.

    Raises:
        ValueError: for an unknown kind of file, a pattern without files, a broken line, a missing field,
            or a data set that cannot be opened.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from data import documents
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.jsonl").write_text('{"text": "One."}\\n{"text": "Two."}')
        ...     _ = Path(folder, "b.txt").write_text("Three.")
        ...     print(list(documents(f"{folder}/*")))
        ['One.', 'Two.', 'Three.']
    """
    stop = None if limit is None else whole("limit", limit, least=1)
    if isinstance(source, str) and source.startswith(HUB_PREFIX):
        texts = _hub(source.removeprefix(HUB_PREFIX), text_field=text_field, split=split)
    else:
        texts = _files(file_path("source", source), text_field=text_field)
    return islice(texts, stop)


def _files(source: Path, *, text_field: str) -> Iterator[str]:
    """Return the texts of a file, or of every file that a pattern matches, once all names are checked."""
    paths = [Path(name) for name in sorted(glob(_pattern(source), recursive=True)) if Path(name).is_file()]
    if not paths:
        raise refusal(
            "source",
            str(source),
            legal="a path or pattern that matches files, or hub:OWNER/NAME",
            step="Check the path; ** reaches into folders.",
        )
    for path in paths:
        if path.suffix not in DOCUMENT_SUFFIXES:
            raise refusal(
                "source",
                str(path),
                legal=f"files ending in {', '.join(DOCUMENT_SUFFIXES)}",
                step="Convert the file or narrow the pattern.",
            )
    return (text for path in paths for text in _file(path, text_field=text_field))


def _pattern(source: Path) -> str:
    """Return a pattern in which the names that exist stand for themselves.

    Files and folders may have names that read as patterns: `a[1].txt` as a pattern is the name `a1.txt`.
    """
    existing = next((part for part in (source, *source.parents) if part.exists()), Path())
    return str(Path(escape(str(existing)), source.relative_to(existing)))


def _file(path: Path, *, text_field: str) -> Iterator[str]:
    """Return the texts of one file of a known kind."""
    if path.suffix == ".jsonl":
        return _json_lines(path, text_field=text_field)
    if path.suffix == ".parquet":
        return _texts(_parquet(path, text_field), text_field=text_field, place=str(path))
    return iter([_plain(path)])


def _plain(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin with a mark
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error}). Convert it first.") from error


def _json_lines(path: Path, *, text_field: str) -> Iterator[str]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                place = f"{path}, line {number}"
                yield from _texts([_json(line, place)], text_field=text_field, place=place)


def _json(line: bytes, place: str) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place} is not JSON ({error}). A .jsonl file holds one object a line.") from error


def _parquet(path: Path, text_field: str) -> Iterator[object]:
    """Yield the rows of a parquet file, of which only the column of the text is read."""
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            columns = [text_field] if text_field in file.schema_arrow.names else None
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=columns):
                yield from batch.to_pylist()
    except (OSError, ValueError) as error:  # errors of the reader are one or the other
        raise ValueError(f"{path} is not readable as parquet ({error}). Write it again.") from error


def _hub(name: str, *, text_field: str, split: str) -> Iterator[str]:
    from datasets import load_dataset

    try:
        rows = load_dataset(name, split=split, streaming=True)
    except Exception as error:  # missing names, splits and networks have no common base
        raise ValueError(
            f"{HUB_PREFIX}{name}, split {split!r}, cannot be opened ({error}). Check name, split and network."
        ) from error
    return _texts(rows, text_field=text_field, place=f"{HUB_PREFIX}{name}")


def _texts(rows: Iterable[object], *, text_field: str, place: str) -> Iterator[str]:
    """Yield the text of each row; ValueError for a row that holds none in `text_field`."""
    for row in rows:
        text = row.get(text_field) if isinstance(row, dict) else None
        if not isinstance(text, str):
            has = ", ".join(row) if isinstance(row, dict) else type(row).__name__
            raise refusal(
                "text_field",
                text_field,
                legal=f"a field of text in {place}, which has {has}",
                step="Name the field that holds the text.",
            )
        yield text
