"""The embedded corpus: documentation that every Python installation already holds.

Documents are the docstrings of one file each (standard library, then packages by name) and the topics of
`pydoc_data`. A docstring that was seen before is left out. Order, split and tokens depend on
the installed versions alone; the corpus' sha256 tells two of them apart.
"""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from data.refusal import file_path, folder_path, one_of, refusal
from data.text.corpus import HELD_OUT_ONE_IN, TokenCorpus, is_heldout
from data.text.docstrings import docstrings, standard_library
from data.text.packages import asked_packages, installed, package_files, versions
from data.text.tokenizer import train_tokenizer, vocabulary_size

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_CHARACTERS = 12_000_000
PART_CHARACTERS = 2000
PACKAGES_BETWEEN_REPORTS = 25
TOPICS_HELD_OUT_ONE_IN = 5
SPLIT_KINDS = ("documents", "parts")

Split = Literal["documents", "parts"]


def build_corpus(
    path: str | Path | None = None,
    *,
    packages: Sequence[str] | None = None,
    lock: str | Path | None = None,
    d_vocab: int = 4096,
    split: Split | None = None,
    rebuild: bool = False,
    progress: Callable[[str], object] | None = print,
) -> TokenCorpus:
    """Return the corpus of docstrings in a file, which is built and stored where it does not exist.

    Building takes about 100 seconds on one core for 17 million tokens. In a checkout,
    `build_corpus(lock="requirements.lock")` reads the packages that this project was tested with. Without
    `packages` and `lock` a stored file is used as it is, even if it was made elsewhere from other
    packages; with one of them it must have been made from the same versions.

    Args:
        path: the corpus file; by default `corpus-{d_vocab}.npz` in `cache_folder()`.
        packages: names of installed distributions to read; by default all that are installed.
        lock: a requirements file instead; those of its pins are read that are installed.
        d_vocab: most symbols of the tokenizer that is trained on the training documents.
        split: "documents" holds out whole documents and drops from them what training holds too; it is
            what is built by default. "parts" cuts topics into parts first and drops nothing, as the
            corpora of the measured runs and of the shipped checkpoint were made: 17 % of its held-out runs
            of 32 tokens occur in training. None takes a stored file of either kind.
        rebuild: build it anew even if the file exists.
        progress: takes one line of text at a time; None keeps quiet.

    Raises:
        ValueError: if a package is not installed, both `packages` and `lock` are given, or the stored file
            was made from other packages, with another `d_vocab` or another split.

    Example:
        Here the file exists already, so that nothing has to be built:

        >>> from tempfile import TemporaryDirectory
        >>> from data import TokenCorpus, build_corpus, train_tokenizer
        >>> small = TokenCorpus.from_documents(
        ...     ["The cat sat."], tokenizer=train_tokenizer(["cat"], d_vocab=258), metadata={"d_vocab": 258}
        ... )
        >>> with TemporaryDirectory() as folder:
        ...     small.save(f"{folder}/corpus.npz")
        ...     print(build_corpus(f"{folder}/corpus.npz", d_vocab=258).document(0))
        The cat sat.
    """
    d_vocab = vocabulary_size(d_vocab)
    if split is not None:
        one_of("split", split, SPLIT_KINDS)
    path = file_path("path", path) if path is not None else cache_folder() / f"corpus-{d_vocab}.npz"
    asked = asked_packages(packages, lock)
    tell = progress or _silent
    if path.exists() and not rebuild:
        corpus = _stored(path, packages=asked, d_vocab=d_vocab, split=split)
        if "heldout_overlap" not in corpus.metadata:
            tell(f"corpus: {path} is an older file: its held-out text was not compared with training text")
        return corpus
    split = split or "documents"
    chosen = versions(installed()) if asked is None else asked
    texts = list(embedded_documents(chosen, split=split, tell=tell))
    tell(f"corpus: training {d_vocab:,} symbols")
    tokenizer = train_tokenizer(_sample(texts, one_in=HELD_OUT_ONE_IN), d_vocab=d_vocab)
    tell(f"corpus: tokenising {len(texts):,} documents")
    metadata = {"python": platform.python_version(), "d_vocab": d_vocab, "packages": chosen, "split": split}
    corpus = TokenCorpus.from_documents(
        texts, tokenizer=tokenizer, keep_shared=split == "parts", metadata=metadata
    )
    corpus.save(path)
    tell(f"corpus: {len(corpus.tokens):,} tokens, sha256 {corpus.sha256[:12]}, {path}")
    return corpus


def topics_corpus(
    tokenizer: "Tokenizer | None" = None, *, d_vocab: int = 1024, split: Split = "documents"
) -> TokenCorpus:
    """Return a small corpus at once: Python's language reference in `pydoc_data.topics`.

    No file is scanned and nothing is stored; it takes about a second and gives some 150,000 tokens.

    By default whole topics are held out, one in five since there are only 79, and passages that training
    topics repeat are dropped from them (29 % of the held-out tokens): no run of 32 held-out tokens occurs in
    training. `split="parts"` is the split that the shipped checkpoint "niah" and the measured runs were
    trained with: topics cut into parts of some 2,000 characters, one part in twenty held out, 32 % of whose
    runs of 32 tokens do occur in training. Episodes for that checkpoint need it, because the topics that the
    default holds out were among its training text.

    Args:
        tokenizer: the tokenizer to use, such as a model's own; by default one is trained on the corpus'
            training documents.
        d_vocab: most symbols of the tokenizer that is trained.
        split: "documents", or "parts" for models that were trained with that split.

    Raises:
        ValueError: for another split.

    Example:
        >>> from data import topics_corpus, train_tokenizer
        >>> corpus = topics_corpus(train_tokenizer(["a"], d_vocab=258))
        >>> "assert" in corpus.document(0), corpus.metadata["heldout_overlap"]
        (True, 0.0)
    """
    one_of("split", split, SPLIT_KINDS)
    texts = _topics(split)
    one_in = TOPICS_HELD_OUT_ONE_IN if split == "documents" else HELD_OUT_ONE_IN
    tokenizer = tokenizer or train_tokenizer(_sample(texts, one_in=one_in), d_vocab=d_vocab)
    return TokenCorpus.from_documents(
        texts,
        tokenizer=tokenizer,
        heldout_one_in=one_in,
        keep_shared=split == "parts",
        metadata={"python": platform.python_version(), "packages": {}, "split": split},
    )


@lru_cache(maxsize=2)
def open_corpus(path: str) -> TokenCorpus:
    """Return the corpus in a file, or for "" the documentation that comes with Python.

    The last two are kept, so that a training and its evaluations share one copy in memory. Commands and
    notebooks take such a path as a parameter, with "" for readers who have built no corpus.

    Args:
        path: a file that `build_corpus` or `TokenCorpus.save` wrote, or "".

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no corpus file, or damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from data import TokenCorpus, open_corpus, train_tokenizer
        >>> small = TokenCorpus.from_documents(["A cat."], tokenizer=train_tokenizer(["cat"], d_vocab=258))
        >>> with TemporaryDirectory() as folder:
        ...     small.save(f"{folder}/corpus.npz")
        ...     open_corpus(f"{folder}/corpus.npz") is open_corpus(f"{folder}/corpus.npz")
        True
    """
    return TokenCorpus.load(path) if path else topics_corpus()


def embedded_documents(
    packages: Iterable[str], *, split: Split = "documents", tell: Callable[[str], object] | None = None
) -> Iterator[str]:
    """Yield the documents of the topics, the standard library and some packages.

    A docstring that an earlier file had is left out, since much code is copied between packages; a file
    all of whose docstrings are known gives no document.

    Args:
        packages: canonical names of installed distributions, read in this order.
        split: "documents" gives each topic whole, "parts" in parts of some 2,000 characters.
        tell: takes a line of text after every 25 packages.

    Example:
        >>> first = next(embedded_documents([]))
        >>> first.partition("\\n")[0]
        'The "assert" statement'
    """
    found, names = installed(), list(packages)
    seen: set[str] = set()
    yield from _topics(split)
    yield from _unseen(standard_library(), seen)
    for count, name in enumerate(names, start=1):
        yield from _unseen(package_files(found[name]), seen)
        if tell and (count % PACKAGES_BETWEEN_REPORTS == 0 or count == len(names)):
            tell(f"corpus: read {count} of {len(names)} packages, {len(seen):,} docstrings")


def cache_folder() -> Path:
    """Return the folder where corpora are kept: $SISA_CACHE, or the platform's folder for caches.

    On Linux the latter is `~/.cache/sisa-lens`. It need not exist; whoever writes there makes it.

    Example:
        >>> (cache_folder() / "corpus-4096.npz").name
        'corpus-4096.npz'
    """
    from platformdirs import user_cache_path

    given = os.environ.get("SISA_CACHE")
    return folder_path("SISA_CACHE", given) if given else user_cache_path("sisa-lens")


def _topics(split: Split) -> list[str]:
    """Return the topics of Python's language reference, whole or in parts, sorted by topic."""
    from pydoc_data.topics import topics

    texts = [text.strip() for _, text in sorted(topics.items())]
    return texts if split == "documents" else [part for text in texts for part in _parts(text)]


def _parts(text: str) -> Iterator[str]:
    """Yield a text in parts of about `PART_CHARACTERS` characters, cut between paragraphs."""
    held: list[str] = []
    for paragraph in text.split("\n\n"):
        held.append(paragraph)
        if sum(map(len, held)) >= PART_CHARACTERS:
            yield "\n\n".join(held)
            held = []
    if held:
        yield "\n\n".join(held)


def _unseen(files: Iterable[Path], seen: set[str]) -> Iterator[str]:
    """Yield one document a file: its docstrings that are not in `seen`, which grows."""
    for file in files:
        try:
            found = docstrings(file.read_bytes())
        except OSError:
            continue
        new = [text for text in dict.fromkeys(found) if text not in seen]
        seen.update(new)
        if new:
            yield "\n\n".join(new)


def _sample(texts: Sequence[str], *, one_in: int) -> Iterator[str]:
    """Return training documents at even steps, about `TOKENIZER_CHARACTERS` of them.

    This bounds the time and memory that training a tokenizer takes: of 60 million characters every fifth
    document is taken. Held-out documents are never seen.
    """
    step = max(1, round(sum(map(len, texts)) / TOKENIZER_CHARACTERS))
    return (text for text in texts[::step] if not is_heldout(text, one_in=one_in))


def _stored(path: Path, *, packages: dict[str, str] | None, d_vocab: int, split: Split | None) -> TokenCorpus:
    """Return the corpus in a file; ValueError if it was made otherwise than was asked for."""
    corpus = TokenCorpus.load(path)
    asked: dict[str, object] = {"d_vocab": d_vocab}
    if packages is not None:
        asked["packages"] = packages
    if split is not None:
        asked["split"] = split
    for name, value in asked.items():
        stored = corpus.metadata.get(name, "parts" if name == "split" else None)  # older files do not say
        if stored != value:
            raise refusal(
                name,
                value,
                legal=f"{stored!r}, as stored in {path}",
                step="Name another path, or pass rebuild=True to replace the file.",
            )
    return corpus


def _silent(_: str) -> None:
    pass
