"""Take a file from the Hugging Face hub: the one place of this project that reaches for it."""

from __future__ import annotations

from pathlib import Path

from data.refusal import refusal

ADDRESS = "https://huggingface.co/{repository}/resolve/main/{file}"


def fetch(repository: str, file: str, *, download: bool) -> Path:
    """Return a file of a repository of models: from the hub's own cache on this machine, or downloaded to it.

    Where that cache lies is the hub's matter (HF_HOME); a download that was cut off goes on there.

    Args:
        repository: OWNER/NAME.
        file: its path in the repository.
        download: False makes no request, so that only what was downloaded before is found.

    Raises:
        FileNotFoundError: it is not in the cache and cannot be downloaded; says why.
        ValueError: the repository is there and holds no such file; lists what it holds.

    Example:
        >>> fetch("nobody/nothing", "final.pt", download=False)
        Traceback (most recent call last):
        FileNotFoundError: final.pt of nobody/nothing was never downloaded here, and a download was not ...
    """
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    wanted = f"{file} of {repository}"
    try:
        return Path(huggingface_hub.hf_hub_download(repository, file, local_files_only=not download))
    except LocalEntryNotFoundError as error:
        why = "and the hub was not reached" if download else "and a download was not asked for"
        raise FileNotFoundError(f"{wanted} was never downloaded here, {why}") from error
    except EntryNotFoundError as error:
        legal, step = _listing(repository), "Names on the hub have changed: download the file by hand."
        raise refusal(f"file of {repository}", file, legal=legal, step=step) from error
    except Exception as error:  # of HTTP, of the hub and of the disk, a dozen kinds that share no class
        came = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise FileNotFoundError(f"{wanted} could not be downloaded ({came})") from error


def _listing(repository: str) -> str:
    """Return the names of the files that a repository holds, sorted, in words."""
    import huggingface_hub

    try:
        names = sorted(huggingface_hub.list_repo_files(repository))
    except Exception as error:  # the same dozen
        return f"what the repository lists, which could not be read ({type(error).__name__})"
    return ", ".join(names) or "nothing: it is empty"
