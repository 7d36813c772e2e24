"""A trace and a table of runs made from formulas, to try plots with: no model, no file, no chance."""

import numpy as np
import pandas as pd
import xarray as xr

from sisa_viz.trace.build import build_trace

EXAMPLE_WORDS = ("The", " code", " is", " 7", " .", " The", " code", " is")


def example_trace(*, d_state: int = 2) -> xr.Dataset:
    """Return the trace of two layers of two heads over eight tokens, with a needle.

    Its factors are waves instead of what a model learned, and the importance weights λ are 0.5, 1, 1.5 and 2.
    The needle is the token " 7" at position 3; the last token is where an answer would begin.

    Args:
        d_state: Channels of the state; 0 gives attention alone, without λ and decay.

    Returns:
        A trace as `model.capture` returns it.

    Example:
        >>> trace = example_trace()
        >>> trace["lam"].values.tolist()
        [[0.5, 1.0], [1.5, 2.0]]
        >>> trace.sisa.spans
        {'needle': (3, 4)}
    """
    length, layers, heads, d_head = len(EXAMPLE_WORDS), 2, 2, 4
    names = {"token_ids": [0, 1, 2, 3, 4, 0, 1, 2], "labels": list(EXAMPLE_WORDS), "seed": 0}
    config = {"d_state": d_state, "n_layers": layers, "n_heads": heads, "d_head": d_head}
    shape = (layers, heads, length)
    arrays = {"q": _wave(*shape, d_head, pace=0.9), "k": _wave(*shape, d_head, pace=0.7)}
    if d_state:
        lam = np.array([[0.5, 1.0], [1.5, 2.0]])
        log_decay = np.broadcast_to(-0.1 * lam[..., None], shape)
        decay = np.cumsum(log_decay, axis=-1)
        arrays |= {"b_rot": _wave(*shape, d_state, pace=0.5), "c_rot": _wave(*shape, d_state, pace=0.3)}
        arrays |= {"log_decay": log_decay, "cum_decay": decay, "anchored_decay": decay, "lam": lam}
        arrays |= {"clamped": np.zeros(shape, dtype=bool)}
    return build_trace(**arrays, **names, config=config, spans={"needle": (3, 4)})


def _wave(*shape: int, pace: float) -> np.ndarray:
    return np.sin(pace * np.arange(np.prod(shape))).reshape(shape)


def example_runs() -> pd.DataFrame:
    """Return a table of four short runs, two variants with two seeds each.

    The loss falls and the needle is found after half of the 40 steps, a little earlier for the second seed.
    Each run has "train/loss", "lr" and "niah/exact_match", made from formulas alone.

    Returns:
        The columns run, architecture, seed, step, tokens, name and value, as `sisa_viz.read_runs` has them.

    Example:
        >>> runs = example_runs()
        >>> sorted(runs["architecture"].unique()), int(runs["step"].max())
        (['SISA d_state=16', 'transformer'], 40)
    """
    rows = []
    for variant in ("transformer", "SISA d_state=16"):
        for seed in (0, 1):
            for step in range(0, 41, 10):
                found = 1 / (1 + np.exp(-(step + seed - 20) / 4))
                values = {"train/loss": 3.0 - step / 20, "lr": 1e-3, "niah/exact_match": found}
                run = (f"{variant}-{seed}", variant, seed, step, 512 * step)
                rows += [(*run, name, value) for name, value in values.items()]
    return pd.DataFrame(rows, columns=["run", "architecture", "seed", "step", "tokens", "name", "value"])


def example_attribution() -> pd.DataFrame:
    """Return why one head looks from " is" to "The", as `model.analysis.attribution` has it: numbers by hand.

    Two parts wrote query and key, which makes four pairs a term, and the state has two pairs of channels.

    Example:
        >>> table = example_attribution()
        >>> float(table.loc[table["split"] == "writers", "nats"].sum())
        2.5
    """
    columns = ["term", "split", "query_part", "key_part", "factor", "pair", "nats"]
    parts = [(query, key) for query in ("embed", "L0 MLP") for key in ("embed", "L0 MLP")]
    nats = {"content": (0.25, -0.25, 1.5, 0.5), "importance": (0.25, 0.125, 0.125, 0.0)}
    rows = [
        (term, "writers", *pair, "", None, number)
        for term, numbers in nats.items()
        for pair, number in zip(parts, numbers, strict=True)
    ]
    factors = {"C·B": (4.0, 1.0), "rotation": (-3.0, 0.0), "decay": (-0.5, -0.5), "λ": (-0.25, -0.25)}
    rows += [
        ("importance", "factors", "", "", factor, pair, number)
        for factor, numbers in factors.items()
        for pair, number in enumerate(numbers)
    ]
    table = pd.DataFrame(rows, columns=columns).astype({"pair": "Int64"}).assign(layer=1, head=0)
    place = {"query": 2, "key": 0, "query_token": " is", "key_token": "The"}
    return table.assign(score=2.5, attention=0.8, **place)
