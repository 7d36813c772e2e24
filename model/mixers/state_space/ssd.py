"""The linear core that Mamba-2 and Mamba-3 share, as pure functions: three forms of one map.

    S_t = e^{a_t} S_{t−1} + u_t K_tᵀ ,   y_t = S_t Q_t ,   S_0 = 0
    y_t = Σ_{s ≤ t} e^{a_{s+1} + … + a_t} (Q_t·K_s) u_s

| symbol | shape                       | meaning                                                      |
| ------ | --------------------------- | ------------------------------------------------------------ |
| u      | batch head position channel | what enters the state                                        |
| a      | batch head position         | log-decay of one step, nats, ≤ 0                             |
| K, Q   | batch head position state   | where it enters and what is read; one head may stand for all |
| S      | batch head channel state    | the state                                                    |

Strict forms leave out what enters at t itself: y_t = e^{a_t} S_{t−1} Q_t.

Source: structured state-space duality, arXiv 2405.21060. Decays are sums of the steps between two positions,
never differences of running sums: no digits cancel, and a step of −∞ starts anew.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from model.mixers.parts.hooks import at_least_float32

CHUNK_LENGTH = 64

Steps = Float[Tensor, "*dims position"]
Values = Float[Tensor, "*dims position channel"]
Keys = Float[Tensor, "*key_dims position state"]
Queries = Float[Tensor, "*query_dims position state"]


def segment_sums(a: Steps, *, strict: bool = False) -> Float[Tensor, "*dims query key"]:
    """Return the sum of steps a_{s+1} + … + a_t between every pair of positions, in at least float32.

    Steps are added up anew for each s, not subtracted from one running sum: beside −50,000 nats, which
    float32 holds to 0.004, a step of 1e-6 would vanish.

    Args:
        a: log-decay of each step, nats.
        strict: whether s = t is left out too.

    Returns:
        Sums for s ≤ t (s < t where strict), −∞ elsewhere.

    Example:
        >>> segment_sums(torch.tensor([-1.0, -2.0, -3.0])).tolist()
        [[0.0, -inf, -inf], [-2.0, 0.0, -inf], [-5.0, -3.0, 0.0]]
    """
    length = a.shape[-1]
    below = torch.ones(length, length, dtype=torch.bool, device=a.device).tril(-1)
    steps = at_least_float32(a)[..., None].expand(*a.shape, length).masked_fill(~below, 0.0)
    return steps.cumsum(-2).masked_fill(~below if strict else below.mT, -math.inf)


def recurrent(u: Values, a: Steps, K: Keys, Q: Queries, *, strict: bool = False) -> Values:
    """Return y of the recurrence itself, one position at a time: the slow reference of the other forms.

        S_t = e^{a_t} S_{t−1} + u_t K_tᵀ ,   y_t = S_t Q_t

    Args:
        u: what enters.
        a: log-decays, nats.
        K: where it enters.
        Q: what is read.
        strict: whether u_t is left out of y_t.

    Example:
        >>> u = K = Q = torch.ones(3, 1)
        >>> recurrent(u, torch.zeros(3), K, Q).flatten().tolist()  # nothing fades
        [1.0, 2.0, 3.0]
    """
    S = torch.zeros_like(u[..., 0, :, None] * K[..., 0, None, :])
    out = []
    for t in range(a.shape[-1]):
        before = a[..., t, None, None].exp() * S
        S = before + u[..., t, :, None] * K[..., t, None, :]
        out.append(((before if strict else S) * Q[..., t, None, :]).sum(-1))
    return torch.stack(out, dim=-2)


def quadratic(u: Values, a: Steps, K: Keys, Q: Queries, *, strict: bool = False) -> Values:
    """Return y of the dual form, (Q Kᵀ ⊙ e^{segment sums}) u, which builds query × key.

    Args:
        u: what enters.
        a: log-decays, nats.
        K: where it enters.
        Q: what is read.
        strict: whether u_t is left out of y_t.

    Example:
        >>> u = K = Q = torch.ones(3, 1)
        >>> quadratic(u, torch.zeros(3), K, Q, strict=True).flatten().tolist()
        [0.0, 1.0, 2.0]
    """
    return (Q @ K.mT * segment_sums(a, strict=strict).exp()).to(u.dtype) @ u


def chunked(
    u: Values, a: Steps, K: Keys, Q: Queries, *, strict: bool = False, chunk: int = CHUNK_LENGTH
) -> Values:
    """Return y by the dual form inside chunks and again among their states: linear in the length.

    Matrix products are in the dtype of u; sums, exponentials and states are float32 or wider.

    Args:
        u: what enters.
        a: log-decays, nats.
        K: where it enters.
        Q: what is read.
        strict: whether u_t is left out of y_t.
        chunk: positions in a chunk; it changes rounding only.

    Example:
        >>> u = K = Q = torch.ones(3, 1)
        >>> chunked(u, torch.zeros(3), K, Q, chunk=2).flatten().tolist()
        [1.0, 2.0, 3.0]
    """
    length = a.shape[-1]
    chunk = min(chunk, length)
    u, K, Q = _in_chunks(u, chunk), _in_chunks(K.to(u.dtype), chunk), _in_chunks(Q.to(u.dtype), chunk)
    a = at_least_float32(F.pad(a, (0, -length % chunk))).unflatten(-1, (-1, chunk))
    inside = quadratic(u, a, K, Q, strict=strict)
    since_start, until_end = a.cumsum(-1), F.pad(a[..., 1:], (0, 1)).flip(-1).cumsum(-1).flip(-1)
    added = (until_end.exp()[..., None] * u).to(u.dtype).mT @ K
    states = _before_each(added, since_start[..., -1])
    carried = (since_start.exp()[..., None] * Q).to(Q.dtype) @ states.to(Q.dtype).mT
    return (inside + carried).flatten(-3, -2)[..., :length, :]


def _in_chunks(x: Tensor, chunk: int) -> Tensor:
    """Return … chunk position channel of … position channel, zeros where the last chunk is not full."""
    return F.pad(x, (0, 0, 0, -x.shape[-2] % chunk)).unflatten(-2, (-1, chunk))


def _before_each(
    added: Float[Tensor, "*dims chunk channel state"], decay: Float[Tensor, "*dims chunk"]
) -> Float[Tensor, "*dims chunk channel state"]:
    """Return the state before each chunk, from what every chunk adds and its whole decay."""
    with torch.autocast(added.device.type, enabled=False):
        added, among = at_least_float32(added[..., :-1, :, :]), segment_sums(decay[..., :-1]).exp()
        after = (among @ added.flatten(-2)).unflatten(-1, added.shape[-2:])
    return F.pad(after, (0, 0, 0, 0, 1, 0))


def implicit_attention(
    weight: Steps, a: Steps, K: Keys, Q: Queries, at_once: Steps | None = None
) -> Float[Tensor, "*dims query key"]:
    """Return the matrix M of y = M x where weight ⊙ x enters the state, in at least float32.

        M_ts = weight_s e^{a_{s+1} + … + a_t} Q_t·K_s for s < t ,   at_once_t Q_t·K_t for s = t

    Args:
        weight: of each position's input in all later outputs.
        a: log-decays, nats.
        K: where it enters.
        Q: what is read.
        at_once: weight of an input in the output of its own position; by default `weight`.

    Example:
        >>> K = Q = torch.ones(2, 1)
        >>> implicit_attention(torch.ones(2), torch.zeros(2), K, Q, torch.full((2,), 0.5)).tolist()
        [[0.5, 0.0], [1.0, 0.5]]
    """
    with torch.autocast(a.device.type, enabled=False):
        products = at_least_float32(Q) @ at_least_float32(K).mT
    below = segment_sums(a, strict=True).exp() * at_least_float32(weight)[..., None, :]
    return products * (below + torch.diag_embed(at_least_float32(weight if at_once is None else at_once)))
