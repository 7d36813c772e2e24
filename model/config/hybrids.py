"""What a configuration says of state-space models and of hybrids with attention.

Head size 64 is that of arXiv 2405.21060. In a hybrid attention and state-space heads are equal in number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from data.refusal import refusal, whole

if TYPE_CHECKING:
    from model.config import SISAConfig

OWN = -1  # of a field: the architecture's own value
PURE = ("mamba2", "mamba3")  # they may do without MLPs
HYBRIDS = {"jamba": ("attention_period", "attention_offset"), "hymba": ("n_meta", "window")}
HEAD = 64
OWN_VALUES: dict[str, Callable[[SISAConfig], int]] = {
    "attention_period": lambda config: min(4, config.n_layers),
    "attention_offset": lambda config: config.attention_period // 2,
    "n_meta": lambda config: config.n_ctx // 16,  # 128 of 2048, as published
    "window": lambda config: max(1, config.n_ctx // 2),  # 1024 of 2048, as published
}


def settle(config: SISAConfig) -> None:
    """Make the fields of hybrids explicit, 0 in every other architecture.

    Raises:
        ValueError: a field is not legal, or belongs to another architecture.
    """
    for architecture, names in HYBRIDS.items():
        for name in names:
            value = _settled(config, architecture, name)
            object.__setattr__(config, name, value)
    _check_placement(config)
    _check_state(config)


def _settled(config: SISAConfig, architecture: str, name: str) -> int:
    given = getattr(config, name)
    if config.architecture == architecture:
        least = 0 if name in ("attention_offset", "n_meta") else 1
        return OWN_VALUES[name](config) if given == OWN else whole(name, given, least=least)
    if given not in (OWN, 0):
        step = f"Leave {name} out, or set architecture to {architecture!r}."
        raise refusal(name, given, legal=f"0, for only {architecture} has it", step=step)
    return 0


def _check_placement(config: SISAConfig) -> None:
    reach = min(config.attention_period, config.n_layers)
    if config.architecture == "jamba" and config.attention_offset >= reach:
        legal = f"0 to {reach - 1}, so that some layer has attention"
        raise refusal("attention_offset", config.attention_offset, legal=legal, step="Choose a smaller one.")


def _check_state(config: SISAConfig) -> None:
    if config.architecture in (*PURE, *HYBRIDS) and not config.d_state:
        step = "Leave d_state out for the architecture's own."
        raise refusal("d_state", config.d_state, legal="even numbers >= 2", step=step)
    if config.architecture == "mamba3" and config.d_state % 4:
        step = "Mamba-3 rotates one pair of state channels in two."
        raise refusal("d_state", config.d_state, legal="multiples of 4", step=step)
    if config.architecture in PURE and config.rope != "none":
        step = f"{config.architecture} has no attention whose q and k could be turned."
        raise refusal("rope", config.rope, legal="'none'", step=step)
    if config.architecture in PURE and 2 * config.d_model % HEAD:
        step = f"A head of {config.architecture} has {HEAD} of 2·d_model channels."
        raise refusal("d_model", config.d_model, legal=f"multiples of {HEAD // 2}", step=step)


def state_head(config: SISAConfig) -> int:
    """Channels that one state-space head reads and writes."""
    return HEAD if config.architecture in PURE else 2 * config.d_head


def state_heads(config: SISAConfig) -> int:
    """State-space heads of a layer; together they have 2·d_model channels."""
    return 2 * config.d_model // state_head(config)


def key_heads(config: SISAConfig) -> int:
    """Key and value heads of a Hymba layer, at most a third of the query heads: 5 for 25 as published."""
    return max(n for n in range(1, max(1, config.n_heads // 3) + 1) if config.n_heads % n == 0)


def attends(config: SISAConfig, layer: int) -> bool:
    """Whether a layer of a Jamba has attention."""
    return layer % config.attention_period == config.attention_offset


def sees_everything(config: SISAConfig, layer: int) -> bool:
    """Whether a layer of a Hymba is global: the first, the middle one and the last are."""
    return layer in (0, (config.n_layers - 1) // 2, config.n_layers - 1)
