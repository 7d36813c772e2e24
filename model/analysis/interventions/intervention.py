"""The vocabulary of interventions: where × what × how, checked before anything runs.

| what       | is                                                  | how                             |
| ---------- | --------------------------------------------------- | ------------------------------- |
| content    | q_i·k_j / √d_h                                       | all of the table below          |
| importance | λ C̄_i·B̄_j                                            | all                             |
| lam        | λ of a head                                         | zero, scale, mean, clean        |
| decay      | log α of a token (FoX: log f; a state space: a)     | zero, scale, mean, clean        |
| rotation   | Φ, the angles of R(Φ)                               | zero, scale, mean, clean        |
| value      | v                                                   | zero, scale, mean, random, clean |
| head       | y of a head, what W_O maps                          | likewise                        |
| state      | what a state space takes in, x                      | likewise                        |
| mlp        | what a SwiGLU adds to the residual stream           | likewise                        |
| residual   | the residual stream at the entry of a block         | likewise                        |

| how     | of a term of the score                        | of a vector or number                      |
| ------- | --------------------------------------------- | ------------------------------------------ |
| zero    | 0                                             | 0                                          |
| scale   | times `factor`                                | times `factor`                             |
| mean    | its mean over texts at each distance i − j    | its mean over texts and positions          |
| shuffle | permuted over the keys that a query sees      | –                                          |
| random  | another row of equal mean and spread          | a random direction of equal norm           |
| clean   | as it is in the run that is given             | as it is in the run that is given          |

The mean of λ is over the heads of a layer, and that of Φ turns by the same angle at every token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from data.refusal import as_number, one_of, refusal, whole

Target = Literal[
    "content", "importance", "lam", "decay", "rotation", "value", "head", "state", "mlp", "residual"
]
How = Literal["zero", "scale", "mean", "shuffle", "random", "clean"]
Positions = Sequence[int] | Tensor | None

TERMS: tuple[Target, ...] = ("content", "importance")
VECTORS: tuple[How, ...] = ("zero", "scale", "mean", "random", "clean")
LEGAL_HOWS: dict[Target, tuple[How, ...]] = {
    "content": get_args(How),
    "importance": get_args(How),
    "lam": ("zero", "scale", "mean", "clean"),
    "decay": ("zero", "scale", "mean", "clean"),
    "rotation": ("zero", "scale", "mean", "clean"),
    "value": VECTORS,
    "head": VECTORS,
    "state": VECTORS,
    "mlp": VECTORS,
    "residual": VECTORS,
}
WITHOUT_HEADS: tuple[Target, ...] = ("mlp", "residual")
# which of a target's positions can be chosen: those that look, those that are looked at
AT_QUERIES: tuple[Target, ...] = (*TERMS, "head", "mlp", "residual")
AT_KEYS: tuple[Target, ...] = (*TERMS, "decay", "value", "state")
IN_CHANNELS: tuple[Target, ...] = (*TERMS, "rotation")


@dataclass(frozen=True, eq=False)
class Intervention:
    """One change of a model's inner quantities: what, how and where.

    Args:
        what: the quantity, see the table above.
        how: what becomes of it.
        layers: numbers of blocks; None for every one that has the quantity.
        heads: numbers of heads; None for all.
        queries: positions that look, of a term; positions of a head's output, a SwiGLU's or the residual
            stream. Numbers of tokens, or a mask [batch, position] where every text has its own. None for all.
        keys: positions that are looked at, of a term, v, x or log α; likewise.
        channels: numbers of pairs of channels, of R(Φ) for importance and rotation, of RoPE for content.
        factor: for "scale"; 1 changes nothing, and by nothing at all.
        seed: of "shuffle" and "random"; the same seed draws the same numbers in every pass.

    Raises:
        ValueError: a quantity cannot be changed so, or not there; names what can.

    Example:
        >>> Intervention("importance", layers=[0], heads=[3])
        importance of L0H3: zero
        >>> Intervention("lam", "shuffle")
        Traceback (most recent call last):
        ValueError: how is 'shuffle'; legal: 'zero', 'scale', 'mean', 'clean'. Set how to one of them.
    """

    what: Target
    how: How = "zero"
    layers: Sequence[int] | None = None
    heads: Sequence[int] | None = None
    queries: Positions = None
    keys: Positions = None
    channels: Sequence[int] | None = None
    factor: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("what", self.what, get_args(Target))
        one_of("how", self.how, LEGAL_HOWS[self.what])
        for name in ("layers", "heads", "channels"):
            _check_numbers(name, getattr(self, name))
        for name in ("queries", "keys"):
            _check_positions(name, getattr(self, name))
        whole("seed", self.seed, least=0)
        number = as_number(self.factor)
        if number is None or not abs(number) < float("inf"):
            raise refusal("factor", self.factor, legal="a finite number", step="1 changes nothing.")
        self._refuse_place("heads", [name for name in get_args(Target) if name not in WITHOUT_HEADS])
        self._refuse_place("queries", AT_QUERIES)
        self._refuse_place("keys", AT_KEYS)
        self._refuse_place("channels", IN_CHANNELS)
        if self.channels is not None and self.needs_scores:
            step = "Take the channels of all queries or of all keys, or all channels."
            raise refusal(
                "channels", self.channels, legal=f"None with {self.how!r} of these pairs", step=step
            )

    @property
    def needs_scores(self) -> bool:
        """Whether the term is changed pair by pair, for which query × key tensors are built."""
        if self.what not in TERMS:
            return False
        both, some = (self.queries, self.keys), self.queries is not None or self.keys is not None
        pairs = all(at is not None for at in both)
        return self.how in ("mean", "shuffle", "random") or pairs or (self.how == "clean" and some)

    @property
    def changes_nothing(self) -> bool:
        """Whether it is a scale by 1."""
        return self.how == "scale" and self.factor == 1

    def __repr__(self) -> str:
        """Return what, where and how in one line."""
        if self.layers is not None and self.heads is not None:
            where = " of " + ", ".join(f"L{layer}H{head}" for layer in self.layers for head in self.heads)
        elif self.layers is not None:
            where = " of layer " + ", ".join(map(str, self.layers))
        elif self.heads is not None:
            where = " of head " + ", ".join(map(str, self.heads))
        else:
            where = ""
        chosen = [name for name in ("queries", "keys", "channels") if getattr(self, name) is not None]
        how = f"{self.how} {self.factor:g}" if self.how == "scale" else self.how
        return f"{self.what}{where}: {how}" + (f" at chosen {' and '.join(chosen)}" if chosen else "")

    def _refuse_place(self, place: str, targets: Sequence[Target]) -> None:
        """Refuse a place that a quantity does not have."""
        if getattr(self, place) is not None and self.what not in targets:
            step = f"Only {', '.join(targets)} can be changed at some {place} alone."
            raise refusal(place, getattr(self, place), legal=f"None for {self.what}", step=step)


def _check_numbers(name: str, given: object) -> None:
    """Refuse what is no list of whole numbers from 0, each once."""
    if given is None:
        return
    step = f"Leave {name} out for all of them."
    if isinstance(given, str | bytes) or not isinstance(given, Sequence | range) or not len(given):
        raise refusal(name, given, legal="a list of numbers, or None", step=step)
    numbers = [whole(name, number, least=0) for number in cast(Sequence[object], given)]
    if len(set(numbers)) < len(numbers):
        raise refusal(name, given, legal="each number once", step=step)


def _check_positions(name: str, given: object) -> None:
    """Refuse what is neither a list of positions nor a mask of them."""
    if not isinstance(given, Tensor):
        return _check_numbers(name, given)
    if given.dtype != torch.bool or given.ndim != 2:
        came = f"{given.dtype} of shape {tuple(given.shape)}"
        step = "Give numbers as a list; a mask is True where the change applies."
        raise refusal(name, came, legal="a mask of bools [batch, position]", step=step)
    return None
