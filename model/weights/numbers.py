"""What tensors of a file of weights must be: numbers that a model can have, and those that were written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor

from data.refusal import refusal

DIGESTED = ("config", "seed", "tokenizer")  # the texts of a file that its digest is of, beside the tensors
DAMAGED = "The file is damaged, or of a training that failed: take another one."


def weight(name: str, tensor: Tensor, *, source: object, step: str = DAMAGED) -> Tensor:
    """Return a tensor of a file as float32, or refuse what is no weight.

    One NaN in a weight makes every logit NaN, and so does a number beyond float32; an integer or a complex
    number was never a weight of a model that this project writes.

    Args:
        name: of the parameter, for the message.
        tensor: as it is stored.
        source: the file, for the message.
        step: a whole sentence that says what to do next.

    Raises:
        ValueError: the tensor is not of a floating type, or holds something that is not finite.

    Example:
        >>> weight("embed.weight", torch.tensor([1.5, float("nan")]), source="memory")
        Traceback (most recent call last):
        ValueError: weights in memory is 'embed.weight with 1 of 2 numbers not finite'; legal: finite ...
    """
    if not tensor.is_floating_point() or tensor.is_meta:
        kind = "no numbers" if tensor.is_meta else str(tensor.dtype)
        legal = "numbers of a floating type, such as float32 or bfloat16"
        raise refusal(f"weights in {source}", f"{name} of {kind}", legal=legal, step=step)
    found = tensor.float()
    bad = found.numel() - int(found.isfinite().sum())
    if bad:
        came = f"{name} with {bad} of {found.numel()} numbers not finite"
        raise refusal(f"weights in {source}", came, legal="finite numbers", step=step)
    return found


def stored(name: str, parameter: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a parameter as a file holds it, or refuse one that would not come back.

    Args:
        name: of the parameter, for the message.
        parameter: of a model, on any device.
        dtype: of the file. The largest number of float16 is 65,504, which a weight may exceed.

    Raises:
        ValueError: it is not finite in that type.

    Example:
        >>> stored("ln_final.w", torch.tensor([70_000.0]), torch.float16)
        Traceback (most recent call last):
        ValueError: weights in the model, as torch.float16, is 'ln_final.w with 1 of 1 numbers not finite...
    """
    source, step = f"the model, as {dtype},", "Save it as bfloat16 or float32, or train it again."
    if parameter.is_meta:
        weight(name, parameter, source=source, step="Load or train it on a device with memory first.")
    tensor = parameter.detach().to("cpu", dtype).contiguous()
    weight(name, tensor, source=source, step=step)
    return tensor


def digest(tensors: Mapping[str, Tensor], described: Mapping[str, str]) -> str:
    """Return the SHA-256 of weights and of what is said of them, as hexadecimal text.

    Args:
        tensors: by parameter name, as they are stored.
        described: texts by name, of which config, seed and tokenizer count.

    Example:
        >>> one = digest({"w": torch.tensor([1.0])}, {"seed": "0"})
        >>> len(one), one == digest({"w": torch.tensor([1.0])}, {"seed": "1"})
        (64, False)
    """
    found = hashlib.sha256(json.dumps([described.get(name, "") for name in DIGESTED]).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        found.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)  # numpy has no bfloat16
    return found.hexdigest()


def check_written(tensors: Mapping[str, Tensor], described: Mapping[str, str], *, source: object) -> None:
    """Refuse weights that have changed since they were written; earlier versions noted no digest.

    Args:
        tensors: by parameter name, as they are stored.
        described: texts by name; "sha256" is what was noted.
        source: the file, for the message.

    Raises:
        ValueError: the digest is another.

    Example:
        >>> noted = {"seed": "0", "sha256": digest({}, {"seed": "0"})}
        >>> check_written({}, noted, source="memory")
        >>> check_written({}, noted | {"seed": "1"}, source="memory")
        Traceback (most recent call last):
        ValueError: memory is 'a file that has changed since it was written: its SHA-256 is another'; ...
    """
    noted = described.get("sha256")
    if noted is not None and noted != digest(tensors, described):
        came = "a file that has changed since it was written: its SHA-256 is another"
        legal = f"what model.save wrote, SHA-256 {noted[:12]}…"
        raise refusal(
            str(source), came, legal=legal, step="Put it back from a copy, or save the model again."
        )
