"""Who wrote the residual stream at a position: the embedding, every head and every MLP before it.

    x = embedding + Σ_{earlier heads} W_O z + Σ_{earlier MLPs} MLP(x)

| part          | hook                    | name                                  |
| ------------- | ----------------------- | ------------------------------------- |
| the embedding | hook_embed              | "embed", of a meta token "meta"       |
| a head        | blocks.0.attn.hook_result | "L0H3", of state spaces too         |
| an MLP        | blocks.0.hook_mlp_out   | "L0 MLP"                              |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from data.refusal import refusal, whole
from model.network.network import SISAModel
from sisa_viz.trace.axes import head_name

Keep = Callable[[Tensor], Tensor]
TOLERANCE = 1e-3  # float32 stays under 1e-5; 16 bits, and hooks that edit, are off by far more


class Parts(NamedTuple):
    """The residual stream at one position as a sum.

    Args:
        names: who wrote each part.
        written: what they wrote, part d_model, float64.
    """

    names: list[str]
    written: Tensor


@torch.no_grad()
def fired_by(
    model: SISAModel, ids: Int[Tensor, "1 position"], keeps: Mapping[str, Keep]
) -> dict[str, Tensor]:
    """Run a model once and return what some of its hooks fired, each cut down as soon as it fires.

    Args:
        model: its own hooks stay in place.
        ids: one sequence.
        keeps: by name of a hook, what to keep of what it fires.

    Returns:
        what was kept, by name of the hook.

    Example:
        >>> from model import SISAConfig
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> pattern = "blocks.0.attn.hook_pattern"
        >>> fired = fired_by(model, torch.tensor([[5, 3]]), {pattern: lambda t: t[0, :, 1]})
        >>> fired[pattern].shape  # head, key
        torch.Size([4, 2])
    """
    fired: dict[str, Tensor] = {}

    def keep(t: Tensor, hook: HookPoint) -> None:
        name = str(hook.name)
        fired[name] = keeps[name](t).clone()

    model.run_with_hooks(ids, fwd_hooks=[(name, keep) for name in keeps], return_type=None)
    return fired


def writer_hooks(model: SISAModel, positions: Sequence[int]) -> dict[str, Keep]:
    """Return the hooks of all that writes to the residual stream, and what to keep of them at some positions.

    Args:
        model: of any architecture.
        positions: of the residual stream, meta tokens counted.

    Example:
        >>> from model import SISAConfig
        >>> list(writer_hooks(SISAModel(SISAConfig.preset("tiny", n_layers=1)), [0]))
        ['hook_embed', 'blocks.0.attn.hook_result', 'blocks.0.hook_mlp_out']
    """
    at = list(positions)

    def keep(t: Tensor) -> Tensor:
        return t[0, at].double()

    names = ["hook_embed"]
    for layer in range(len(model.blocks)):
        names.append(f"blocks.{layer}.attn.hook_result")
        names += [f"blocks.{layer}.hook_mlp_out"] if model.config.d_mlp else []
    return dict.fromkeys(names, keep)


def parts_before(
    model: SISAModel, fired: Mapping[str, Tensor], *, layer: int, positions: Sequence[int]
) -> list[Parts]:
    """Return the parts of the residual stream that a layer's mixer reads, one sum a position.

    Args:
        model: that fired.
        fired: by `writer_hooks` of the same positions.
        layer: number of the reading layer; the number of layers stands for the final norm.
        positions: of the residual stream.

    Example:
        >>> from model import SISAConfig
        >>> model = SISAModel(SISAConfig.preset("tiny", n_heads=2))
        >>> fired = fired_by(model, torch.tensor([[5, 3]]), writer_hooks(model, [1]))
        >>> parts_before(model, fired, layer=1, positions=[1])[0].names
        ['embed', 'L0H0', 'L0H1', 'L0 MLP']
    """
    names: list[str] = []
    stacks = [fired["hook_embed"][:, None]]
    for earlier in range(layer):
        results = fired[f"blocks.{earlier}.attn.hook_result"]
        stacks.append(results)
        names += [head_name(earlier, head) for head in range(results.shape[1])]
        if model.config.d_mlp:
            stacks.append(fired[f"blocks.{earlier}.hook_mlp_out"][:, None])
            names.append(f"L{earlier} MLP")
    written: Float[Tensor, "position part d_model"] = torch.cat(stacks, dim=1)
    first = ["meta" if position < model.config.n_meta else "embed" for position in positions]
    return [Parts([source, *names], rows) for source, rows in zip(first, written, strict=True)]


def place(field: str, position: object, length: int, *, least: int = 0) -> int:
    """Return a position counted from the front; one below zero counts from the end.

    Args:
        field: name of the argument, for the message.
        position: what was received.
        length: positions there are, meta tokens counted.
        least: the first legal one.

    Raises:
        ValueError: no such position.

    Example:
        >>> place("query", -1, 8), place("query", 3, 8)
        (7, 3)
    """
    at = whole(field, position, least=-length, most=length - 1) % length
    if at < least:
        legal = f"{least} to {length - 1}, or from the end"
        raise refusal(field, position, legal=legal, step="Positions before are of meta tokens.")
    return at


def check_exact(missed: float) -> None:
    """Refuse a split that misses what was fired, for then something beside the weights made it.

    Args:
        missed: the largest distance between a sum of parts and what was fired, as a share of it.

    Raises:
        ValueError: more than rounding in float32 explains.

    Example:
        >>> check_exact(1e-6)
    """
    if not missed <= TOLERANCE:
        came = f"one whose weights miss what it fired by {missed:.2g} of it"
        step = "Call model.float() and model.reset_hooks() first."
        raise refusal("model", came, legal="float32 or float64, no hook that edits", step=step)
