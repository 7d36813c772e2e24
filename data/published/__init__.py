"""The figures of arXiv 2606.02332 as tables; README.md beside this file names columns and sources."""

from functools import cache
from importlib.resources import files

import pandas as pd


def curves() -> pd.DataFrame:
    """Needle and LAMBADA accuracy (per cent) at training checkpoints, one training seed each."""
    return _table("curves").copy()


def final() -> pd.DataFrame:
    """Benchmark accuracy (per cent) at the end of training."""
    return _table("final").copy()


def length() -> pd.DataFrame:
    """Needle accuracy (per cent) by context length (tokens); training length is 2,048."""
    return _table("length").copy()


def throughput() -> pd.DataFrame:
    """Training tokens per second, and relative to the transformer."""
    return _table("throughput").copy()


def configs() -> pd.DataFrame:
    """Sizes of every published model; ``params`` where the exact total is known."""
    return _table("configs").copy()


@cache
def _table(name: str) -> pd.DataFrame:
    whole = ("d_state", "d_mlp", "params")
    with files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as stream:
        table = pd.read_csv(stream)
    return table.astype({column: "Int64" for column in whole if column in table})
