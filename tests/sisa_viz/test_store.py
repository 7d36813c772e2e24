"""A trace comes back from its file as it went in, lazily, or not at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sisa_viz.trace import open_trace
from sisa_viz.trace.weights import ScoreForm


@pytest.mark.parametrize("options", [{}, {"d_state": 0}, {"dtype": "float16"}])
def test_round_trip(make_trace, tmp_path, options):
    trace = make_trace(**options, text="a\x00b", versions={"torch": "2.13"})
    assert trace.sisa.save(tmp_path / "t.nc") == tmp_path / "t.nc"
    with open_trace(tmp_path / "t.nc") as opened:
        xr.testing.assert_identical(opened.load(), trace)


def test_hostile_labels_survive_the_file(make_trace, hostile, tmp_path):
    trace = make_trace(length=len(hostile), labels=hostile)
    trace.sisa.save(tmp_path / "t.nc")
    with open_trace(tmp_path / "t.nc") as opened:
        assert opened["token"].values.tolist() == [label.replace("\ud800", "\\ud800") for label in hostile]


def test_opening_reads_lambda_alone_and_a_score_reads_one_head(make_trace, tmp_path, monkeypatch):
    from h5netcdf.core import BaseVariable

    make_trace(length=64, layers=3, heads=4).sisa.save(tmp_path / "t.nc")
    read: list[tuple[str, int]] = []
    original = BaseVariable.__getitem__

    def spy(variable, key):
        values = original(variable, key)
        read.append((variable.name.split("/")[-1], np.asarray(values).size))
        return values

    monkeypatch.setattr(BaseVariable, "__getitem__", spy)
    with open_trace(tmp_path / "t.nc") as opened:
        assert {name for name, _ in read} & set(opened.data_vars) == {"lam"}
        opened.sisa.content(layer=2, head=1)
        assert {size for name, size in read if name == "k"} == {64 * 8}


def test_a_failed_save_leaves_the_old_file_and_nothing_else(trace, tmp_path, monkeypatch):
    trace.sisa.save(tmp_path / "t.nc")
    before = (tmp_path / "t.nc").read_bytes()

    def fail(path, whole):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        trace.sisa.save(tmp_path / "t.nc")
    assert (tmp_path / "t.nc").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["t.nc"]


def test_a_missing_folder_is_named(trace, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        trace.sisa.save(tmp_path / "nowhere" / "t.nc")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no trace file .*t.nc'; write one with trace.sisa.save"):
        open_trace(tmp_path / "t.nc")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_file_is_refused(trace, tmp_path, share):
    whole = trace.sisa.save(tmp_path / "t.nc").read_bytes()
    (tmp_path / "t.nc").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(
        ValueError, match=r"truncated or another kind of file\. Legal: a file written by trace.sisa.save"
    ):
        open_trace(tmp_path / "t.nc")


def test_a_foreign_netcdf_file_is_refused(tmp_path):
    xr.Dataset({"a": ("x", [1, 2])}).to_netcdf(tmp_path / "f.nc", engine="h5netcdf")
    with pytest.raises(
        ValueError, match=r"NetCDF file but not a SISA trace: it has no tokens or no text; it holds \['a'\]"
    ):
        open_trace(tmp_path / "f.nc")


@pytest.mark.parametrize(
    ("text", "token", "message"),
    [
        ("5", "the", "attribute 'text' is 5, legal: a string"),
        ("[" * 100_000, "the", "maximum recursion depth exceeded"),
        ('"the"', 5, "a token is 5, legal: strings"),
        ('"the"', [1], r"a token is \[1\], legal: strings"),
    ],
)
def test_text_and_labels_of_another_kind_are_refused_and_the_file_is_closed(
    trace, tmp_path, monkeypatch, text, token, message
):
    trace.sisa.save(tmp_path / "t.nc")
    stored = xr.load_dataset(tmp_path / "t.nc", engine="h5netcdf").assign_attrs(text=text)
    labels = np.full(24, json.dumps(token), dtype=object)
    labels[0] = '"the"'
    stored.assign_coords(token=("position", labels)).to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    closed = []
    monkeypatch.setattr(xr.Dataset, "close", lambda opened: closed.append(opened))
    with pytest.raises(ValueError, match=f"NetCDF file but not a SISA trace: .*{message}"):
        open_trace(tmp_path / "t.nc")
    assert closed


def test_another_schema_is_refused(trace, tmp_path, monkeypatch):
    monkeypatch.setattr("sisa_viz.trace.check.SCHEMA", "sisa-trace/9")
    trace.attrs["schema"] = "sisa-trace/9"
    trace.sisa.save(tmp_path / "t.nc")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="schema is 'sisa-trace/9', legal: 'sisa-trace/2'"):
        open_trace(tmp_path / "t.nc")


OLD_CONFIG = {"n_heads": 3, "d_state": 4}
FIRST_SCHEMA = [
    ({}, ScoreForm(d_state=4)),
    (
        {"score": "sigmoid", "score_bias": "log_t", "score_terms": {"importance": "bias"}},
        ScoreForm(kind="sigmoid", bias="log_t", terms={"importance": "bias"}, d_state=4),
    ),
    (
        {"score": "linear", "diagonal": "without ν"},
        ScoreForm(kind="linear", d_state=4, state_space=True, note="without ν"),
    ),
]


def written_in_the_first_schema(trace: xr.Dataset, path: Path, config: dict) -> None:
    """A file whose config holds what the score is, as version 1 wrote it."""
    trace.sisa.save(path)
    stored = xr.load_dataset(path, engine="h5netcdf")
    del stored.attrs["score"]
    stored.attrs |= {"schema": "sisa-trace/1", "config": json.dumps(config)}
    stored.to_netcdf(path, engine="h5netcdf")


@pytest.mark.parametrize(("added", "form"), FIRST_SCHEMA)
def test_a_file_of_the_first_schema_reads_the_same(make_trace, tmp_path, added, form):
    silent = {name: np.zeros((2, 3, 24, 1)) for name in ("q", "k")} if form.state_space else {}
    trace = make_trace(score=form, config=OLD_CONFIG, **silent)
    written_in_the_first_schema(trace, tmp_path / "old.nc", OLD_CONFIG | added)
    with open_trace(tmp_path / "old.nc") as opened:
        assert opened.sisa.score == trace.sisa.score == form
        assert opened.sisa.config == OLD_CONFIG | added
        assert (opened.sisa.is_state_space, opened.sisa.has_lam) == (form.state_space, not form.state_space)
        at = {"layer": 1, "head": 2}
        xr.testing.assert_identical(opened.sisa.pattern(**at), trace.sisa.pattern(**at))
        opened.sisa.save(tmp_path / "new.nc")
    with open_trace(tmp_path / "new.nc") as again:
        assert (again.attrs["schema"], again.sisa.score) == ("sisa-trace/2", form)


@pytest.mark.parametrize("config", [{}, {"d_state": 4, "score": "tanh"}, [1]])
def test_a_file_of_the_first_schema_with_another_config_is_refused(trace, tmp_path, config):
    written_in_the_first_schema(trace, tmp_path / "old.nc", config)
    with pytest.raises(ValueError, match="NetCDF file but not a SISA trace"):
        open_trace(tmp_path / "old.nc")


FULL_DISK = """
import resource, signal, sys
from random_traces import make
from sisa_viz.trace.store import save_trace

trace = make(length=512, layers=4, heads=4)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the signal that a file of this size would send
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    save_trace(trace, sys.argv[1])
except OSError as error:
    sys.exit(f"refused: {error}")
"""


def test_a_full_disk_is_an_error_and_no_end_of_the_process(trace, tmp_path):
    path = trace.sisa.save(tmp_path / "t.nc")
    before = path.read_bytes()
    search = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        env=os.environ | {"PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert f"refused: [Errno 27] cannot write {path}: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["t.nc"]
