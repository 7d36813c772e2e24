"""The package's surface: light to import, free of torch, and clear about names it lacks."""

import subprocess
import sys
from pathlib import Path

import pytest

import data

ROOT = Path(data.__file__).parents[1]


def modules_after(line: str) -> set[str]:
    code = f"import sys; {line}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_is_light():
    heavy = {"numpy", "pandas", "scipy", "datasets", "tokenizers", "torch"}
    assert not heavy & modules_after("import data")


def test_tasks_need_neither_torch_nor_tokenizers():
    loaded = modules_after("from data import NIAHTask; NIAHTask().build(0)")
    assert not {"torch", "model", "tokenizers", "datasets", "scipy", "sisa_viz"} & loaded


@pytest.mark.parametrize("name", data.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    assert getattr(data, name).__doc__
    assert name in dir(data)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(AttributeError, match="data has no 'NIAH'; it has Episodes, NIAHTask"):
        data.NIAH  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
