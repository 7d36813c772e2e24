"""The figures of arXiv 2606.02332 as tables; README.md beside this file names columns and sources."""

from functools import cache
from importlib.resources import files

import pandas as pd

WHOLE_NUMBERS = ("d_state", "d_mlp", "params")  # with empty cells, which would make them floats


def curves() -> pd.DataFrame:
    """Return needle and LAMBADA accuracy (per cent) at the checkpoints of training, one seed each.

    A run that the paper measured in two settings, such as two precisions, has two values of `setup`. Most
    checkpoints are 1,000 steps apart, so a level is crossed somewhere between two of them.

    Example:
        >>> table = curves().query("scale == '152M' and model == 'transformer'")
        >>> table[["step", "niah_pct"]].iloc[0].tolist()
        [1000.0, 61.5]
    """
    return _table("curves").copy()


def final() -> pd.DataFrame:
    """Return benchmark accuracy (per cent) at the end of training, one row a model and size.

    Needles are those of the paper's own test: 200 episodes whose first answer token is scored, so 100 % still
    allows a true rate of 98.2 %.

    Example:
        >>> final().query("model == 'mamba2'").set_index("scale")["niah_pct"].to_dict()
        {'50M': 0.0, '152M': 82.5, '369M': 96.5}
    """
    return _table("final").copy()


def length() -> pd.DataFrame:
    """Return needle accuracy (per cent) by context length (tokens).

    Training saw 2,048 tokens, so the longest context here, 3,072, is 1.5 times that. The table does not say
    which d_state its SISA has.

    Example:
        >>> length().query("scale == '50M' and model == 'sisa'")["niah_pct"].tolist()
        [100, 100, 100, 100, 83, 4]
    """
    return _table("length").copy()


def later() -> pd.DataFrame:
    """Return benchmark accuracy (per cent) of longer runs in the authors' repository since the paper.

    One row a run and checkpoint, at 50M. `run` tells what was trained, `tokens_b` are billions of tokens;
    step and tokens are empty where the source says "last evaluated", accuracies where it gives none.

    Example:
        >>> later().query("run == '20B' and step.isna()")["lambada_pct"].tolist()  # transformer, SISA
        [19.89, 19.93]
    """
    return _table("later").copy()


def length_later() -> pd.DataFrame:
    """Return needle accuracy (per cent) by context length (tokens), of tests since the paper.

    Those of the transformer and Mamba-2 go to twice the training's 2,048 tokens, SISA's end there.

    Example:
        >>> length_later().query("model == 'transformer'")["niah_pct"].tolist()
        [100, 100, 100, 100, 82, 0, 0]
    """
    return _table("length_later").copy()


def throughput() -> pd.DataFrame:
    """Return training speed in tokens per second, and relative to the transformer's, at 152M.

    One run each on one H100 PCIe; SISA there has d_state 32.

    Example:
        >>> throughput().set_index("model")["relative"]["sisa"].item()
        0.61
    """
    return _table("throughput").copy()


def configs() -> pd.DataFrame:
    """Return the sizes of every published model, with `params` where the exact total is known.

    The total counts a tied embedding of 50,277 symbols. SISA pays for its state with a smaller d_mlp.

    Example:
        >>> int(configs().query("scale == '152M' and d_state == 32")["params"].iloc[0])
        151878432
    """
    return _table("configs").copy()


@cache
def _table(name: str) -> pd.DataFrame:
    with files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as stream:
        table = pd.read_csv(stream)
    return table.astype({column: "Int64" for column in WHOLE_NUMBERS if column in table})
