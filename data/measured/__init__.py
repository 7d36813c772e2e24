"""The study of this project as tables; README.md beside this file names columns and conditions."""

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

ZIPPED = ("metrics", "heads", "lengths", "repeats")
SOURCES = {"runs": "runs.csv"} | {name: f"{name}.csv.gz" for name in ZIPPED}
TINY = "tiny.csv"
OF_RUN = ["run", "preset", "variant", "seed", "lr", "episode_fraction"]


def runs() -> pd.DataFrame:
    """One run a row: what was asked, on what it was trained."""
    return _table("runs").copy()


def metrics() -> pd.DataFrame:
    """run, preset, architecture (the variant), seed, lr, episode_fraction, step, tokens, name, value."""
    table = _of_run("metrics").rename(columns={"variant": "architecture"})
    per_step = _table("runs").eval("tokens / steps").astype(int).set_axis(_table("runs")["run"])
    return table.assign(tokens=table["step"] * table["run"].map(per_step))


def heads() -> pd.DataFrame:
    """One head at one step a row: what tells its run, then λ, half-life, clamp and needle lens."""
    return _of_run("heads")


def lengths() -> pd.DataFrame:
    """One run, position code, context length and depth a row."""
    return _of_run("lengths")


def repeats() -> pd.DataFrame:
    """Second trainings of runs: columns of `metrics` less tokens, then gpu, commit, date, command."""
    return _of_run("repeats").rename(columns={"variant": "architecture"})


def tiny() -> pd.DataFrame:
    """Needles in runs of notebook 03's small study: run, architecture, seed, step, tokens, name, value."""
    return _read(TINY).copy()


def chosen(table: pd.DataFrame, *, preset: str = "small") -> pd.DataFrame:
    """The rows of a measured table that are compared: one size, and of each variant one learning rate.

    Of the rates in the table that most seeds were trained at, it is the one with the lowest final val/loss
    (`lr_table`); needles have no say. Runs with episodes in training are left out, they are another question.
    """
    variant = "variant" if "variant" in table else "architecture"
    there = table[[variant, "lr"]].drop_duplicates().set_axis(["variant", "lr"], axis=1)
    tried = lr_table(preset=preset).merge(there).sort_values(["seeds", "val/loss"], ascending=[False, True])
    best: Any = tried.drop_duplicates("variant").set_index("variant")["lr"].to_dict()
    compared = on_text(table, preset=preset)
    return compared.loc[compared["lr"] == compared[variant].map(best)]


def on_text(table: pd.DataFrame, *, preset: str = "small") -> pd.DataFrame:
    """The rows of a measured table of one size, trained on text without episodes, at every learning rate."""
    return table.loc[(table["preset"] == preset) & (table["episode_fraction"] == 0)]


def lr_table(*, preset: str = "small") -> pd.DataFrame:
    """variant, lr, val/loss (nats a token) at the last step, compared, seeds, chosen.

    The loss is the mean over the seeds that tried most rates, `compared` of them: others would compare seeds,
    not rates. `seeds` were trained at the rate. One that has fewer of them than another is not chosen, even
    where its loss is lower: it was tried later, and its other seeds are still to be trained.

    A run whose loss is no number any more counts as infinite.
    """
    table = on_text(metrics(), preset=preset)
    loss = _last(table.loc[table["name"] == "val/loss"])
    loss = loss.rename(columns={"architecture": "variant", "value": "val/loss"}).fillna({"val/loss": np.inf})
    seeds = loss.groupby(["variant", "lr"]).agg(seeds=("seed", "nunique"))
    tried = loss.groupby(["variant", "seed"])["lr"].transform("nunique")
    loss = loss.loc[tried == tried.groupby(loss["variant"]).transform("max")]
    means = loss.groupby(["variant", "lr"])["val/loss"].agg(["mean", "count"])
    means = means.set_axis(["val/loss", "compared"], axis=1).join(seeds).reset_index()
    most = means.loc[means["seeds"] == means.groupby("variant")["seeds"].transform("max")]
    return means.assign(chosen=means.index.isin(most.groupby("variant")["val/loss"].idxmin()))


def final(table: pd.DataFrame) -> pd.DataFrame:
    """One run of `metrics` a row: what tells it apart, d_state, then every metric at the run's last step.

    "lr" stays the peak learning rate of the run.
    """
    keys = ["run", "architecture", "seed", "lr", "episode_fraction", "step"]
    rows = _last(table.loc[~table["name"].isin(keys)])
    wide = rows.pivot(index=keys, columns="name", values="value").rename_axis(columns=None)
    d_state = _table("runs").set_index("run")["d_state"]
    return wide.reset_index().assign(d_state=lambda run: run["run"].map(d_state))


def _last(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[table["step"] == table.groupby("run")["step"].transform("max")]


def _of_run(name: str) -> pd.DataFrame:
    return _table("runs")[OF_RUN].merge(_table(name), on="run")


def _table(name: str) -> pd.DataFrame:
    return _read(SOURCES[name])


@cache
def _read(file: str) -> pd.DataFrame:
    with files(__name__).joinpath(file).open("rb") as stream:
        return pd.read_csv(stream, compression="gzip" if file.endswith("gz") else None)
