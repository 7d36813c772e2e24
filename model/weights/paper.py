"""Read checkpoints of the paper's authors (arXiv 2606.02332): {"model", "step", "config", …}, torch.save."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor

from data.digests import archive_fault
from data.refusal import file_path, refusal
from model.config import SISAConfig
from model.network.network import SISAModel, uncompiled_name
from model.weights.checkpoint import check_sizes, fill
from model.weights.numbers import weight

# released name within a layer: ours
LAYER_NAMES = {
    "W_Q.weight": "attn.to_q.weight",
    "W_K.weight": "attn.to_k.weight",
    "W_V.weight": "attn.to_v.weight",
    "W_O.weight": "attn.to_o.weight",
    "W_B.weight": "attn.to_B.weight",
    "W_C.weight": "attn.to_C.weight",
    "alpha_proj.weight": "attn.to_decay.weight",
    "alpha_proj.bias": "attn.to_decay.bias",
    "theta_proj.weight": "attn.to_theta.weight",
    "lambda_raw": "attn.lam_raw",
    "attn_norm.weight": "ln1.w",
    "ffn_norm.weight": "ln2.w",
    "ffn.w_gate.weight": "mlp.gate.weight",
    "ffn.w_up.weight": "mlp.up.weight",
    "ffn.w_down.weight": "mlp.down.weight",
}
NAMES = {"embed.weight": "embed.weight", "final_norm.weight": "ln_final.w"}
N_CTX_UNSAID = 2048  # the paper's context, where a file does not say its own
# what a stored config calls the sizes that tensors tell as well; others of its names are of other models
SAID = {"vocab_size": "d_vocab", "d_model": "d_model", "n_layer": "n_layers", "n_head": "n_heads"}


def released_name(name: str) -> str:
    """Return the name that a parameter of a SISA or transformer model has in the released files.

    Args:
        name: of `SISAModel.named_parameters()`.

    Raises:
        ValueError: the released layout has no such parameter.

    Example:
        >>> released_name("blocks.3.attn.to_q.weight")
        'layers.3.W_Q.weight'
    """
    block = re.fullmatch(r"blocks\.([0-9]+)\.(.+)", name)
    names = LAYER_NAMES if block else NAMES
    for theirs, ours in names.items():
        if ours == (block[2] if block else name):
            return f"layers.{block[1]}.{theirs}" if block else theirs
    legal = f"embed.weight, ln_final.w and blocks.N.{{{', '.join(LAYER_NAMES.values())}}}"
    raise refusal("parameter", name, legal=legal, step="Only SISA and the transformer have this layout.")


class Released(TypedDict):
    """Name what is read of a released file."""

    model: Mapping[str, Tensor]
    config: object  # a mapping with n_head and seq_len, if the file is what it says


def import_paper_checkpoint(path: str | PathLike[str], *, n_heads: int | None = None) -> SISAModel:
    """Return a float32 SISAModel with the released weights and the paper's anchor, "minimax".

    The file is read with pickle execution off, so that nothing in it can run. Sizes come from the tensors,
    which must be those that the stored config says; n_ctx from that config ("seq_len"), 2,048 where it says
    nothing.

    Args:
        path: the .pt file of the release.
        n_heads: only needed for a plain transformer whose stored config does not say "n_head".

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file needs pickle execution, has another layout or other sizes than its config says,
            has changed since it was written or holds weights that are not finite; says what was found.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from model import import_paper_checkpoint
        >>> with TemporaryDirectory() as folder:
        ...     torch.save({"weights": {}}, f"{folder}/other.pt")
        ...     import_paper_checkpoint(f"{folder}/other.pt")
        Traceback (most recent call last):
        ValueError: ...other.pt is "a mapping with ['weights']"; legal: a torch.save of {"model": ...
    """
    path = file_path("path", path)
    stored = _read(path)
    _check_held(stored["model"], path)
    released = _uncompiled(stored["model"], path)
    tensors = {_our_name(name, path): t for name, t in released.items()}
    tensors = {name: weight(name, t, source=path) for name, t in tensors.items()}
    config = _config(tensors, stored["config"], n_heads=n_heads, path=path)
    _check_said(config, stored["config"], path)
    check_sizes(config, {name: tuple(t.shape) for name, t in tensors.items()}, source=path)
    model = SISAModel(config)
    fill(model, tensors, source=path)
    return model


def _read(path: Path) -> Released:
    """Return weights and config of a file, or refuse it; no code in it runs."""
    legal = 'a torch.save of {"model": tensors by name, "step", "config", …}'
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; give the .pt file of the release.")
    # "PK" begins the archives of torch.save; files of its first years have neither archive nor CRC-32
    with path.open("rb") as file:
        fault = archive_fault(path) if file.read(2) == b"PK" else None
    if fault:
        raise refusal(str(path), f"a file that {fault}", legal=legal, step="Download it again.")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling fails in as many ways as there are files
        came = f"a file that cannot be read with pickle execution off ({type(error).__name__})"
        raise refusal(
            str(path), came, legal=legal, step="Never load it with pickle execution on unless you wrote it."
        ) from error
    weights = stored.get("model") if isinstance(stored, Mapping) else None
    if not isinstance(stored, Mapping) or not isinstance(weights, Mapping) or not _named_tensors(weights):
        came = f"a {type(stored).__name__}"
        if isinstance(stored, Mapping):
            came = f"a mapping with {sorted(map(str, stored))}"
        raise refusal(str(path), came, legal=legal, step="Give the released file itself.")
    config = stored.get("config")
    return Released(model=weights, config={} if config is None else config)


def _named_tensors(weights: Mapping[object, object]) -> bool:
    """Return whether a mapping holds tensors by name, at least one."""
    named = (isinstance(name, str) and isinstance(t, Tensor) for name, t in weights.items())
    return bool(weights) and all(named)


def _uncompiled(weights: Mapping[str, Tensor], path: str | PathLike[str]) -> dict[str, Tensor]:
    """Return weights under the names that they have without torch.compile; refuse two of one name."""
    plain = {uncompiled_name(name): t for name, t in weights.items()}
    if len(plain) < len(weights):
        twice = sorted(name for name in weights if name not in plain)[:5]
        came = f"the same tensors twice, of which some are {twice}"
        step = "Give the released file itself."
        raise refusal(f"weights in {path}", came, legal="each tensor once", step=step)
    return plain


def _check_held(weights: Mapping[str, Tensor], path: str | PathLike[str]) -> None:
    """Refuse a tensor of more numbers than the file holds: a view that repeats a few of them.

    As float32 it would take memory for all of them: 4 bytes stored as [1, 1] and read as [10⁶, 10⁶] are 4 TB.
    """
    for name, t in weights.items():
        held = t.untyped_storage().nbytes() // t.element_size() if t.layout is torch.strided else 0
        if t.numel() > held:
            came = f"{name}: {t.numel()} numbers, of which the file holds {held}"
            step = "Give the released file itself."
            raise refusal(f"weights in {path}", came, legal="tensors stored in full", step=step)


def _our_name(name: str, path: str | PathLike[str]) -> str:
    """Return the name that a released tensor has here, or refuse an unknown one."""
    layer = re.fullmatch(r"layers\.(0|[1-9][0-9]{0,8})\.(.+)", name)
    if layer and layer[2] in LAYER_NAMES:
        return f"blocks.{layer[1]}.{LAYER_NAMES[layer[2]]}"
    if name in NAMES:
        return NAMES[name]
    legal = f"embed, final_norm and layers.N.{{{', '.join(LAYER_NAMES)}}}"
    step = "Only SISA and transformer checkpoints have this layout."
    raise refusal(f"tensor in {path}", name, legal=legal, step=step)


def _check_said(config: SISAConfig, stored: object, path: object) -> None:
    """Refuse a stored config that says other sizes than the tensors have; one that says none passes."""
    said = stored if isinstance(stored, Mapping) else {}
    wrong = [
        f"{theirs}={said[theirs]!r} where its tensors have {getattr(config, ours)}"
        for theirs, ours in SAID.items()
        if said.get(theirs) is not None and not _is_size(said[theirs], getattr(config, ours))
    ]
    if wrong:
        legal, step = "the sizes of its own tensors", "Give the released file itself."
        raise refusal(f"config in {path}", "; ".join(wrong), legal=legal, step=step)


def _is_size(said: object, size: int) -> bool:
    """Return whether what a file says is this whole number; a tensor would compare number by number."""
    return isinstance(said, int) and said == size


def _config(
    tensors: Mapping[str, Tensor], stored: object, *, n_heads: int | None, path: object
) -> SISAConfig:
    """Return the config that the shapes of the tensors say; heads and context may need the stored one."""
    step = "Give the released file itself."
    if not isinstance(stored, Mapping):
        raise refusal(f"config in {path}", stored, legal="a mapping with n_head and seq_len", step=step)

    def shape(name: str, *, n_dims: int = 2) -> torch.Size:
        """Return the shape of a tensor that must be there, with so many axes."""
        found = tensors.get(name)
        if found is None or found.ndim != n_dims or not found.numel():
            came = f"no {name}" if found is None else f"{name}: {tuple(found.shape)}"
            raise refusal(f"weights in {path}", came, legal="the released layout", step=step)
        return found.shape

    d_vocab, d_model = shape("embed.weight")
    first = "blocks.0.attn."
    plain = first + "lam_raw" not in tensors
    # λ_raw has one number a head; no tensor of a plain transformer tells how its d_model is cut into heads
    heads = stored.get("n_head") if n_heads is None else n_heads
    if not plain:
        heads = shape(first + "lam_raw", n_dims=1).numel()
    if n_heads is not None and (isinstance(n_heads, bool) or n_heads != heads):
        legal = f"{heads}, as many as λ_raw has numbers"
        raise refusal("n_heads", n_heads, legal=legal, step="Leave n_heads out.")
    if heads is None:
        step = "The stored config has no n_head: pass n_heads=."
        raise refusal("n_heads", None, legal=f"a divisor of d_model={d_model}", step=step)
    return SISAConfig(
        d_model=d_model,
        n_layers=1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks.")),
        n_heads=heads,
        d_mlp=shape("blocks.0.mlp.gate.weight")[0],
        d_vocab=d_vocab,
        n_ctx=stored.get("seq_len", N_CTX_UNSAID),
        d_state=0 if plain else shape(first + "to_B.weight")[0] // heads,
        anchor="minimax",
    )
