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
    """Write model to path (.safetensors), aside and then renamed.

    Args:
        dtype: of the large maps; float16 and bfloat16 halve the file. Norms, λ_raw and decay parameters
            stay float32.
    """
    if dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise refusal(
            "dtype", dtype, legal="torch.float32, torch.float16, torch.bfloat16", step="Pass one of them."
        )
    kept = {id(p) for p in model.float32_parameters()}
    tensors = {
        name: p.detach().to("cpu", torch.float32 if id(p) in kept else dtype).contiguous()
        for name, p in model.named_parameters()
    }
    metadata = {
        "format": FORMAT,
        "config": json.dumps(model.config.to_dict()),
        "seed": json.dumps(model.seed),
    }
    metadata |= {
        "versions": json.dumps(versions()),
        "tokenizer": model.tokenizer.to_str() if model.tokenizer else "",
    }
    with write_aside(path) as aside:
        aside.touch()
        mode = aside.stat().st_mode
        save_file(tensors, aside, metadata=metadata)
        aside.chmod(mode)  # save_file's own is for the owner alone


def load(path: str | PathLike[str], *, device: str | torch.device = "cpu") -> SISAModel:
    """A model in float32, in evaluation mode, from a file that `save` wrote.

    Args:
        path: the file, or the name of a checkpoint that comes with the package (see `model/pretrained`).

    Raises:
        FileNotFoundError: neither a file nor a shipped name; says which names there are.
        ValueError: not a SISA checkpoint, or its tensors do not fit its config.
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
    """The model that metadata asks for, with fresh weights."""
    try:
        config = SISAConfig.from_dict(json.loads(metadata["config"]))
        tokenizer = load_tokenizer(metadata["tokenizer"]) if metadata.get("tokenizer") else None
        return SISAModel(config, seed=json.loads(metadata["seed"]), tokenizer=tokenizer)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # the last is torch's own
        raise _foreign(path, f"a file that describes no model ({error!r})") from error


def fill(model: SISAModel, tensors: dict[str, torch.Tensor], *, source: object) -> None:
    """Put tensors into model; a ValueError names every one that is missing, unknown or of the wrong shape."""
    wanted = {name: tuple(p.shape) for name, p in model.named_parameters()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    if wanted != found:
        wrong = sorted(
            f"{n}: {found.get(n, 'missing')}"
            for n in wanted.keys() | found.keys()
            if wanted.get(n) != found.get(n)
        )
        legal = f"the {len(wanted)} tensors of {model.config}"
        raise refusal(
            f"weights in {source}",
            "; ".join(wrong[:5]),
            legal=legal,
            step="Check which model wrote this file.",
        )
    model.load_state_dict(tensors)


def locate(path: str | PathLike[str]) -> Path:
    """The file of a checkpoint: path itself, or the shipped one of that name; errors as in `load`."""
    if not isinstance(path, str | PathLike):
        raise refusal(
            "checkpoint", path, legal="a path or the name of a shipped checkpoint", step="Pass text."
        )
    given, shipped = Path(path), PRETRAINED / f"{path}.safetensors"
    for candidate in (given, shipped):
        if candidate.is_file():
            return candidate
    names = sorted(p.stem for p in PRETRAINED.glob("*.safetensors"))
    raise FileNotFoundError(
        f"no checkpoint at {given}; legal: a .safetensors file, or one of the shipped names {names}."
    )


def _foreign(path: Path, came: str) -> ValueError:
    step = "For the authors' .pt files use model.import_paper_checkpoint."
    return refusal(str(path), came, legal=f"a file written by model.save ({FORMAT})", step=step)
