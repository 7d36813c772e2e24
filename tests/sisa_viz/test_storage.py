"""A trace file made by somebody else reads no other file and costs no more than its size."""
# what lies under a name of an HDF5 file is known when it is read: to the type checker it may be a Datatype
# pyright: reportAttributeAccessIssue=false, reportIndexIssue=false

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from sisa_viz.trace import open_trace
from sisa_viz.trace.storage import LONGEST_DIMENSION

SECRET = b"the private key of a user " * 4096


@pytest.fixture
def saved(trace, tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    return trace.sisa.save(tmp_path / "t.nc")


def replaced(file: h5py.File, name: str, **options) -> h5py.Dataset:
    """Make a variable anew, with the dimensions and attributes that it had."""
    old = file[name]
    shape, dtype, attributes = old.shape, old.dtype, {key: old.attrs[key] for key in ("long_name", "units")}
    scales = [old.dims[axis][0] for axis in range(old.ndim)]
    for axis, scale in enumerate(scales):
        old.dims[axis].detach_scale(scale)
    del file[name]
    new = file.create_dataset(name, options.pop("shape", shape), options.pop("dtype", dtype), **options)
    new.attrs.update(attributes)
    for axis, scale in enumerate(scales):
        new.dims[axis].attach_scale(scale)
    return new


def external(file, folder):
    replaced(file, "q", external=[(str(folder / "secret"), 0, h5py.h5f.UNLIMITED)])


def virtual(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other.create_dataset("q", data=np.zeros(file["q"].shape, "float32"))
    layout = h5py.VirtualLayout(file["q"].shape, "float32")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "q", file["q"].shape)
    del file["q"]
    file.create_virtual_dataset("q", layout)


def external_link(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        file.copy("q", other)
    del file["q"]
    file["q"] = h5py.ExternalLink(str(folder / "other.h5"), "q")


def soft_link(file, folder):
    del file["q"]
    file["q"] = h5py.SoftLink("/k")


def filtered(file, folder):
    replaced(file, "q", chunks=True, compression="gzip")


def references(file, folder):
    file.create_dataset("more", (3,), h5py.ref_dtype)


def group(file, folder):
    file.create_group("more")


def reference_attribute(file, folder):
    file["q"].attrs["other"] = file["k"].ref


def many_texts(file, folder):
    file.attrs["config"] = ["{}", "{}"]


HOSTILE = [
    (
        external,
        r"variable 'q' is stored in another file \(external\); legal: numbers in the trace file itself",
    ),
    (virtual, r"variable 'q' is put together from other files \(virtual\)"),
    (external_link, r"variable 'q' is a link \(ExternalLink\); legal: numbers of this file, no links"),
    (soft_link, r"variable 'q' is a link \(SoftLink\)"),
    (filtered, r"variable 'q' is stored through filters \(numbers 1\); legal: numbers without filters"),
    (references, "variable 'more' is of type object; legal: numbers or text, no references"),
    (group, "variable 'more' is a Group"),
    (reference_attribute, "attribute 'other' of variable 'q' is of type object"),
    (many_texts, r"attribute 'config' of the file is of type object, shape \(2,\)"),
]


@pytest.mark.parametrize(("spoil", "message"), HOSTILE, ids=[spoil.__name__ for spoil, _ in HOSTILE])
def test_what_is_no_plain_array_of_this_file_is_refused(saved, tmp_path, spoil, message, monkeypatch):
    with h5py.File(saved, "r+") as file:
        spoil(file, tmp_path)
    read, original = [], h5py.Dataset.__getitem__

    def spy(variable, key):
        read.append(variable.name)
        return original(variable, key)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", spy)
    with pytest.raises(ValueError, match=message):
        open_trace(saved)
    assert not read


def test_a_page_never_holds_another_file(saved, tmp_path):
    with h5py.File(saved, "r+") as file:
        external(file, tmp_path)
    program = [sys.executable, "-c", "from sisa_viz.cli import app; app()"]
    command = [*program, "explore", str(saved), "-o", str(tmp_path / "page.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "variable 'q' is stored in another file" in done.stderr
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("name", ["q", "clamped"])
def test_a_declared_length_that_the_file_does_not_hold_is_refused(saved, name):
    with h5py.File(saved, "r+") as file:
        replaced(file, name, chunks=True)  # no chunk of it is ever written
    with pytest.raises(
        ValueError, match=rf"variable '{name}' is of shape .* bytes; legal: what the file hold"
    ):
        open_trace(saved)


def test_a_dimension_beyond_the_limit_is_refused(saved):
    with h5py.File(saved, "r+") as file:
        file.create_dataset("more", (10**8,), "int64", chunks=(64,))
    with pytest.raises(
        ValueError, match=rf"shape \(100000000,\); legal: at most {LONGEST_DIMENSION:,} along"
    ):
        open_trace(saved)


def test_too_many_spans_are_refused(saved):
    with h5py.File(saved, "r+") as file:
        file.attrs["spans"] = json.dumps({str(at): [0, 1] for at in range(20_000)})
    with pytest.raises(ValueError, match="spans is 20,000 spans; legal: at most 1,000"):
        open_trace(saved)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_lambda_that_is_not_finite_is_refused_on_opening(saved, value):
    with h5py.File(saved, "r+") as file:
        file["lam"][1, 2] = value
    with pytest.raises(ValueError, match=r"lam holds 1 values that are not finite, the first at .*'head': 2"):
        open_trace(saved)


@pytest.mark.parametrize("name", ["q", "k", "b_rot", "c_rot", "anchored_decay"])
def test_numbers_that_are_not_finite_are_refused_when_their_head_is_read(saved, name):
    with h5py.File(saved, "r+") as file:
        file[name][1, 2, 5] = np.nan
    with open_trace(saved) as opened:
        assert np.isfinite(opened.sisa.scores(layer=0, head=0)).sum() > 0
        with pytest.raises(ValueError, match=f"{name} holds .* values that are not finite"):
            opened.sisa.scores(layer=1, head=2)


@pytest.mark.parametrize("name", ["log_decay", "anchored_decay"])
def test_decay_that_is_not_finite_is_refused_when_it_is_read(saved, name):
    with h5py.File(saved, "r+") as file:
        file[name][1, 2, 5] = -np.inf
    ask = {"log_decay": "half_life", "anchored_decay": "retention"}[name]
    with open_trace(saved) as opened, pytest.raises(ValueError, match=f"{name} holds 1 values"):
        getattr(opened.sisa, ask)()


OPENED = """
import sys
from sisa_viz.trace import open_trace
try:
    open_trace(sys.argv[1])
except ValueError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("size", [0, 2**64 - 16])
def test_a_heap_that_never_ends_is_refused_and_not_walked(saved, size):
    raw = bytearray(saved.read_bytes())
    with h5py.File(saved) as file:
        start = file["token"].id.get_offset()
    heap = int.from_bytes(raw[start + 4 : start + 12], "little")
    assert raw[heap : heap + 4] == b"GCOL"
    raw[heap + 16 : heap + 18] = (0 if size == 0 else 1).to_bytes(2, "little")
    raw[heap + 24 : heap + 32] = size.to_bytes(8, "little")
    saved.write_bytes(raw)
    program = [sys.executable, "-c", OPENED, str(saved)]  # in this process the library could not be stopped
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=30)
    assert "variable 'token' is text on a damaged heap; legal: text as it was written" in done.stderr
