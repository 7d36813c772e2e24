"""RoPE and the ways to stretch it over contexts longer than n, the training context and its meta tokens.

    angle of pair i at position p:  p·θ_i ,   θ_i = b^(−2i/D) ,   D = d_head, b = 10,000;   target length s·n

| rope        | θ_i becomes                                                 | source                   |
| ----------- | ----------------------------------------------------------- | ------------------------ |
| pi          | θ_i / s                                                     | arXiv 2306.15595         |
| ntk         | that of b·s^(D/(D−2)): fastest pair as it was, slowest θ/s  | "NTK-aware scaled RoPE"  |
| dynamic_ntk | the same with s·L/n − s + 1 for s, where the input has L > n | as in YaRN's repository |
| yarn        | ρ_i·θ_i/s + (1 − ρ_i)·θ_i, and q and k times 0.1 ln s + 1   | arXiv 2309.00071         |

ρ_i rises from 0 (pairs that turn more than 32 times within n) to 1 (less than once), linearly in the index i
as YaRN's code has it, where its text is linear in the number of turns. No method has parameters. The content
term alone is rescaled: Φ of SISA depends on the data, not on the position.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from model.config import SISAConfig
from model.mixers.parts.hooks import at_least_float32
from model.mixers.parts.rotation import turned

ROPE_BASE = 10_000.0
TURNS_KEPT = 32  # YaRN keeps a pair that turns more often within n
TURNS_INTERPOLATED = 1  # and divides the angle of one that turns less often by s


def frequencies(
    config: SISAConfig, *, length: int, device: torch.device | None = None
) -> Float[Tensor, " pair"]:
    """Return the angle θ_i by which each pair of channels turns a position, radians, float64.

    Plain RoPE has θ_i = 10,000^(−2i/d_head). The ways to stretch it slow the pairs down so that a longer text
    stays within the angles of training: all alike ("pi"), the slow ones most ("ntk", "dynamic_ntk"), or only
    those that turned less than once within the training context ("yarn").

    Args:
        config: its rope, rope_factor, n_ctx and d_head.
        length: tokens of the text; it matters to "dynamic_ntk" alone, which stretches as far as that.
        device: where they are built.

    Example:
        >>> shape = {"n_heads": 16, "rope": "pi", "rope_factor": 4.0}  # so d_head is 4
        >>> config = SISAConfig.preset("tiny", architecture="transformer", **shape)
        >>> frequencies(config, length=128).tolist()
        [0.25, 0.0025]
    """
    s, n, d_head = config.rope_factor, config.n_ctx + config.n_meta, config.d_head
    if config.rope == "pi":
        return plain_frequencies(d_head, device=device) / s
    if config.rope == "ntk":
        return plain_frequencies(d_head, base=_stretched_base(s, d_head), device=device)
    if config.rope == "dynamic_ntk":
        base = _stretched_base(s * max(length, n) / n - s + 1, d_head)
        return plain_frequencies(d_head, base=base, device=device)
    theta = plain_frequencies(d_head, device=device)
    if config.rope != "yarn":
        return theta
    rho = _interpolated(d_head, n, device)
    return rho * theta / s + (1 - rho) * theta


def plain_frequencies(
    d_head: int, *, base: float = ROPE_BASE, device: torch.device | None = None
) -> Float[Tensor, " pair"]:
    """Return θ_i = base^(−2i/d_head) of each pair of channels, radians a position, float64.

    Args:
        d_head: channels of a head, two for each pair.
        base: b; the larger, the slower the slow pairs.
        device: where they are built.

    Example:
        >>> plain_frequencies(4).tolist()
        [1.0, 0.01]
    """
    return base ** (-torch.arange(0, d_head, 2, device=device, dtype=torch.float64) / d_head)


def temperature(config: SISAConfig) -> float:
    """Return what q and k are multiplied by: 0.1 ln s + 1 for YaRN, 1 for all other codes.

    Args:
        config: its rope and rope_factor, s.

    Example:
        >>> temperature(SISAConfig.preset("tiny"))
        1.0
    """
    return 0.1 * math.log(config.rope_factor) + 1 if config.rope == "yarn" else 1.0


def positioned(
    x: Float[Tensor, "batch position head d_head"], config: SISAConfig, *, start: int = 0
) -> Float[Tensor, "batch position head d_head"]:
    """Return queries or keys turned by their positions, R(p·θ) x, or as they are where there is no RoPE.

    Args:
        x: q or k before the position code.
        config: says which position code.
        start: position of the first row, the number of positions in a cache.

    Example:
        >>> x = torch.ones(1, 3, 4, 16)
        >>> turned = positioned(x, SISAConfig.preset("tiny"))
        >>> bool((turned[:, 0] == x[:, 0]).all()), bool((turned[:, 1] == x[:, 1]).all())
        (True, False)
    """
    if config.rope == "none":
        return x
    wide, end = at_least_float32(x), start + x.shape[1]
    table = rope_table(config, length=end, device=x.device, dtype=wide.dtype)
    return turned(wide, table[start:end, None]).to(x.dtype)


_TABLES: dict[tuple[object, ...], Tensor] = {}  # by code, device and dtype; as long as was ever needed


def rope_table(
    config: SISAConfig, *, length: int, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "longer pair 2"]:
    """Return cosine and sine of every pair's angle at every position, times the temperature.

    Angles are float64, and only their cosines are rounded: at position 2,000 a bfloat16 angle of 2,000
    radians would be off by up to 8, more than a whole turn. A table is made once, and longer when a longer
    text comes. Compiled code takes the one that is there, for it would make it anew for every element of
    q and k.

    Args:
        config: its rope, rope_factor, n_ctx, n_meta and d_head.
        length: positions that are needed, those of a cache among them.
        device: where it is used.
        dtype: of the rotation.

    Returns:
        A table of at least `length` positions.

    Example:
        >>> config = SISAConfig.preset("tiny")
        >>> rope_table(config, length=3, device=torch.device("cpu"), dtype=torch.float64)[0, 0].tolist()
        [1.0, 0.0]
    """
    if config.rope == "dynamic_ntk" and length > config.n_ctx + config.n_meta:
        return _table(config, length, device, dtype)  # every length has frequencies of its own
    key = (config.rope, config.rope_factor, config.n_ctx + config.n_meta, config.d_head, device, dtype)
    if key in _TABLES and len(_TABLES[key]) >= length:
        return _TABLES[key]
    if torch.compiler.is_compiling():
        return _table(config, length, device, dtype)
    longer = 1 << (length - 1).bit_length()
    if config.rope == "dynamic_ntk":
        longer = min(longer, config.n_ctx + config.n_meta)
    with torch.inference_mode(False), torch.no_grad():  # what is made under it could serve no training
        _TABLES[key] = _table(config, longer, device, dtype)
    return _TABLES[key]


def _table(config: SISAConfig, length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    phase = rope_phase(length, frequencies(config, length=length, device=device))
    return (temperature(config) * torch.stack((phase.cos(), phase.sin()), dim=-1)).to(dtype)


def rope_phase(
    length: int, frequency: Float[Tensor, " pair"], *, start: int = 0
) -> Float[Tensor, "position pair"]:
    """Return the angles p·θ_i of the positions from start on, radians, float64.

    Args:
        length: number of positions.
        frequency: θ_i, radians a position.
        start: the first position, after those in a cache.

    Example:
        >>> rope_phase(2, torch.tensor([1.0, 0.5]), start=3).tolist()
        [[3.0, 1.5], [4.0, 2.0]]
    """
    position = torch.arange(start, start + length, device=frequency.device, dtype=torch.float64)
    return position[:, None] * frequency


def _stretched_base(factor: float, d_head: int) -> float:
    """Return the base whose slowest pair turns `factor` times slower."""
    return ROPE_BASE * factor ** (d_head / (d_head - 2))


def _interpolated(d_head: int, n: int, device: torch.device | None) -> Float[Tensor, " pair"]:
    """ρ_i: 0 keeps a frequency, 1 divides it by s."""
    low = max(math.floor(_index(TURNS_KEPT, d_head, n)), 0)
    high = min(math.ceil(_index(TURNS_INTERPOLATED, d_head, n)), d_head - 1)
    i = torch.arange(d_head // 2, device=device, dtype=torch.float64)
    return ((i - low) / max(high - low, 0.001)).clamp(0, 1)


def _index(turns: int, d_head: int, n: int) -> float:
    """Index i, not rounded, of the pair that turns so many times within n."""
    return d_head * math.log(n / (turns * 2 * math.pi)) / (2 * math.log(ROPE_BASE))
