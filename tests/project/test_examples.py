"""Every example in a docstring or in docs/ runs and prints what it says; links in docs/ lead somewhere."""

import doctest
import importlib
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOMS = ("data", "model", "sisa_viz")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.REPORT_NDIFF
DOCS = sorted((Path(__file__).resolve().parents[2] / "docs").rglob("*.md"))
SESSION = re.compile(r"```pycon\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
BY_HAND = ("__main__",)  # commands, which run when they are imported
KERNELS = "model.mixers.attention.tiles."  # they import Triton, which comes with PyTorch for GPUs


def modules() -> list[str]:
    """Every file of the three rooms, by its dotted name."""
    packages = [importlib.import_module(room) for room in ROOMS]
    found = [
        module.name
        for package in packages
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    if find_spec("triton") is None:
        found = [name for name in found if not name.startswith(KERNELS)]
    return [*ROOMS, *(name for name in found if name.rpartition(".")[2] not in BY_HAND)]


@pytest.mark.parametrize("name", modules())
def test_examples_of(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for examples in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        runner.run(examples, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_examples_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    sessions = "\n".join(SESSION.findall(page.read_text()))
    runner.run(doctest.DocTestParser().get_doctest(sessions, {}, page.name, str(page), 0), out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page):
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


def test_a_wrong_example_fails():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(wrong, out=lambda _: None)
    assert runner.summarize(verbose=False).failed == 1
