"""Five tokens with small whole numbers, on which a score can be computed by hand."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float


class FiveTokens(NamedTuple):
    """Hold what one head makes of five tokens.

    Args:
        tokens: the text, a string a token.
        q: what each token asks for.
        k: what each token offers.
        product: C̄_i·B̄_j of every pair, the second term before λ; 0 where the key is later than the query.
    """

    tokens: tuple[str, ...]
    q: Float[torch.Tensor, "query d_head"]
    k: Float[torch.Tensor, "key d_head"]
    product: Float[torch.Tensor, "query key"]


def five_tokens() -> FiveTokens:
    """Return the text "The code is 7 ." as a head of d_head = 4 and d_state = 2 sees it.

    The numbers are made up so that they can be multiplied in the head: q·k of the last token is largest at
    "code", C̄·B̄ halves with every token that lies between.

    Example:
        >>> five = five_tokens()
        >>> float(five.q[4] @ five.k[1]), float(five.product[4, 3])
        (8.0, 1.5)
    """
    q = [[1, 0, 0, 1], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 2, 1], [2, 0, 1, 1]]
    k = [[1, 0, 1, 0], [3, 0, 1, 1], [0, 1, 1, 1], [1, 2, 0, 1], [0, 1, 0, 0]]
    B, C = [[1, 0], [0, 1], [1, 1], [2, 1], [0, 1]], [[1, 1], [1, 0], [0, 2], [1, 1], [1, 1]]
    position = torch.arange(5)
    distance = (position[:, None] - position).double()
    product = (torch.tensor(C) @ torch.tensor(B).T * 0.5**distance).tril()
    tokens = ("The", " code", " is", " 7", ".")
    return FiveTokens(tokens, torch.tensor(q).double(), torch.tensor(k).double(), product)
