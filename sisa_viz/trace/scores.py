"""The scores of one head, recomputed from the factors of a trace (numpy, float32).

    content_ij    = q_i·k_j / sqrt(d_head)
    importance_ij = λ · exp(ĝ_i − ĝ_j) · c_rot_i·b_rot_j          i ≥ j
    weight_ij     = softmax_j(content_ij + s · importance_ij)      over j ≤ i, or what `weights` says instead

| symbol | field | shape |
| --- | --- | --- |
| q, k | q, k | position d_head |
| R(Φ)B, R(Φ)C | b_rot, c_rot | position d_state |
| ĝ | anchored_decay | position, nats |
| λ | lam | scalar |

Source: the score of Shin & Yang 2026 (arXiv 2606.02332, eq. 2). Above the diagonal every map is NaN:
no score exists there, which is not a score of zero.
"""

from dataclasses import dataclass

import numpy as np

from sisa_viz.trace.weights import SOFTMAX, Weighing


@dataclass(frozen=True)
class Head:
    """The factors of one head, and how it weighs its keys; a plain transformer has q and k alone."""

    q: np.ndarray
    k: np.ndarray
    b_rot: np.ndarray | None = None
    c_rot: np.ndarray | None = None
    anchored_decay: np.ndarray | None = None
    lam: float | None = None
    weighing: Weighing = SOFTMAX

    @property
    def length(self) -> int:
        return self.k.shape[0]


def visible(queries: np.ndarray, length: int) -> np.ndarray:
    """[query, key] bool: True where the key is not later than the query."""
    return np.arange(length) <= queries[:, None]


def content(head: Head, queries: np.ndarray) -> np.ndarray:
    """Content scores [query, key] in nats of the given query positions; NaN above the diagonal.

    Zero where q and k have no channels, as in a mixer whose only term is the importance.
    """
    scores = head.q[queries] @ head.k.T / np.float32(np.sqrt(max(head.q.shape[-1], 1)))
    scores[~visible(queries, head.length)] = np.nan
    return scores


def importance(head: Head, queries: np.ndarray) -> np.ndarray:
    """Importance scores [query, key] in nats, λ included; zero in a plain transformer."""
    seen = visible(queries, head.length)
    if head.b_rot is None or head.c_rot is None or head.anchored_decay is None or head.lam is None:
        return np.where(seen, np.float32(0), np.float32(np.nan))
    g = head.anchored_decay
    decay = np.where(seen, g[queries][:, None] - g, np.float32(0))
    scores = np.float32(head.lam) * np.exp(decay) * (head.c_rot[queries] @ head.b_rot.T)
    scores[~seen] = np.nan
    return scores
