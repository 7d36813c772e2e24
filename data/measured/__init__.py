"""The study of this project as tables; README.md beside this file names columns and conditions."""

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

ZIPPED = ("class", "metrics", "heads", "lengths", "repeats", "levels", "knockouts", "atlas")
SOURCES = {"runs": "runs.csv"} | {name: f"{name}.csv.gz" for name in ZIPPED}
TINY = "tiny.csv"
TELLS_A_RUN = ["run", "preset", "variant", "seed", "lr", "episode_fraction"]


def runs() -> pd.DataFrame:
    """Return every training of the study, one run a row: what was asked, and on what it was trained.

    Columns tell the size (preset), the variant, learning rates and seed, the corpus by its SHA-256, and the
    gpu, commit, date and command that made the run, so that each can be trained again.

    Example:
        >>> sorted(runs()["preset"].unique())
        ['12m', '50m', 'small']
    """
    return _table("runs").copy()


def metrics() -> pd.DataFrame:
    """Return what the runs were measured to be during training, one number a row.

    Returns:
        run, preset, architecture (the label of the variant), seed, lr (peak), episode_fraction, step, tokens
        (seen by then), name, value. Names are train/loss, val/loss (nats a token), lr, grad_norm, and of each
        held-out set exact_match, first_token (shares), nll (nats an answer), n (episodes).

    Example:
        >>> one = metrics().query("run == 'small-transformer-lr0.002-1500steps-seed0' and step == 1500")
        >>> one.set_index("name")["value"]["corpus256/n"].item()
        128.0
    """
    table = _of_run("metrics").rename(columns={"variant": "architecture"})
    per_step = _table("runs").eval("tokens / steps").astype(int).set_axis(_table("runs")["run"])
    return table.assign(tokens=table["step"] * table["run"].map(per_step))


def heads() -> pd.DataFrame:
    """Return what single heads were measured to be during training, one head at one step a row.

    After what tells its run: lam (λ), half_life (tokens), clamped (share of positions where the anchor cut
    the decay off), and the needle lens: attention on the hidden number under the whole score and under each
    of its terms alone.

    Example:
        >>> heads()["layer"].nunique() > 1
        True
    """
    return _of_run("heads")


def lengths() -> pd.DataFrame:
    """Return how runs find needles at other lengths: a run, anchor, position code, length and depth a row.

    successes of n episodes were answered; rate is their share, low and high its Wilson interval, and nll the
    mean −log p of the answer in nats. Training saw 512 tokens, so longer contexts are extrapolation. anchor
    is that of the decay during the measurement: "exact", "causal" (whose clamp acts past 76 nats), or "none"
    for models without an importance term. Runs were trained under "causal" unless their variant says else.

    Example:
        >>> sorted(lengths()["context_length"].unique())[:3]
        [np.int64(128), np.int64(256), np.int64(512)]
    """
    return _of_run("lengths")


def levels() -> pd.DataFrame:
    """Return what is left of runs without one of the two things that they fuse, and under controls.

    One removal and how a row, of 200 needle episodes of 256 tokens: removed ("content" or "importance" of
    SISA, "attention" or "state space" of a hybrid, all "heads"), how ("zero", or a control: "mean", "random",
    "shuffle", "other layers"), log_p_lost (nats an answer) with its interval low to high, exact_lost, rate
    (share still right), loss_rise (nats a token of held-out text). Only the runs that `model.study causes`
    measured are in it, all of one corpus, another than that of most runs.

    Example:
        >>> sorted(levels()["variant"].unique())
        ['SISA d_state=16', 'SISA d_state=16, exact anchor', 'hymba', 'jamba', 'transformer']
    """
    return _of_run("levels")


def knockouts() -> pd.DataFrame:
    """Return what runs lose without one term of one head, a layer, head, term and how a row.

    Columns and conditions as of `levels`, with layer, head and term in place of what was removed.

    Example:
        >>> sorted(knockouts()["how"].unique())
        ['mean', 'random', 'shuffle', 'zero']
    """
    return _of_run("knockouts")


def atlas() -> pd.DataFrame:
    """Return what the heads of the runs of `levels` are that have λ: λ, half-life, phase speed and others.

    `model.analysis.atlas.head_atlas` says what each column is.

    Example:
        >>> bool(atlas()["importance_share"].between(0, 1).all())
        True
    """
    return _of_run("atlas")


def repeats() -> pd.DataFrame:
    """Return second trainings of runs: columns of `metrics` less tokens, then gpu, commit, date, command.

    They tell how much of the difference between two seeds is the seed, and how much is rounding on a GPU. The
    first training of the same run stands in `metrics`, under the same name.

    Example:
        >>> set(repeats()["run"]) <= set(runs()["run"])
        True
    """
    return _of_run("repeats").rename(columns={"variant": "architecture"})


def tiny() -> pd.DataFrame:
    """Return needles in the runs of notebook 03's small study: columns of `sisa_viz.read_runs`.

    Ten variants of preset `tiny` with five seeds each, on synthetic episodes of 128 tokens, 400 steps on a
    CPU. They show how claims are read, and are no evidence on larger models.

    Example:
        >>> tiny()["architecture"].nunique(), tiny()["seed"].nunique()
        (10, 5)
    """
    return _read(TINY).copy()


def in_class() -> pd.DataFrame:
    """Return needles in runs of the workshop's class: six seeds of each level of fusion, as one class trains.

    They are what `model.workshop.training.train_in_class` makes: 0.1M parameters, synthetic episodes of 64
    tokens, 160 steps of 16 episodes on one thread of a CPU, measured every ten steps on 128 held-out
    episodes. They show what one seed is worth, and are no evidence on larger models.

    Returns:
        run, architecture, seed, step, tokens, name, value, as `sisa_viz.read_runs` returns them.

    Example:
        >>> in_class().groupby("architecture")["seed"].nunique().to_dict()
        {'SISA d_state=16': 6, 'hymba': 6, 'jamba': 6}
    """
    return _table("class").copy()


def chosen(table: pd.DataFrame, *, preset: str = "small") -> pd.DataFrame:
    """Return the rows of a measured table that are compared: one size, of each variant one learning rate.

    Of the rates in the table that most seeds were trained at, it is the one with the lowest final val/loss
    (`lr_table`); needles have no say. Runs with episodes in training are left out, they are another question.

    Args:
        table: of `runs`, `metrics`, `heads` or `lengths`.
        preset: size of the models.

    Example:
        >>> bool((chosen(runs()).groupby("variant")["lr"].nunique() == 1).all())
        True
    """
    variant = "variant" if "variant" in table else "architecture"
    there = table[[variant, "lr"]].drop_duplicates().set_axis(["variant", "lr"], axis=1)
    tried = lr_table(preset=preset).merge(there).sort_values(["seeds", "val/loss"], ascending=[False, True])
    first = tried.drop_duplicates("variant")
    best = dict(zip(first["variant"], first["lr"], strict=True))
    compared = on_text(table, preset=preset)
    return compared.loc[compared["lr"] == compared[variant].map(best.get)]


def on_text(table: pd.DataFrame, *, preset: str = "small") -> pd.DataFrame:
    """Return the rows of one size that were trained on text without episodes, at every learning rate.

    Losses are compared on one corpus: that of most runs of the size in the table. Others are left out.

    Args:
        table: any measured table of runs.
        preset: size of the models.

    Example:
        >>> on_text(runs())["episode_fraction"].unique().tolist()
        [0.0]
    """
    trained_on = _table("runs").set_index("run")["corpus_sha256"]
    of_size = table.loc[(table["preset"] == preset) & (table["episode_fraction"] == 0)]
    usual = of_size["run"].drop_duplicates().map(trained_on).mode()
    return of_size.loc[of_size["run"].map(trained_on).isin(usual)]


def lr_table(*, preset: str = "small") -> pd.DataFrame:
    """Return the learning rates that each variant was trained at, and which of them is compared.

    The loss is the mean over the seeds that tried most rates, `compared` of them: others would compare seeds,
    not rates. `seeds` were trained at the rate. One that has fewer of them than another is not chosen, even
    where its loss is lower: it was tried later, and its other seeds are still to be trained.

    A run whose loss is no number any more counts as infinite.

    Args:
        preset: size of the models.

    Returns:
        variant, lr, val/loss (nats a token) at the last step, compared, seeds, chosen.

    Example:
        >>> rates = lr_table()
        >>> bool((rates.groupby("variant")["chosen"].sum() == 1).all())
        True
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
    """Return one run of `metrics` a row: what tells it apart, then every metric at its last step, d_state.

    "lr" stays the peak learning rate of the run, although a metric of that name was logged.

    Args:
        table: of `metrics`, whole or in part.

    Example:
        >>> last = final(metrics().query("architecture == 'transformer' and preset == 'small'"))
        >>> last["step"].unique().tolist()
        [1500]
    """
    keys = ["run", "architecture", "seed", "lr", "episode_fraction", "step"]
    rows = _last(table.loc[~table["name"].isin(keys)])
    wide = rows.pivot(index=keys, columns="name", values="value").rename_axis(columns=None)
    d_state = _table("runs").set_index("run")["d_state"]
    return wide.reset_index().assign(d_state=lambda run: run["run"].map(d_state))


def _last(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[table["step"] == table.groupby("run")["step"].transform("max")]


def _of_run(name: str) -> pd.DataFrame:
    return _table("runs")[TELLS_A_RUN].merge(_table(name), on="run")


def _table(name: str) -> pd.DataFrame:
    return _read(SOURCES[name])


@cache
def _read(file: str) -> pd.DataFrame:
    with files(__name__).joinpath(file).open("rb") as stream:
        return pd.read_csv(stream, compression="gzip" if file.endswith("gz") else None)
