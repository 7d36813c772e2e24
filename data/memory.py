"""How much memory a request would take, refused with the figure before anything is built."""

import os
from pathlib import Path

from data.refusal import refusal

MOST_BYTES = 16 << 30  # rows of token ids that take more are a slip of the pen
MOST_SEED = (1 << 64) - 1  # the largest that PyTorch takes
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
GIB = 1 << 30
MOST_SHOWN = 2**120  # bytes in a message


def check_memory(field: str, value: object, *, n_bytes: int, step: str, limit: int | None = None) -> None:
    """Refuse a size whose arrays would not fit into memory.

    The limit is the memory of this machine, or of the container that the process runs in, and at most
    16 GiB: nothing that is built from text needs more.

    Args:
        field: name of the field that is too large.
        value: what was received.
        n_bytes: what its arrays would take, in bytes.
        step: a whole sentence that says what to do next.
        limit: bytes that may be taken instead, for what is not built from text alone.

    Raises:
        ValueError: if it does not fit; the message has the estimate and the limit.

    Example:
        >>> check_memory("batch_size", 64, n_bytes=64 * 512 * 16, step="Take fewer rows.")
        >>> check_memory("batch_size", 10**9, n_bytes=10**9 * 512 * 16, step="Take fewer rows.")
        Traceback (most recent call last):
        ValueError: batch_size is 1000000000; legal: what fits into ... about 7,629.4 GiB. Take fewer rows.
    """
    limit = memory_limit() if limit is None else limit
    if n_bytes > limit:
        # A whole number of thousands of digits is beyond all floats, and nobody reads as many digits.
        about = "about" if n_bytes <= MOST_SHOWN else "more than"
        estimate = f"this would take {about} {min(n_bytes, MOST_SHOWN) / GIB:,.1f} GiB"
        legal = f"what fits into {limit / GIB:,.1f} GiB of memory; {estimate}"
        raise refusal(field, value, legal=legal, step=step)


def memory_limit() -> int:
    """Return the bytes that arrays of a request may take, at most 16 GiB.

    Example:
        >>> 0 < memory_limit() <= MOST_BYTES
        True
    """
    return min(MOST_BYTES, machine_memory())


def machine_memory() -> int:
    """Return the bytes of memory of this machine, or of the container that the process runs in.

    16 GiB where the system does not say.

    Example:
        >>> machine_memory() >= memory_limit()
        True
    """
    limits = []
    if hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(os.sysconf_names):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if CGROUP_LIMIT.is_file():
        given = CGROUP_LIMIT.read_text(encoding="ascii").strip()  # a number, or "max" for none
        limits += [int(given)] if given.isdigit() else []
    return min((limit for limit in limits if limit > 0), default=MOST_BYTES)
