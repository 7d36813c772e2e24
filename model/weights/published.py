"""Load the checkpoints that the paper's authors published, by name; nothing in their files is executed.

They lie in a repository of a model hub, one pickle a run, SIZE/sisa_dsN/final.pt (names: the model card and
the upload script in the authors' public code, tlstngud/sisa-experiment). Such a file is read once, with
pickle execution off, and kept as safetensors beside the place for a file that was downloaded by hand:

    FOLDER/152M/sisa_ds16/final.pt            a file put there by hand, if there is one
    FOLDER/152M/sisa_ds16/model.safetensors   what is read from the second call on
    FOLDER/tokenizer.json                     GPT-NeoX' tokenizer, put there by hand, if there is one
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from data.refusal import folder_path, one_of, refusal
from data.text.build import cache_folder
from data.text.tokenizer import load_tokenizer
from model.network.network import SISAModel
from model.weights.checkpoint import load, save
from model.weights.hub import ADDRESS, fetch
from model.weights.paper import import_paper_checkpoint

if TYPE_CHECKING:
    from tokenizers import Tokenizer

REPOSITORY = "koreashin/sisa-experiment"
TOKENIZER_REPOSITORY, TOKENIZER_FILE = "EleutherAI/gpt-neox-20b", "tokenizer.json"
D_VOCAB = 50_277  # symbols of GPT-NeoX' tokenizer


@dataclass(frozen=True)
class Published:
    """Say where a published checkpoint lies and which sizes its weights have."""

    size: str
    d_state: int
    d_model: int
    n_layers: int
    n_heads: int
    d_vocab: int = D_VOCAB

    @property
    def name(self) -> str:
        """What the run is called, here and on the hub."""
        return f"{self.size}/sisa_ds{self.d_state}"

    @property
    def file(self) -> str:
        """Its path in the repository."""
        return f"{self.name}/final.pt"


# "369M/sisa_ds16" stops at step 3,000: the authors' model card calls it incomplete.
_ALL = (
    *(Published("369M", d_state, 1024, 24, 16) for d_state in (16, 32, 64, 128)),
    *(Published("152M", d_state, 768, 12, 12) for d_state in (16, 64, 128)),
    *(Published("50M", d_state, 512, 6, 8) for d_state in (16, 64, 128)),
)
PUBLISHED: Mapping[str, Published] = MappingProxyType({each.name: each for each in _ALL})


def published_names() -> list[str]:
    """Return the names that `load_published` knows: SIZE/sisa_dsN, the largest size first.

    Example:
        >>> published_names()[4:7]
        ['152M/sisa_ds16', '152M/sisa_ds64', '152M/sisa_ds128']
    """
    return list(PUBLISHED)


def load_published(
    name: str, *, folder: str | PathLike[str] | None = None, download: bool = True
) -> SISAModel:
    """Return a published checkpoint in float32, with the paper's anchor, "minimax", and λ as it is stored.

    The first call reads the authors' file and keeps it as safetensors; later ones read that and make no
    request. A kept file that is damaged is made anew. GPT-NeoX' tokenizer comes along where it can be had;
    without it a warning says so, and the model reads token ids alone.

    Args:
        name: one of `published_names()`.
        folder: where files put by hand are looked for and converted ones are kept; None takes "published" in
            `data.text.build.cache_folder()`.
        download: False makes no request: what is not on this machine is not found.

    Raises:
        FileNotFoundError: the file is not here and cannot be downloaded; says which one to put where.
        ValueError: the name is unknown, the file is not what its name says (see `import_paper_checkpoint`),
            or the hub holds no such file.

    Example:
        >>> load_published("1B/sisa_ds16")
        Traceback (most recent call last):
        ValueError: name is '1B/sisa_ds16'; legal: '369M/sisa_ds16', '369M/sisa_ds32', ...
    """
    one_of("name", name, published_names())
    one_of("download", download, (True, False))
    entry = PUBLISHED[name]
    given = cache_folder() / "published" if folder is None else folder
    folder = folder_path("folder", given, writable=False).absolute()
    kept = folder / entry.name / "model.safetensors"
    model = _kept(kept, entry)
    if model is None:
        model = _converted(entry, folder, kept, download=download)
    elif model.tokenizer is None:
        model.tokenizer = _tokenizer_by_hand(folder, d_vocab=entry.d_vocab)
    if model.tokenizer is None:
        warnings.warn(_without_tokenizer(entry, folder), stacklevel=2)
    return model


def _kept(path: Path, entry: Published) -> SISAModel | None:
    """Return the model of a converted file; None if there is none, or it is damaged or of another run."""
    if not path.is_file():
        return None
    try:
        model = load(path)
        _check_sizes(model, entry, source=path)
    except ValueError:
        return None
    return model


def _converted(entry: Published, folder: Path, kept: Path, *, download: bool) -> SISAModel:
    """Return the model of the authors' file, which is kept as safetensors with the tokenizer, if any."""
    by_hand = folder / entry.file
    if by_hand.is_file() or download:  # refused before a download of gigabytes, not after it
        folder_path("folder", kept.parent)
    source = by_hand if by_hand.is_file() else _fetched(entry, by_hand, kept, download=download)
    model = import_paper_checkpoint(source)
    _check_sizes(model, entry, source=source)
    model.tokenizer = _tokenizer(folder, d_vocab=entry.d_vocab, download=download)
    kept.parent.mkdir(parents=True, exist_ok=True)
    save(model, kept, dtype=_shortest(model))
    return model


def _fetched(entry: Published, by_hand: Path, kept: Path, *, download: bool) -> Path:
    """Return the authors' file from the hub; FileNotFoundError says which file to put where."""
    try:
        return fetch(REPOSITORY, entry.file, download=download)
    except FileNotFoundError as error:
        address = ADDRESS.format(repository=REPOSITORY, file=entry.file)
        damaged = f"{kept} is damaged or of another run. " if kept.is_file() else ""
        raise FileNotFoundError(
            f"{entry.name} is not on this machine: {error}. {damaged}Download {address} by hand and put it "
            f"at {by_hand}, then call again."
        ) from error


def _check_sizes(model: SISAModel, entry: Published, *, source: Path) -> None:
    """Refuse a model that has other sizes than the run of that name."""
    names = ("d_state", "d_model", "n_layers", "n_heads", "d_vocab")
    found = {name: getattr(model.config, name) for name in names}
    wanted = {name: getattr(entry, name) for name in names}
    if found != wanted:
        came = ", ".join(f"{name}={found[name]}" for name in names if found[name] != wanted[name])
        legal = f"{entry.name}: " + ", ".join(f"{name}={size}" for name, size in wanted.items())
        raise refusal(f"weights in {source}", came, legal=legal, step="Put the file of that name there.")


def _shortest(model: SISAModel) -> torch.dtype:
    """Return bfloat16 if no large map loses anything by it, as where the authors stored it so."""
    exact = {id(p) for p in model.float32_parameters()}
    maps = (p.detach() for p in model.parameters() if id(p) not in exact)
    return torch.bfloat16 if all(torch.equal(p, p.bfloat16().float()) for p in maps) else torch.float32


def _tokenizer(folder: Path, *, d_vocab: int, download: bool) -> Tokenizer | None:
    """Return GPT-NeoX' tokenizer: put there by hand, from the hub's cache or downloaded; None without it."""
    by_hand = _tokenizer_by_hand(folder, d_vocab=d_vocab)
    if by_hand is not None:
        return by_hand
    try:
        path = fetch(TOKENIZER_REPOSITORY, TOKENIZER_FILE, download=download)
    except (FileNotFoundError, ValueError):  # weights are of use without it, and the caller is told
        return None
    return _read_tokenizer(path, d_vocab=d_vocab)


def _tokenizer_by_hand(folder: Path, *, d_vocab: int) -> Tokenizer | None:
    """Return the tokenizer that somebody put into the folder, if so."""
    path = folder / TOKENIZER_FILE
    return _read_tokenizer(path, d_vocab=d_vocab) if path.is_file() else None


def _read_tokenizer(path: Path, *, d_vocab: int) -> Tokenizer:
    """Return the tokenizer of a file; refuse one that is none, or whose ids the model does not have."""
    legal = f"a tokenizer.json of at most {d_vocab:,} symbols, GPT-NeoX'"
    step = f"Take {ADDRESS.format(repository=TOKENIZER_REPOSITORY, file=TOKENIZER_FILE)}."
    try:
        tokenizer = load_tokenizer(path.read_text(encoding="utf-8"))
    except ValueError as error:  # UnicodeDecodeError is one
        raise refusal(str(path), f"no tokenizer ({error})", legal=legal, step=step) from error
    if tokenizer.get_vocab_size() > d_vocab:
        came = f"a tokenizer of {tokenizer.get_vocab_size():,} symbols"
        raise refusal(str(path), came, legal=legal, step=step)
    return tokenizer


def _without_tokenizer(entry: Published, folder: Path) -> str:
    """Return the words for a model that came without its tokenizer."""
    address = ADDRESS.format(repository=TOKENIZER_REPOSITORY, file=TOKENIZER_FILE)
    return (
        f"{entry.name} is loaded without GPT-NeoX' tokenizer, so it reads token ids and no texts. Download "
        f"{address} by hand and put it at {folder / TOKENIZER_FILE}, then load again."
    )
