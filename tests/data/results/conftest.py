"""Tables of runs and folders that hold them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from run_folders import write_run_folder

from data import measured


@pytest.fixture(scope="session")
def metrics() -> pd.DataFrame:
    return measured.tiny()


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run folder of this name, see `write_run_folder`."""
    return lambda name, **contents: write_run_folder(tmp_path / name, **contents)
