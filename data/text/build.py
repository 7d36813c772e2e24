"""The embedded corpus: documentation that every Python installation already holds.

Documents are the docstrings of one file each (standard library, then packages by name) and parts of the
topics of ``pydoc_data``. A docstring that was seen before is left out. Order, split and tokens depend on
the installed versions alone; the corpus' sha256 tells two of them apart.
"""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from data.refusal import refusal
from data.text.corpus import TokenCorpus, is_heldout
from data.text.docstrings import docstrings, installed, package_files, standard_library
from data.text.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TRAINING_CHARACTERS = 12_000_000
PART_CHARACTERS = 2000


def build_corpus(
    path: str | Path | None = None,
    *,
    packages: Sequence[str] | None = None,
    lock: str | Path | None = None,
    d_vocab: int = 4096,
    rebuild: bool = False,
    progress: Callable[[str], object] | None = print,
) -> TokenCorpus:
    """The embedded corpus, from the file at ``path`` if it is there, else built and stored in it.

    ``path`` defaults to the cache folder ($SISA_CACHE or the platform's). ``packages`` are names of
    installed distributions; ``lock`` is a requirements file, of whose pins those are taken that are
    installed; by default all that is installed, and then a file made elsewhere is used as it is.
    ``progress`` takes one line at a time. About 100 seconds on one core.
    """
    path = Path(path) if path is not None else cache_folder() / f"corpus-{d_vocab}.npz"
    asked = _asked_packages(packages, lock)
    if path.exists() and not rebuild:
        return _stored(path, packages=asked, d_vocab=d_vocab)
    tell = progress or _silent
    chosen = _versions(installed()) if asked is None else asked
    texts = list(embedded_documents(chosen, tell=tell))
    tell(f"corpus: training {d_vocab:,} symbols")
    tokenizer = train_tokenizer(_sample(texts), d_vocab=d_vocab)
    tell(f"corpus: tokenising {len(texts):,} documents")
    metadata = {"python": platform.python_version(), "d_vocab": d_vocab, "packages": chosen}
    corpus = TokenCorpus.from_documents(texts, tokenizer=tokenizer, metadata=metadata)
    corpus.save(path)
    tell(f"corpus: {len(corpus.tokens):,} tokens, sha256 {corpus.sha256[:12]}, {path}")
    return corpus


def topics_corpus(tokenizer: "Tokenizer | None" = None, *, d_vocab: int = 1024) -> TokenCorpus:
    """A small corpus at once: Python's language reference in ``pydoc_data.topics``, nothing scanned.

    Without a ``tokenizer`` one of ``d_vocab`` symbols is trained on its training documents.
    """
    texts = _topics()
    tokenizer = tokenizer or train_tokenizer(_sample(texts), d_vocab=d_vocab)
    metadata = {"python": platform.python_version(), "packages": {}}
    return TokenCorpus.from_documents(texts, tokenizer=tokenizer, metadata=metadata)


@lru_cache(maxsize=2)
def open_corpus(path: str) -> TokenCorpus:
    """The corpus in a file, or for "" the documentation that comes with Python."""
    return TokenCorpus.load(path) if path else topics_corpus()


def embedded_documents(
    packages: Iterable[str], *, tell: Callable[[str], object] | None = None
) -> Iterator[str]:
    """Documents of the topics, the standard library and ``packages``, without repeated docstrings."""
    found, names, seen = installed(), list(packages), set()
    yield from _topics()
    yield from _unseen(standard_library(), seen)
    for count, name in enumerate(names, start=1):
        yield from _unseen(package_files(found[name]), seen)
        if tell and (count % 25 == 0 or count == len(names)):
            tell(f"corpus: read {count} of {len(names)} packages, {len(seen):,} docstrings")


def cache_folder() -> Path:
    """$SISA_CACHE, or the platform's folder for caches."""
    from platformdirs import user_cache_path

    given = os.environ.get("SISA_CACHE")
    return Path(given) if given else user_cache_path("sisa-lens")


def locked(path: str | Path) -> list[str]:
    """Canonical names of the distributions that a requirements file pins, sorted."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return sorted({name for line in lines for name in _pinned(line)})


def _pinned(line: str) -> Iterator[str]:
    """Canonical name of the distribution that one line of a requirements file pins with ``==``."""
    text = line.partition(" #")[0].partition(" --")[0].rstrip("\\ ")  # comments, hashes, continued lines
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return
    if any(specifier.operator == "==" for specifier in requirement.specifier):
        yield canonicalize_name(requirement.name)


def _topics() -> list[str]:
    from pydoc_data.topics import topics

    return [part for _, text in sorted(topics.items()) for part in _parts(text.strip())]


def _parts(text: str) -> Iterator[str]:
    """``text`` in parts of about ``PART_CHARACTERS`` characters, cut between paragraphs."""
    held: list[str] = []
    for paragraph in text.split("\n\n"):
        held.append(paragraph)
        if sum(map(len, held)) >= PART_CHARACTERS:
            yield "\n\n".join(held)
            held = []
    if held:
        yield "\n\n".join(held)


def _unseen(files: Iterable[Path], seen: set[str]) -> Iterator[str]:
    """One document per file: its docstrings that are not in ``seen``, which grows."""
    for file in files:
        try:
            found = docstrings(file.read_bytes())
        except OSError:
            continue
        new = [text for text in dict.fromkeys(found) if text not in seen]
        seen.update(new)
        if new:
            yield "\n\n".join(new)


def _sample(texts: Sequence[str]) -> Iterator[str]:
    """Training documents at even steps, about ``TRAINING_CHARACTERS`` of them."""
    step = max(1, round(sum(map(len, texts)) / TRAINING_CHARACTERS))
    return (text for text in texts[::step] if not is_heldout(text))


def _stored(path: Path, *, packages: dict[str, str] | None, d_vocab: int) -> TokenCorpus:
    corpus = TokenCorpus.load(path)
    asked: dict[str, object] = {"d_vocab": d_vocab}
    if packages is not None:
        asked["packages"] = packages
    for name, value in asked.items():
        stored = corpus.metadata.get(name)
        if stored != value:
            raise refusal(
                name,
                value,
                legal=f"{stored!r}, as stored in {path}",
                step="Name another path, or pass rebuild=True to replace the file.",
            )
    return corpus


def _asked_packages(packages: Sequence[str] | None, lock: str | Path | None) -> dict[str, str] | None:
    """Version by canonical name of what the caller asked for; None where nothing was asked for."""
    if packages is not None and lock is not None:
        raise refusal(
            "packages and lock",
            (list(packages), str(lock)),
            legal="one of the two, or neither",
            step="Add locked(lock) to packages to have both.",
        )
    found = installed()
    if lock is not None:
        return _versions(name for name in locked(lock) if name in found)
    if packages is None:
        return None
    names = sorted({canonicalize_name(name) for name in packages})
    missing = [name for name in names if name not in found]
    if missing:
        raise refusal(
            "packages",
            missing,
            legal="names of installed distributions",
            step="Install them or leave them out.",
        )
    return _versions(names)


def _versions(names: Iterable[str]) -> dict[str, str]:
    """Version of each installed distribution."""
    found = installed()
    return {name: found[name].version for name in names}


def _silent(_: str) -> None:
    pass
