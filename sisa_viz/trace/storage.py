"""What a trace file may be made of, looked at before a number of it is read.

HDF5 can do more than hold numbers: a variable may be stored in another file, be put together from other
files, be a link to one, or be decoded by a plug-in. A trace made by somebody else could so bring a private
file of this disk onto a page. It can also declare a length that it does not hold.
"""

import os
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

LONGEST_DIMENSION = 2**20  # entries along one dimension: a text of a million tokens
LABELS_AT_ONCE = 64
WITHOUT_NUMBERS = b"This is a netCDF dimension but not a netCDF variable"  # the mark of a bare length
REFERENCES = ("DIMENSION_LIST", "REFERENCE_LIST")  # how NetCDF joins variables and dimensions of one file
TEXT_ENTRY = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
LAYOUTS = (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED, h5py.h5d.COMPACT)
SAVE_AGAIN = "Ask whoever made the file for one that trace.sisa.save(path) wrote."


class StorageError(ValueError):
    """Say that a file stores something in a way in which no trace is stored.

    It is an error of its own because the libraries that read HDF5 raise plain ValueErrors for damage.

    Example:
        >>> issubclass(StorageError, ValueError)
        True
    """


def check_storage(path: str | os.PathLike[str]) -> None:
    """Refuse a file that reads other files, or holds less than it declares.

    Every variable has to be a plain array of this very file, without links, filters and references, no longer
    than 1,048,576 along any dimension, with all its bytes in the file.

    Args:
        path: an HDF5 file.

    Raises:
        StorageError: names the variable, what it is and what is legal.
        OSError: it is no HDF5 file, or a truncated one.

    Example:
        >>> import tempfile
        >>> from sisa_viz.examples import example_trace
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     check_storage(example_trace().sisa.save(f"{folder}/code.nc"))
    """
    size = Path(path).stat().st_size
    with h5py.File(path, "r") as file:
        _check_attributes("the file", file, size)
        variables = {f"variable {name!r}": _plain(file, name, size) for name in map(str, file)}
        for words, variable in variables.items():  # only now is anything read
            if h5py.check_string_dtype(variable.dtype) is not None:
                _check_labels(words, variable, size)


def _plain(file: h5py.File, name: str, file_size: int) -> h5py.Dataset:
    """Return a variable that is known to be a plain array of this file."""
    link, words = file.get(name, getlink=True), f"variable {name!r}"
    if not isinstance(link, h5py.HardLink):
        raise _refused(words, f"a link ({type(link).__name__})", "numbers of this file, no links")
    variable = file[name]
    if not isinstance(variable, h5py.Dataset):
        raise _refused(words, f"a {type(variable).__name__}", "variables, without groups or types")
    _check_kind(words, variable)
    _check_size(words, variable, file_size)
    _check_attributes(words, variable, file_size)
    return variable


def _refused(name: str, value: str, legal: str) -> StorageError:
    return StorageError(f"{name} is {value}; legal: {legal}. {SAVE_AGAIN}")


def _check_kind(name: str, variable: h5py.Dataset) -> None:
    """Refuse what reads other files, runs a plug-in, or holds anything but numbers and text."""
    stored = variable.id.get_create_plist()
    if stored.get_external_count():
        raise _refused(name, "stored in another file (external)", "numbers in the trace file itself")
    if stored.get_layout() == h5py.h5d.VIRTUAL:
        raise _refused(name, "put together from other files (virtual)", "numbers in the trace file itself")
    if stored.get_layout() not in LAYOUTS:
        raise _refused(name, "stored in an unknown layout", "contiguous, chunked or compact")
    if stored.get_nfilters():
        filters = ", ".join(str(stored.get_filter(at)[0]) for at in range(stored.get_nfilters()))
        raise _refused(name, f"stored through filters (numbers {filters})", "numbers without filters")
    if variable.dtype.kind not in "biufS" and h5py.check_string_dtype(variable.dtype) is None:
        raise _refused(name, f"of type {variable.dtype}", "numbers or text, no references")


def _check_size(name: str, variable: h5py.Dataset, file_size: int) -> None:
    """Refuse a length beyond the limit, and numbers of which the file does not hold the bytes.

    A bare length, such as d_head, has a dataset without numbers; nothing ever reads one.
    """
    if max(variable.shape or (0,)) > LONGEST_DIMENSION:
        legal = f"at most {LONGEST_DIMENSION:,} along each dimension"
        raise _refused(name, f"of shape {variable.shape}", legal)
    needed = int(variable.size or 0) * variable.id.get_type().get_size()
    held = variable.id.get_storage_size()
    if not held and _is_bare_length(variable):
        return
    if needed > min(held, file_size):
        legal = f"what the file holds of it, {min(held, file_size):,} bytes"
        raise _refused(name, f"of shape {variable.shape}, {needed:,} bytes", legal)


def _is_bare_length(variable: h5py.Dataset) -> bool:
    if "NAME" not in variable.attrs:
        return False
    return np.asarray(variable.attrs["NAME"]).tobytes().startswith(WITHOUT_NUMBERS)


def _check_attributes(name: str, owner: h5py.File | h5py.Dataset, file_size: int) -> None:
    """Refuse attributes that are references or many texts; one text, or numbers, are no harm.

    Texts of free length lie on a heap, where a million of them may be one and the same megabyte.
    """
    for key in owner.attrs:
        attribute = owner.attrs.get_id(key)
        if key in REFERENCES and owner is not owner.file:
            continue
        count = 1
        for length in attribute.shape or ():
            count *= length
        text = h5py.check_string_dtype(attribute.dtype)
        free = text is not None and text.length is None
        plain = attribute.dtype.kind in "biufS" or text is not None
        if not plain or (free and count > 1) or count * attribute.dtype.itemsize > file_size:
            value = f"of type {attribute.dtype}, shape {attribute.shape}"
            raise _refused(f"attribute {key!r} of {name}", value, "one text, or numbers")


def _heaps_end(variable: h5py.Dataset, file_size: int) -> bool:
    """Return whether the heaps on which texts of free length lie can be walked from begin to end.

    HDF5 walks a heap object by object, and for ever where one says that it has no size: a single flipped bit
    would hang the process, deaf to Ctrl-C. Each text is a length (4 bytes), the address of its heap (8) and
    its number there (4); a heap is 16 bytes with its own size, then objects of 16 bytes and their text.
    """
    text, start = h5py.check_string_dtype(variable.dtype), variable.id.get_offset()
    if text is None or text.length is not None or not variable.size:
        return True
    if start is None or variable.id.get_storage_size() != TEXT_ENTRY.itemsize * variable.size:
        return False  # in chunks, or with addresses of another size, which no trace has
    with Path(variable.file.filename).open("rb") as file:
        file.seek(start)
        entries = np.frombuffer(file.read(TEXT_ENTRY.itemsize * variable.size), TEXT_ENTRY)
        heaps = np.unique(entries["heap"][entries["length"] > 0]).tolist()
        return all(_heap_ends(file, heap, file_size) for heap in heaps)


def _heap_ends(file: BinaryIO, start: int, file_size: int) -> bool:
    if start > file_size:
        return False
    file.seek(start)
    head = file.read(16)
    size = int.from_bytes(head[8:], "little")
    if not head.startswith(b"GCOL") or not 16 <= size <= file_size - start:
        return False
    heap, at = head + file.read(size - 16), 16
    while size - at >= 16:
        number, taken = (
            int.from_bytes(heap[at : at + 2], "little"),
            int.from_bytes(heap[at + 8 : at + 16], "little"),
        )
        step = 16 + -(-taken // 8) * 8 if number else taken  # number 0 is free space, its head counted
        if not 16 <= step <= size - at:
            return False
        at += step
    return True


def _check_labels(name: str, variable: h5py.Dataset, file_size: int) -> None:
    """Refuse texts that are together longer than the file: they lie in it once and are named many times."""
    if variable.ndim != 1:
        raise _refused(name, f"text of shape {variable.shape}", "text along one dimension")
    if not _heaps_end(variable, file_size):
        raise _refused(name, "text on a damaged heap", "text as it was written")
    read = 0
    for start in range(0, len(variable), LABELS_AT_ONCE):
        read += sum(map(len, variable[start : start + LABELS_AT_ONCE]))
        if read > file_size:
            raise _refused(name, "text longer than the file", f"at most {file_size:,} bytes, the file's size")
