"""Weights as one safetensors file with config and tokenizer inside; nothing in it is ever executed."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from data.files import write_aside
from data.refusal import refusal
from data.text.tokenizer import load_tokenizer
from model.config import SISAConfig
from model.network.network import SISAModel
from model.network.versions import versions

FORMAT = "sisa-checkpoint/1"
PRETRAINED = Path(__file__).parents[1] / "pretrained"


def save(model: SISAModel, path: str | PathLike[str], *, dtype: torch.dtype = torch.float32) -> None:
    """Write a model with its config and tokenizer to one safetensors file, aside and then renamed.

    Args:
        model: what is saved.
        path: the file, by custom with the ending .safetensors.
        dtype: of the large maps; float16 and bfloat16 halve the file. Norms, λ_raw and decay parameters
            stay float32.

    Raises:
        ValueError: for another dtype.

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
    kept = {id(p) for p in model.float32_parameters()}
    tensors = {
        name: p.detach().to("cpu", torch.float32 if id(p) in kept else dtype).contiguous()
        for name, p in model.named_parameters()
    }
    metadata = {
        "format": FORMAT,
        "config": json.dumps(model.config.to_dict()),
        "seed": json.dumps(model.seed),
        "versions": json.dumps(versions()),
        "tokenizer": model.tokenizer.to_str() if model.tokenizer else "",
    }
    with write_aside(path) as aside:
        # save_file makes a file that its owner alone may read; a touched one has what the umask gives
        aside.touch()
        mode = aside.stat().st_mode
        save_file(tensors, aside, metadata=metadata)
        aside.chmod(mode)


def load(path: str | PathLike[str], *, device: str | torch.device = "cpu") -> SISAModel:
    """Return the model of a file that `save` wrote, in float32 and evaluation mode.

    Nothing in the file is executed: it holds tensors, and config and tokenizer as text.

    Args:
        path: the file, or the name of a checkpoint that comes with the package (see `model/pretrained`).
        device: where the weights go.

    Raises:
        FileNotFoundError: neither a file nor a shipped name; says which names there are.
        ValueError: not a SISA checkpoint, or its tensors do not fit its config.

    Example:
        >>> from model import load
        >>> load("nia")
        Traceback (most recent call last):
        FileNotFoundError: no checkpoint at nia; legal: a .safetensors file, ... shipped names ['niah'].
    """
    path = locate(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            tensors = {name: file.get_tensor(name).float() for name in names}
    except SafetensorError as error:
        raise _foreign(path, f"no readable safetensors file ({error})") from error
    if metadata.get("format") != FORMAT:
        raise _foreign(path, f"a safetensors file of format {metadata.get('format')!r}")
    model = _described(path, metadata)
    fill(model, tensors, source=path)
    return model.to(device)


def _described(path: Path, metadata: dict[str, str]) -> SISAModel:
    """Return the model that metadata asks for, with fresh weights."""
    try:
        config = SISAConfig.from_dict(json.loads(metadata["config"]))
        tokenizer = load_tokenizer(metadata["tokenizer"]) if metadata.get("tokenizer") else None
        return SISAModel(config, seed=json.loads(metadata["seed"]), tokenizer=tokenizer)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # the last is torch's own
        raise _foreign(path, f"a file that describes no model ({error!r})") from error


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
        ValueError: weights in memory is 'blocks.0.attn.lam_raw: missing; ...
    """
    wanted = {name: tuple(p.shape) for name, p in model.named_parameters()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    if wanted != found:
        names = sorted(wanted.keys() | found.keys())
        wrong = [f"{n}: {found.get(n, 'missing')}" for n in names if wanted.get(n) != found.get(n)]
        legal, step = f"the {len(wanted)} tensors of {model.config}", "Check which model wrote this file."
        raise refusal(f"weights in {source}", "; ".join(wrong[:5]), legal=legal, step=step)
    model.load_state_dict(tensors)


def locate(path: str | PathLike[str]) -> Path:
    """Return the file of a checkpoint: the path itself, or the shipped file of that name.

    A file of the name in the working directory comes first, so that a path always means what it says.

    Args:
        path: a path, or the name of a checkpoint that comes with the package.

    Raises:
        FileNotFoundError: neither a file nor a shipped name; says which names there are.
        ValueError: neither text nor a path.

    Example:
        >>> locate("niah").name
        'niah.safetensors'
    """
    if not isinstance(path, str | PathLike):
        legal = "a path or the name of a shipped checkpoint"
        raise refusal("checkpoint", path, legal=legal, step="Pass text.")
    given, shipped = Path(path), PRETRAINED / f"{path}.safetensors"
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
