"""`sisa capture`: a text or a file becomes the trace that the model itself would make."""

import numpy as np
import pytest
from typer.testing import CliRunner

from model import load
from model.cli import app
from sisa_viz import open_trace

TEXT = "The secret number is 4821. It rains."


def sisa(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("as_file", [False, True])
def test_the_trace_is_that_of_the_text(tmp_path, as_file):
    given = TEXT
    if as_file:
        given = tmp_path / "text.md"
        given.write_text(TEXT, encoding="utf-8")
    result = sisa("capture", given, "-o", tmp_path / "t.nc")
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(tmp_path / "t.nc")
    trace, expected = open_trace(tmp_path / "t.nc").load(), load("niah").capture(TEXT)
    assert trace.attrs["text"] == TEXT
    np.testing.assert_array_equal(trace["q"], expected["q"])


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", [], "legal: a text of at least one token"),
        ("x", ["-o", "t.txt"], "output is 't.txt'; legal: a name that ends in .nc"),
        ("x", ["--model", "gpt2"], "gpt2"),
        ("latin.txt", [], "legal: a text in UTF-8"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(tmp_path, monkeypatch, text, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    result = sisa("capture", text, *options)
    assert result.exit_code == 1
    assert result.stderr.startswith("sisa: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.glob("*.nc"))


def test_the_other_commands_are_there_too():
    assert "doctor" in sisa().output
