"""Files appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a name beside `path` to write to, and rename it to `path` once the block has succeeded.

    A reader therefore sees the old file or the new one, never half of one, even if the process is killed.
    If the block fails, what it wrote is removed and an older file at `path` stays as it was.

    Args:
        path: the file that shall appear; its folder must exist.

    Yields:
        A path in the same folder, hidden and not in use by any other process.

    Raises:
        FileNotFoundError: if the folder does not exist; the message names it.
        IsADirectoryError: if `path` is a folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with write_aside(Path(folder, "table.csv")) as aside:
        ...         _ = aside.write_text("step,loss")
        ...         print("before:", Path(folder, "table.csv").exists())
        ...     print("after:", Path(folder, "table.csv").read_text())
        before: False
        after: step,loss
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder; name a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {target}: the folder {target.parent} does not exist; make it first"
        )
    # Renaming is one step only inside one file system, so the aside lies beside the target and not in /tmp.
    # A random name of 64 bits keeps two processes that write the same file apart.
    aside = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield aside
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
