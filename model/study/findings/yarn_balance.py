"""What YaRN does to the two terms of a score: content grows by μ², importance stays."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from data import NIAHTask, topics_corpus
from model.mixers.parts.rope import temperature
from model.network.extension import with_rope
from model.network.network import SISAModel


@torch.no_grad()
def yarn_balance(
    model: SISAModel, *, factors: Sequence[float] = (1.0, 2.0, 4.0, 8.0), seed: int = 0
) -> pd.DataFrame:
    """Return what YaRN's μ does to the scores of a model's first layer.

    YaRN multiplies q and k by μ = 0.1 ln s + 1, so content q·k by μ², while importance has no q and no k.
    A token's score with itself is not turned by RoPE, so there the factor is μ² alone.

    Args:
        model: SISA or a variant of it, with RoPE and a tokenizer.
        factors: how many times the training context YaRN stretches for.
        seed: of the episode.

    Returns:
        By stretch s: μ, μ²; content, importance: measured factor on those scores; share of importance: of the
        variance of all visible scores, that of importance.

    Example:
        >>> from model import load
        >>> row = yarn_balance(load("niah"), factors=[4.0]).loc[4.0]
        >>> row[["content", "μ²", "importance"]].round(2).tolist()
        [1.3, 1.3, 1.0]
    """
    # the split by parts is the one that the shipped checkpoint was trained with
    corpus = topics_corpus(model.tokenizer, split="parts")
    task = NIAHTask(filler="corpus", corpus=corpus, split="heldout", lengths=(128,))
    tokens = torch.as_tensor(task.build(seed, n_episodes=1).tokens)
    plain_content, plain_importance = _terms(model, tokens)
    seen = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).tril()
    rows = []
    for stretch in factors:
        stretched = with_rope(model, "yarn", stretch)
        content, importance = _terms(stretched, tokens)
        content_variance = content[..., seen].var(-1).mean()
        importance_variance = importance[..., seen].var(-1).mean()
        mu = temperature(stretched.config)
        rows.append(
            {
                "stretch s": stretch,
                "μ": mu,
                "μ²": mu**2,
                "content": _grown_on_itself(content, plain_content),
                "importance": _grown_on_itself(importance, plain_importance),
                "share of importance": float(importance_variance / (content_variance + importance_variance)),
            }
        )
    return pd.DataFrame(rows).set_index("stretch s").round(4)


def _grown_on_itself(new: torch.Tensor, old: torch.Tensor) -> float:
    """Median factor between the scores of tokens with themselves."""
    return float((new.diagonal(0, -2, -1) / old.diagonal(0, -2, -1)).median())


def _terms(model: SISAModel, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Content and importance of the first layer: head query key, nats."""
    names = [f"blocks.0.attn.hook_{part}_scores" for part in ("content", "importance")]
    _, cache = model.run_with_cache(tokens, names_filter=names, return_cache_object=False, return_type=None)
    return cache[names[0]][0], cache[names[1]][0]
