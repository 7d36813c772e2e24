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
    """Hold the factors of one head, and how it weighs its keys.

    The shapes stand in the table above. Attention alone has q and k, and None for everything of the state.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> head = example_trace().sisa.factors(layer=0, head=1)
        >>> head.q.shape, head.lam, head.length
        ((8, 4), 1.0, 8)
    """

    q: np.ndarray
    k: np.ndarray
    b_rot: np.ndarray | None = None
    c_rot: np.ndarray | None = None
    anchored_decay: np.ndarray | None = None
    lam: float | None = None
    weighing: Weighing = SOFTMAX

    @property
    def length(self) -> int:
        """Return the number of positions."""
        return self.k.shape[0]


def visible(queries: np.ndarray, length: int) -> np.ndarray:
    """Say which keys each query sees: those that are not later than itself.

    Args:
        queries: positions [query].
        length: positions in the sequence.

    Returns:
        bool [query, key], key = 0 … length − 1.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.trace.scores import visible
        >>> visible(np.array([0, 2]), 3).astype(int).tolist()
        [[1, 0, 0], [1, 1, 1]]
    """
    return np.arange(length) <= queries[:, None]


def content(head: Head, queries: np.ndarray) -> np.ndarray:
    """Compute the content scores q_i·k_j / sqrt(d_head) of some queries, in nats.

    They are zero where q and k have no channels, as in a mixer whose only term is the importance.

    Args:
        head: factors of one head.
        queries: positions i [query].

    Returns:
        float32 [query, key], NaN where the key is later than the query.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.trace.scores import Head, content
        >>> ones = np.ones((3, 4), dtype=np.float32)
        >>> content(Head(q=ones, k=ones), np.array([1])).tolist()  # 4 channels of 1·1, over sqrt(4)
        [[2.0, 2.0, nan]]
    """
    # max(…, 1): without channels the product is 0 and sqrt(0) would make 0 / 0 = NaN of it.
    scores = head.q[queries] @ head.k.T / np.float32(np.sqrt(max(head.q.shape[-1], 1)))
    scores[~visible(queries, head.length)] = np.nan
    return scores


def importance(head: Head, queries: np.ndarray) -> np.ndarray:
    """Compute the importance scores λ · exp(ĝ_i − ĝ_j) · c_rot_i·b_rot_j of some queries, in nats.

    λ is included, so that content + importance is the whole score. Attention alone has no such term, and
    zeros stand for it.

    Args:
        head: factors of one head.
        queries: positions i [query].

    Returns:
        float32 [query, key], NaN where the key is later than the query.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.trace.scores import Head, importance
        >>> ones = np.ones((3, 1), dtype=np.float32)
        >>> decay = np.log(np.array([1, 0.5, 0.25], dtype=np.float32))  # each step keeps half
        >>> head = Head(q=ones, k=ones, b_rot=ones, c_rot=ones, anchored_decay=decay, lam=2.0)
        >>> importance(head, np.array([1])).round(4).tolist()
        [[1.0, 2.0, nan]]
    """
    seen = visible(queries, head.length)
    if head.b_rot is None or head.c_rot is None or head.anchored_decay is None or head.lam is None:
        return np.where(seen, np.float32(0), np.float32(np.nan))
    g = head.anchored_decay
    # ĝ never rises, so that ĝ_i − ĝ_j ≤ 0 for every key that is seen. For later keys it is positive and may
    # be large: exp(100) overflows float32, which ends near exp(88.7), and warns. They get 0 before exp.
    decay = np.where(seen, g[queries][:, None] - g, np.float32(0))
    scores = np.float32(head.lam) * np.exp(decay) * (head.c_rot[queries] @ head.b_rot.T)
    scores[~seen] = np.nan
    return scores


def parts_of(head: Head, queries: np.ndarray, *, lam_scale: float = 1.0) -> dict[str, np.ndarray]:
    """Compute the four numbers of every key for some queries.

    Args:
        head: factors of one head.
        queries: positions [query].
        lam_scale: factor on λ.

    Returns:
        content, importance (times the factor), scores and pattern, each [query, key], NaN for later keys.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.examples import example_trace
        >>> head = example_trace().sisa.factors(layer=0, head=0)
        >>> parts_of(head, np.array([0]), lam_scale=0.0)["importance"][0, :2].tolist()
        [0.0, nan]
    """
    first, second = content(head, queries), lam_scale * importance(head, queries)
    total = first + second
    weights = head.weighing.weights(total, queries)
    return {"content": first, "importance": second, "scores": total, "pattern": weights}
