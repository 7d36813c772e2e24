"""Mixer: what a block holds as `attn`, and all that a new one must give.

A mixer maps the normed residual stream, batch × position × d_model, to what is added to it. It is built as
Mixer(config, layer) with uninitialised weights. The network, the training loop and `capture` know nothing of
a mixer but what stands in this file.

| a mixer must give     | what it is                                                                  |
| --------------------- | --------------------------------------------------------------------------- |
| forward(x, cache)     | the map itself; each quantity a reader may want goes through a hook point    |
| initialise(generator) | its first weights, drawn from that generator alone                          |
| n_output_heads        | number of heads whose outputs W_O adds up                                   |
| to_o, hook_result     | W_O, and the hook of one head's share of its output                         |
| score_sized           | its hooks of query × key tensors, which are built only where they are watched |
| trace_hooks, factors  | what a trace is made from, and how                                          |
| parts(length)         | what a trace may show of this layer                                         |

It may also give no_weight_decay, decodes_from_cache and trace_config, whose defaults claim nothing, and
last_outputs, whose default saves nothing. Hook
points are attributes named hook_…; wherever a list names one, "hook_" is left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.mixers.parts.cache import LayerCache
from model.mixers.parts.float32 import KeepsFloat32
from model.mixers.parts.hooks import any_watched, watched

PartName = Literal["attention", "ssm"]


class TraceConfig(TypedDict, total=False):
    """What a trace's config says of the score, beside the model's own fields.

    Without any of it a score is a sum of content and importance whose softmax is the pattern.
    """

    score: Literal["softmax", "sigmoid", "linear"]  # how scores become weights on the values
    score_bias: float | Literal["log_t"]  # of sigmoids: added to every score of a row, nats, or −log t
    score_terms: dict[str, str]  # names that plots show for "content" and "importance"
    diagonal: str  # in words, where the diagonal of a trace is not that of the model


@dataclass(frozen=True)
class TracedPart:
    """One thing that a trace can show of a layer: its attention, or its state space.

    Args:
        trace_hooks: hooks that a capture records.
        factors: makes trace variables (`sisa_viz.build_trace`) of one sequence from what those hooks fired.
        trace_config: what the trace's config says of the score.
    """

    trace_hooks: tuple[str, ...]
    factors: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    trace_config: TraceConfig


class Mixer(KeepsFloat32, ABC):
    """A sequence mixer. Parameters that belong to it directly, not to its children, keep float32."""

    score_sized: ClassVar[tuple[str, ...]]  # hooks of query × key tensors
    trace_hooks: ClassVar[tuple[str, ...]]  # hooks that `factors` reads
    no_weight_decay: ClassVar[tuple[str, ...]] = ()  # names of parameters that weight decay would spoil

    to_o: nn.Linear
    hook_result: HookPoint

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "batch position d_model"], /, cache: LayerCache | None = None
    ) -> Float[Tensor, "batch position d_model"]:
        """Return what is added to the residual stream.

        Args:
            x: the normed residual stream.
            cache: the past of this layer, where `decodes_from_cache`; x then holds the positions after it.
        """

    def last_outputs(
        self, x: Float[Tensor, "batch position d_model"], n: int
    ) -> Float[Tensor, "batch last d_model"]:
        """Return what forward(x) gives at the last n positions; a mixer may save what the others cost.

        Args:
            x: the normed residual stream.
            n: number of positions, at least 1.
        """
        return self(x)[:, -n:]

    @abstractmethod
    def initialise(self, generator: torch.Generator) -> None:
        """Fill every parameter but those of RMSNorms, which the block sets to one.

        Args:
            generator: what all random numbers are drawn from; the same seed gives the same weights.
        """

    @abstractmethod
    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the variables of a trace for one sequence, as `sisa_viz.build_trace` takes them.

        Args:
            fired: what each of trace_hooks fired, by name; the batch has one row.
        """

    @abstractmethod
    def parts(self, length: int) -> dict[PartName, TracedPart]:
        """Return what a trace of this layer may show, by name; most mixers give one part, `self.as_part()`.

        Args:
            length: positions of the trace, meta tokens among them.
        """

    @property
    @abstractmethod
    def n_output_heads(self) -> int:
        """Number of heads that W_O maps."""

    @property
    def decodes_from_cache(self) -> bool:
        """Whether `generate` may keep a layer's past; without it every step computes the past anew."""
        return False

    @property
    def trace_config(self) -> TraceConfig:
        """What a trace's config says of the score; nothing where the score is content and importance."""
        return {}

    def as_part(self) -> TracedPart:
        """Return the whole mixer as what a trace shows."""
        return TracedPart(self.trace_hooks, self.factors, self.trace_config)

    def scores_watched(self) -> bool:
        """Return whether anybody watches a score-sized hook of this layer."""
        return any_watched(self, self.score_sized)

    def _output(self, z: Float[Tensor, "batch position head channel"]) -> Tensor:
        """Return W_O z, batch position d_model; by head only where hook_result is watched."""
        if watched(self.hook_result):
            return self.hook_result(torch.einsum("bphd,hdm->bphm", z, self.W_O)).sum(2)
        return self.to_o(z.flatten(2))

    @property
    def W_O(self) -> Float[Tensor, "head channel d_model"]:
        """W_O by head, as TransformerLens lays it out."""
        return self.to_o.weight.T.unflatten(0, (self.n_output_heads, -1))
