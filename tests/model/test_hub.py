"""One file of the hub: found, downloaded, or missing for a reason that is told; its client is a stand-in."""

import huggingface_hub
import pytest
from huggingface_hub.errors import EntryNotFoundError

from model.weights.hub import fetch


def test_offline_the_hub_finds_only_what_was_downloaded_before():
    for download, why in ((False, "a download was not asked for"), (True, "the hub was not reached")):
        with pytest.raises(FileNotFoundError, match=f"x.pt of a/b was never downloaded here, and {why}"):
            fetch("a/b", "x.pt", download=download)  # HF_HUB_OFFLINE is set for every test


@pytest.fixture
def answer(monkeypatch):
    """A function that lets the hub's client return or raise something, and returns what it was asked."""

    def answer(said, *, names=()) -> dict:
        options = {}

        def asked(*_, **given):
            options.update(given)
            if isinstance(said, Exception):
                raise said
            return said

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", asked)
        monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda _: list(names))
        return options

    return answer


def test_what_the_hub_gives_is_the_file(answer, tmp_path):
    options = answer(str(tmp_path / "blob"))
    assert fetch("a/b", "x.pt", download=True) == tmp_path / "blob"
    assert options == {"local_files_only": False}
    fetch("a/b", "x.pt", download=False)
    assert options == {"local_files_only": True}


def test_a_name_that_the_hub_lacks_is_answered_with_what_it_holds(answer):
    answer(EntryNotFoundError("404"), names=["b.pt", "a/final.pt"])
    with pytest.raises(ValueError, match=r"file of a/b is 'x.pt'; legal: a/final.pt, b.pt\. .*by hand"):
        fetch("a/b", "x.pt", download=True)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("xet\nmore")], ids=repr
)
def test_a_download_that_failed_says_of_what(answer, error):
    answer(error)
    with pytest.raises(FileNotFoundError, match=r"x.pt of a/b could not be downloaded \(\w+Error: [^\n]+\)$"):
        fetch("a/b", "x.pt", download=True)
