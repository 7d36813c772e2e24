"""Architecture: one record for each kind of sequence mixer, and the register of all that there are.

Everything that asks "does this architecture have a state, a decay, rotated q and k, …" reads the record. To
add an architecture, write one mixer (a class derived from `model.mixers.base.Mixer`), one record, and the
checks on it; `docs/recipes/add_an_architecture.md` does so step by step. The records of this package stand in
`model.config.records`. The colour of a curve is the only fact kept elsewhere, in `sisa_viz.look.colours`,
because plots may not import the model; a name that is not listed there gets a colour of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Literal, get_args

from data.refusal import one_of, refusal
from model.config.shape import Rope, Shape

FusionLevel = Literal[
    "attention alone", "state space alone", "block", "head", "score", "bias of the score"
]  # where state space and attention meet, in the order of notebook 04
ScoreKind = Literal["softmax", "sigmoid", "linear"]  # how scores become weights, see sisa_viz.trace.weights


@dataclass(frozen=True, kw_only=True)
class OwnField:
    """A field of Shape that one architecture has and all others hold at 0.

    Args:
        name: of the field.
        default: its value where none is given, from the rest of the shape; own fields named earlier are set.
        least: smallest legal value.
    """

    name: str
    default: Callable[[Shape], int]
    least: int


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Say all that the code must know of an architecture beside its mixer's own equations.

    Args:
        name: the legal value of `SISAConfig(architecture=...)`, of run folders and of tables.
        label: the name in running text, such as "Mamba-2".
        level: where state space and attention meet.
        what: what it is, in one line.
        arxiv: number of the paper it comes from.
        mixer: builder of one layer's mixer, called as mixer(config, layer); or its place as text,
            "package.module:Name", which is imported when the first model is built.
        parameters: number of parameters of one layer's mixer, from (shape, layer).
        d_state: state size where none is given; 0 for no state.
        d_state_multiple: what a state size must be a multiple of, 2 or 4; 0 for no state.
        without_state: architecture that d_state = 0 makes of it; "" refuses d_state = 0.
        state_head: channels that one state-space head reads and writes; 0 means twice d_head.
        d_state_by_layer: whether layers may differ in d_state.
        rope: position code where none is given.
        turns_q_and_k: whether it has q and k that a position code could turn.
        needs_mlp: whether d_mlp = 0 is refused.
        has_lam: whether its score has a λ that scales one term (`hook_lam`).
        has_decay: whether something fades with distance (`hook_log_decay`).
        decodes_from_cache: whether `generate` can keep the past instead of computing it anew.
        score: how scores become weights on the values.
        own_fields: fields of Shape that only this architecture has.
        check: further conditions on a Shape; raises ValueError.

    Example:
        >>> fox = architecture("fox")
        >>> fox.label, fox.level, fox.d_state, fox.rope
        ('FoX', 'bias of the score', 0, 'none')
    """

    name: str
    label: str
    level: FusionLevel
    what: str
    arxiv: str
    mixer: str | Callable[..., object]
    parameters: Callable[[Shape, int], int]
    d_state: int = 0
    d_state_multiple: Literal[0, 2, 4] = 0
    without_state: str = ""
    state_head: int = 0
    d_state_by_layer: bool = False
    rope: Rope = "rope"
    turns_q_and_k: bool = True
    needs_mlp: bool = True
    has_lam: bool = False
    has_decay: bool = False
    decodes_from_cache: bool = True
    score: ScoreKind = "softmax"
    own_fields: tuple[OwnField, ...] = ()
    check: Callable[[Shape], None] | None = None

    def __post_init__(self) -> None:
        for name in ("name", "label"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                step = "It names runs, tables and curves."
                raise refusal(f"Architecture {name}", getattr(self, name), legal="some text", step=step)
        one_of("level", self.level, get_args(FusionLevel))
        one_of("rope", self.rope, get_args(Rope))
        one_of("score", self.score, get_args(ScoreKind))
        one_of("d_state_multiple", self.d_state_multiple, (2, 4) if self.d_state else (0,))
        if isinstance(self.mixer, str) and self.mixer.count(":") != 1:
            legal, step = '"package.module:Name", or a class', "Put a colon before the class's name."
            raise refusal("mixer", self.mixer, legal=legal, step=step)
        known = [field.name for field in fields(Shape)]
        for own in self.own_fields:
            one_of(f"own field of {self.name}", own.name, known)

    def build(self, config: Shape, layer: int) -> object:
        """Return the mixer of one layer with uninitialised weights.

        A mixer given as text is imported at the first call.
        """
        if isinstance(self.mixer, str):
            module, _, name = self.mixer.partition(":")
            return getattr(import_module(module), name)(config, layer)
        return self.mixer(config, layer)

    def check_shape(self, shape: Shape) -> None:
        """Raise ValueError if this architecture cannot have such a shape; says what it could have."""
        if shape.layer_d_state and not self.d_state_by_layer:
            able = ", ".join(other.name for other in architectures() if other.d_state_by_layer)
            legal = f"(), for only {able} may differ from layer to layer"
            raise refusal("layer_d_state", shape.layer_d_state, legal=legal, step="Leave layer_d_state out.")
        self._check_state(shape)
        if shape.rope != "none" and not self.turns_q_and_k:
            step = f"{self.name} has no attention whose q and k could be turned."
            raise refusal("rope", shape.rope, legal="'none'", step=step)
        if self.state_head and 2 * shape.d_model % self.state_head:
            step = f"A head of {self.name} has {self.state_head} of 2·d_model channels."
            legal = f"multiples of {self.state_head // 2}"
            raise refusal("d_model", shape.d_model, legal=legal, step=step)
        if self.check:
            self.check(shape)

    def _check_state(self, shape: Shape) -> None:
        if not self.d_state:
            if shape.d_state:
                step = "Leave d_state out, or name another architecture."
                legal = f"0, for {self.name} has no state"
                raise refusal("d_state", shape.d_state, legal=legal, step=step)
            return
        if not shape.d_state and not self.without_state:
            step = "Leave d_state out for the architecture's own, or set architecture to 'transformer'."
            raise refusal("d_state", shape.d_state, legal="even numbers >= 2", step=step)
        if shape.d_state % self.d_state_multiple:
            step = f"{self.label} rotates one pair of state channels in two."
            raise refusal("d_state", shape.d_state, legal="multiples of 4", step=step)


_REGISTER: dict[str, Architecture] = {}


def register(record: Architecture) -> Architecture:
    """Make an architecture known by its name, so that configs, studies and tables accept it.

    Register where your module is imported: worker processes of a study know what they import, no more.

    Args:
        record: of the architecture.

    Returns:
        The record itself.

    Raises:
        ValueError: the name is taken.

    Example:
        >>> from dataclasses import replace
        >>> twin = register(replace(architecture("fox"), name="my_fox", label="my FoX"))
        >>> twin in architectures()
        True
        >>> unregister("my_fox")
    """
    if record.name in _REGISTER:
        step = f"Choose another name, or call unregister({record.name!r}) first."
        legal = f"names other than {', '.join(_REGISTER)}"
        raise refusal("architecture", record.name, legal=legal, step=step)
    _REGISTER[record.name] = record
    return record


def unregister(name: str) -> None:
    """Forget an architecture, so that a changed record of the same name can be registered.

    Models that were built before keep their mixers.

    Args:
        name: of a registered architecture.

    Raises:
        ValueError: there is none of that name.

    Example:
        >>> from dataclasses import replace
        >>> twin = register(replace(architecture("fox"), name="my_fox"))
        >>> unregister("my_fox")
        >>> twin in architectures()
        False
    """
    del _REGISTER[architecture(name).name]


def architecture(name: str) -> Architecture:
    """Return the record of a registered architecture.

    Args:
        name: as in `SISAConfig(architecture=...)`.

    Returns:
        Its record, which says what it has and how its mixer is built.

    Raises:
        ValueError: names every architecture there is.

    Example:
        >>> architecture("sisa").d_state
        16
        >>> architecture("rnn")
        Traceback (most recent call last):
        ValueError: architecture is 'rnn'; legal: 'transformer', 'sisa', ...
    """
    one_of("architecture", name, list(_REGISTER))
    return _REGISTER[name]


def architectures() -> tuple[Architecture, ...]:
    """Return the records of all registered architectures, in the order in which they were registered.

    Returns:
        The records; ask them for names or for those that have a property.

    Example:
        >>> [record.name for record in architectures() if record.has_lam]
        ['sisa', 'adaptive_sisa', 'sigmoid_sisa', 'widened']
    """
    return tuple(_REGISTER.values())
