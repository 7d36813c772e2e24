"""Weights as one safetensors file with config and tokenizer inside; nothing in it is ever executed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer

from data.digests import check_digest
from data.files import write_aside
from data.refusal import file_path, refusal
from data.text.tokenizer import load_tokenizer
from model.config import SISAConfig
from model.config.sizes import total
from model.network.lens_tools import LensTools
from model.network.network import SISAModel, parameter_shapes, uncompiled_name
from model.network.versions import versions
from model.weights.numbers import check_written, digest, stored, weight

FORMAT = "sisa-checkpoint/1"
PRETRAINED = Path(__file__).parents[1] / "pretrained"


def save(model: SISAModel, path: str | PathLike[str], *, dtype: torch.dtype = torch.float32) -> None:
    """Write a model with its config and tokenizer to one safetensors file, aside and then renamed.

    Args:
        model: what is saved; through torch.compile it is saved as the model that it is.
        path: the file, by custom with the ending .safetensors.
        dtype: of the large maps; float16 and bfloat16 halve the file. Norms, λ_raw and decay parameters
            stay float32.

    Raises:
        ValueError: for another dtype, something else than a model, or weights that are not finite, perhaps
            because they are too large for float16.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from model import SISAConfig, SISAModel, load, save
        >>> with TemporaryDirectory() as folder:
        ...     save(SISAModel(SISAConfig.preset("tiny"), seed=3), f"{folder}/tiny.safetensors")
        ...     load(f"{folder}/tiny.safetensors").seed
        3
    """
    legal = (torch.float32, torch.float16, torch.bfloat16)
    if dtype not in legal:
        raise refusal("dtype", dtype, legal=", ".join(map(str, legal)), step="Pass one of them.")
    _check_model(model)
    path = file_path("path", path)
    kept = {id(p) for p in model.float32_parameters()}
    tensors = {
        uncompiled_name(name): stored(name, p, torch.float32 if id(p) in kept else dtype)
        for name, p in model.named_parameters()
    }
    metadata = {
        "format": FORMAT,
        "config": json.dumps(model.config.to_dict()),
        "seed": json.dumps(model.seed),
        "versions": json.dumps(versions()),
        "tokenizer": model.tokenizer.to_str() if model.tokenizer else "",
    }
    metadata["sha256"] = digest(tensors, metadata)
    with write_aside(path) as aside:
        # save_file makes a file that its owner alone may read; a touched one has what the umask gives
        aside.touch()
        mode = aside.stat().st_mode
        save_file(tensors, aside, metadata=metadata)
        aside.chmod(mode)


def _check_model(model: object) -> None:
    """Refuse what cannot be saved, before a file is touched; a model through torch.compile can."""
    plain = getattr(model, "_orig_mod", model)
    if not isinstance(plain, LensTools):
        raise refusal("model", model, legal="a SISAModel", step="Pass the model first, then the path.")
    if not isinstance(plain.tokenizer, Tokenizer | None):
        legal, step = "a tokenizers.Tokenizer or None", "Read one with data.load_tokenizer."
        raise refusal("tokenizer", plain.tokenizer, legal=legal, step=step)


def load(path: str | PathLike[str], *, device: str | torch.device = "cpu") -> SISAModel:
    """Return the model of a file that `save` wrote, in float32 and evaluation mode.

    Nothing in the file is executed: it holds tensors, and config and tokenizer as text.

    Args:
        path: the file, or the name of a checkpoint that comes with the package (see `model/pretrained`).
        device: where the weights go.

    Raises:
        FileNotFoundError: neither a file nor a shipped name; says which names there are.
        ValueError: not a SISA checkpoint; its tensors do not fit its config, are not finite, or are not those
            that were written; or the device is not there.

    Example:
        >>> from model import load
        >>> load("nia")
        Traceback (most recent call last):
        FileNotFoundError: no checkpoint at nia; legal: a .safetensors file, ... shipped names ['niah'].
    """
    path = locate(path)
    device = _there(device)
    check_digest(path)
    with _opened(path) as (file, metadata):
        config, seed, tokenizer = _described(path, metadata)
        # the header alone says shapes; nothing is read or built before they are those of the config
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        check_sizes(config, shapes, source=path)
        held = {name: file.get_tensor(name) for name in shapes}
    check_written(held, metadata, source=path)
    tensors = {name: weight(name, tensor, source=path) for name, tensor in held.items()}
    model = SISAModel(config, seed=seed, tokenizer=tokenizer)
    fill(model, tensors, source=path)
    return model.to(device)


def _there(device: object) -> torch.device:
    """Return a device that weights can go to, or refuse it before a file is read."""
    legal = "'cpu'" + (" or 'cuda'" if torch.cuda.is_available() else " on this machine, which has no CUDA")
    if isinstance(device, str | torch.device):
        try:
            return torch.empty(0, device=device).device
        except (RuntimeError, AssertionError, NotImplementedError):  # unknown, not compiled in, or not there
            pass
    raise refusal("device", device, legal=legal, step="Leave device out for the CPU.")


def read_config(path: str | PathLike[str]) -> SISAConfig:
    """Return the config of a checkpoint from its header; no tensor is read.

    Args:
        path: the file, or the name of a checkpoint that comes with the package.

    Raises:
        FileNotFoundError: neither a file nor a shipped name; says which names there are.
        ValueError: not a SISA checkpoint.

    Example:
        >>> read_config("niah").n_ctx
        512
    """
    path = locate(path)
    with _opened(path) as (_, metadata):
        try:
            return SISAConfig.from_dict(json.loads(metadata["config"]))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise _foreign(path, f"a file that describes no model ({error!r})") from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """Give a checkpoint, opened, and its metadata; ValueError for a file that `save` did not write."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise _foreign(path, f"a safetensors file of format {metadata.get('format')!r}")
            yield file, metadata
    except SafetensorError as error:
        raise _foreign(path, f"no readable safetensors file ({error})") from error


def _described(path: Path, metadata: dict[str, str]) -> tuple[SISAConfig, int, Tokenizer | None]:
    """Return config, seed and tokenizer as metadata say."""
    try:
        config = SISAConfig.from_dict(json.loads(metadata["config"]))
        tokenizer = load_tokenizer(metadata["tokenizer"]) if metadata.get("tokenizer") else None
        seed = json.loads(metadata["seed"])
        torch.Generator().manual_seed(seed)  # raises for what is no seed
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # the last is torch's own
        raise _foreign(path, f"a file that describes no model ({error!r})") from error
    return config, seed, tokenizer


def check_sizes(config: SISAConfig, shapes: Mapping[str, tuple[int, ...]], *, source: object) -> None:
    """Refuse a config that does not ask for exactly the tensors that a file holds.

    A config is text, so a small file can ask for a model that fills the memory. It is compared with the
    shapes in the file's header, which are bounded by the file's size, before anything is built.

    Args:
        config: what the file says of its model.
        shapes: of its tensors, by parameter name.
        source: the file, for the message.

    Raises:
        ValueError: names the first five that are missing, unknown or of the wrong shape, with both shapes.

    Example:
        >>> check_sizes(SISAConfig.preset("tiny"), {"embed.weight": (64, 64)}, source="memory")
        Traceback (most recent call last):
        ValueError: weights in memory is '0 layers of tensors'; legal: the 2 layers of its config. ...
    """
    step = "Check which model wrote this file."
    layers = len({name.split(".")[1] for name in shapes if name.startswith("blocks.")})
    if layers != config.n_layers:
        legal = f"the {config.n_layers} layers of its config"
        raise refusal(f"weights in {source}", f"{layers} layers of tensors", legal=legal, step=step)
    try:
        wanted = parameter_shapes(config)
    except (RuntimeError, OverflowError, TypeError):  # more numbers than a tensor can count
        came = f"{sum(map(math.prod, shapes.values()))} numbers in tensors"
        legal = f"the {total(config)} of its config"
        raise refusal(f"weights in {source}", came, legal=legal, step=step) from None
    _check_same(wanted, shapes, config=config, source=source)


def _check_same(
    wanted: Mapping[str, tuple[int, ...]],
    found: Mapping[str, tuple[int, ...]],
    *,
    config: SISAConfig,
    source: object,
) -> None:
    """Refuse shapes that are not those of a model."""
    names = sorted(wanted.keys() | found.keys())
    wrong = [
        f"{n}: {found.get(n, 'missing')} where its config has {wanted.get(n, 'nothing')}"
        for n in names
        if wanted.get(n) != found.get(n)
    ]
    if wrong:
        legal, step = f"the {len(wanted)} tensors of {config}", "Check which model wrote this file."
        raise refusal(f"weights in {source}", "; ".join(wrong[:5]), legal=legal, step=step)


def fill(model: SISAModel, tensors: dict[str, torch.Tensor], *, source: object) -> None:
    """Put tensors into a model, all of them or none.

    Args:
        model: what is filled.
        tensors: weights by parameter name.
        source: where they came from, for the message.

    Raises:
        ValueError: names the first five that are missing, unknown or of the wrong shape.

    Example:
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> fill(model, {"embed.weight": torch.zeros(64, 64)}, source="memory")
        Traceback (most recent call last):
        ValueError: weights in memory is 'blocks.0.attn.lam_raw: missing where its config has (4,); ...
    """
    wanted = {name: tuple(p.shape) for name, p in model.named_parameters()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    _check_same(wanted, found, config=model.config, source=source)
    model.load_state_dict(tensors)


def locate(path: str | PathLike[str]) -> Path:
    """Return the file of a checkpoint: the path itself, or the shipped file of that name.

    A file of the name in the working directory comes first, so that a path always means what it says.

    Args:
        path: a path, or the name of a checkpoint that comes with the package.

    Raises:
        FileNotFoundError: neither a file nor a shipped name; says which names there are.
        ValueError: neither text nor a path, or a name that no file can have.

    Example:
        >>> locate("niah").name
        'niah.safetensors'
    """
    if not isinstance(path, str | PathLike):
        legal = "a path or the name of a shipped checkpoint"
        raise refusal("checkpoint", path, legal=legal, step="Pass text.")
    given, shipped = file_path("checkpoint", path), PRETRAINED / f"{path}.safetensors"
    for candidate in (given, shipped):
        if candidate.is_file():
            return candidate
    names = sorted(p.stem for p in PRETRAINED.glob("*.safetensors"))
    raise FileNotFoundError(
        f"no checkpoint at {given}; legal: a .safetensors file, or one of the shipped names {names}."
    )


def _foreign(path: Path, came: str) -> ValueError:
    """Return the error of a file that `save` did not write."""
    step = "For the authors' .pt files use model.import_paper_checkpoint."
    return refusal(str(path), came, legal=f"a file written by model.save ({FORMAT})", step=step)
