"""Files appear whole or not at all, and only where a regular file is or can be."""

import errno
import hashlib
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
PART_NAME = re.compile(r"\.(?P<machine>[0-9a-f]{8})-(?P<process>[0-9]+)-[0-9a-f]{16}\.part")


@contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a name beside `path` to write to, and rename it to `path` once the block has succeeded.

    A reader therefore sees the old file or the new one, never half of one, even if the process is killed.
    If the block fails, what it wrote is removed and an older file at `path` stays as it was, permissions
    included. Where `path` is a link, the file that it leads to is written and the link stays. What a killed
    process of this machine left in the folder is removed.

    Args:
        path: the file that shall appear; its folder must exist.

    Yields:
        A path in the same folder, hidden and not in use by any other process.

    Raises:
        FileNotFoundError: if the folder does not exist; the message names it.
        IsADirectoryError: if `path` is a folder.
        FileExistsError: if `path` is a device, a pipe or a socket, which a rename would destroy.
        PermissionError: if folder or file may not be written.
        OSError: if the disk is full, or no file can have such a name.

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
    target = _writable(path)
    clear_parts(target.parent)
    # Renaming is one step only inside one file system, so the aside lies beside the target and not in /tmp.
    # A random name of 64 bits keeps two writers of the same file apart; machine and process say whose it is.
    aside = target.with_name(f".{_machine()}-{os.getpid()}-{secrets.token_hex(8)}.part")
    try:
        yield aside
        _to_disk(aside)
        if target.exists():
            os.chmod(aside, stat.S_IMODE(target.stat().st_mode))
        os.replace(aside, target)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        step = "What was there before is as it was. Free some space, or choose another disk."
        raise OSError(error.errno, f"cannot write {target}: {os.strerror(error.errno)}. {step}") from error
    finally:
        aside.unlink(missing_ok=True)


def clear_parts(folder: str | os.PathLike[str]) -> None:
    """Remove the unfinished files of `write_aside` whose writers are dead.

    A file counts only if its name says that a process of this machine wrote it and no such process runs.
    Files of other programs, of other machines that share the folder, and of writers at work all stay.

    Args:
        folder: an existing folder; folders below it are not looked at.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, ".movie.mkv.part").write_text("not ours")
        ...     clear_parts(folder)
        ...     [path.name for path in Path(folder).iterdir()]
        ['.movie.mkv.part']
    """
    for path in Path(folder).glob(".*.part"):
        name = PART_NAME.fullmatch(path.name)
        if name and name["machine"] == _machine() and not _alive(int(name["process"])):
            with suppress(OSError):  # another process was faster, or may do what this one may not
                path.unlink()


def _writable(path: str | os.PathLike[str]) -> Path:
    """Return the file that a path leads to, links resolved; refuse what no regular file can replace."""
    target = Path(path)
    try:
        target = Path(os.path.realpath(path))
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        mode = None
    except (ValueError, OSError) as error:  # a NUL in the name, a name that is too long
        raise OSError(f"cannot write {str(path)[:120]!r}: {error}; choose another name") from error
    if mode is None:
        _check_folder(target)
        return target
    if stat.S_ISLNK(mode):  # what realpath could not resolve
        raise OSError(errno.ELOOP, f"cannot write {target}: it is a link that leads to itself")
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"cannot write {target}: it is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        kind = "a device, a pipe or a socket"
        raise FileExistsError(f"cannot write {target}: it is no regular file but {kind}; name another")
    if not os.access(target, os.W_OK):
        raise PermissionError(f"cannot write {target}: it is read-only; name another")
    _check_folder(target)
    return target


def _check_folder(target: Path) -> None:
    """Refuse a folder that does not exist or may not be written to."""
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {target}: the folder {target.parent} does not exist; make it first"
        )
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"cannot write {target}: the folder {target.parent} is read-only")


def _to_disk(path: Path) -> None:
    """Wait until a file's bytes are on disk, since some disks say only then that they are full."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _machine() -> str:
    """Return eight digits that stand for this machine; a process number means nothing on another one."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _alive(process: int) -> bool:
    """Return whether a process of this number runs; where that cannot be asked, that it does."""
    if os.name == "nt":  # there signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
