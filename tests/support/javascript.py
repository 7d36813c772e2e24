"""JavaScript of the project under node's own test runner."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

node = shutil.which("node")
needs_node = pytest.mark.skipif(node is None, reason="no node on PATH; users need none, only these tests do")


def run_javascript(folder: Path, cases: Path) -> str:
    """What node prints of the tests in a folder, on cases that Python wrote; none of them fails."""
    done = subprocess.run(
        [str(node), "--test", *sorted(map(str, folder.glob("*.test.mjs")))],
        env=os.environ | {"SISA_CASES": str(cases)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout
    return done.stdout
