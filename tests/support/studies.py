"""What tests of the study have in common: how runs were trained, and its command line."""

from typing import Any

from typer.testing import CliRunner

from model.study.__main__ import app

TRAINED: dict[str, Any] = {"gpu": "none", "commit": "abc", "date": "2026-11-23", "command": "pytest"}
TOLD = [f"--{name}={value}" for name, value in TRAINED.items()]


def command(*arguments):
    """python -m model.study ..."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output
