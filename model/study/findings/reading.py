"""What notebooks read of data/measured, and what they say where nothing has been measured yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from data import measured
from data.refusal import one_of
from data.results.claims import LEVELS, claims, end, ratio, steps_to
from data.results.intervals import further_run
from data.results.tables import MATCH, Frame, architecture_names, episode_sets, in_order
from data.results.verdicts import NO_CLAIM, in_words
from model.study.plans import planned
from model.study.runs import StudyRun

NOT_YET = "not measured yet"
NOTHING = 0.05  # share of episodes below which a run finds no needle
SHOWN = "SISA d_state=16"  # the variant that notebooks show unless they are told another


def needle_sets() -> list[str]:
    """Names of the held-out sets that every run was measured on: filler and context length."""
    return episode_sets(measured.metrics())


def check_needles(needles: str) -> None:
    """Raise ValueError unless it names a held-out set."""
    one_of("needles", needles, needle_sets())


def variants(*plans: str) -> list[str]:
    """What the plans of `model.study.plans` compare, in their order, as plots spell it."""
    return list(dict.fromkeys(run.variant for plan in plans for run in planned(plan, StudyRun())))


def compared(*plans: str, preset: str = "small") -> Frame:
    """Metrics of one size of the variants of these plans, one learning rate each, where there are runs."""
    metrics = measured.chosen(measured.metrics(), preset=preset)
    return metrics[metrics["architecture"].isin(variants(*plans))]


def with_episodes() -> Frame:
    """Metrics of the runs that had needle episodes in training."""
    metrics = measured.metrics()
    return metrics[metrics["episode_fraction"] > 0]


def show_whole_tables() -> None:
    """Let pandas cut neither sentences nor rows of what notebooks show."""
    pd.set_option("display.max_colwidth", None)
    pd.set_option("display.max_rows", 200)


def verdicts(metrics: Frame, *, needles: str) -> Frame:
    """What the paper claims, by `data.results.claims.claims`, of one held-out set, for reading."""
    table = claims(metrics[metrics["name"].str.startswith(f"{needles}/")])
    claimed = table.loc[table["verdict"] != NO_CLAIM].drop(columns=["variant", "needles"])
    return claimed.reset_index(drop=True)


def tally(sizes: Mapping[str, Frame]) -> Frame:
    """How the verdicts on metrics of several sizes fall: size and held-out set × verdict."""
    tables = [claims(metrics).assign(size=size) for size, metrics in sizes.items()]
    counts: Frame = pd.concat(tables).groupby(["size", "needles", "verdict"], sort=False).size()
    return counts.unstack(fill_value=0).rename_axis(columns=None)


def published_by_scale(table: Frame, *, value: str = "niah_pct") -> Frame:
    """Model × size of a published table, as text; "" where the paper has no number."""
    named = table.assign(published=architecture_names(table), place=pd.factorize(table["model"])[0])
    names = named.sort_values(["place", "d_state"])["published"].unique()
    wide = named.pivot(index="published", columns="scale", values=value).loc[names]
    return wide[in_order(wide)].map(lambda x: "" if pd.isna(x) else f"{x:g}").rename_axis(columns=None)


def unmeasured(what: str, *, command: str) -> Frame:
    """One row that says so, instead of a figure."""
    return pd.DataFrame({NOT_YET: [what], "what would measure it": [command]})


def steps_table(metrics: Frame, *, needles: str, level: float = 0.5) -> Frame:
    """Variant × seed: the first step with at least level right.

    "> 1,500" where a run was below it until the last step that all runs have.
    """
    metric = f"{needles}/{MATCH}"
    steps = steps_to(metrics, level=level, metric=metric)
    steps = steps.loc[in_order(steps.index)]
    last = metrics.loc[metrics["name"] == metric].groupby(["architecture", "seed"])["step"].max().min()
    words = [
        ["" if np.isnan(step) else f"{step:,.0f}" if np.isfinite(step) else f"> {last:,}" for step in row]
        for row in steps.to_numpy()
    ]
    columns = [f"seed {seed}" for seed in steps.columns]
    return pd.DataFrame(words, index=steps.index.rename("variant"), columns=columns)


def ratios(metrics: Frame, *, needles: str) -> Frame:
    """Steps of each variant over those of the transformer, see `data.results.claims`.

    0 to ∞ where too few seeds were trained, ∞ where the variant alone had not reached the level.
    """
    others = in_order(set(metrics["architecture"]) - {"transformer"})
    rows = []
    for level in LEVELS:
        steps = steps_to(metrics, level=level, metric=f"{needles}/{MATCH}")
        for name in others:
            found = in_words(ratio(steps, variant=name), "{:.2f}")
            rows.append({"variant": name, "level": f"{level:.0%}"} | found)
    return pd.DataFrame(rows).rename(columns={"measured": "ratio"})


def repeated(*, needles: str) -> Frame:
    """Runs that were trained twice: how far the two curves are apart, and how far those of other seeds.

    Pairs that never find a twentieth of the needles agree trivially and are left out.

    Returns:
        by run: evaluations; apart and most (mean and largest difference between the two trainings), seeds
        (of the variant at the run's learning rate), seeds apart (mean difference between two of them), inside
        (share of evaluations at which the second training lies in the 95 % t-interval of one further seed).
        The last two are "" where only one seed was trained.
    """
    alike = ["preset", "architecture", "lr", "episode_fraction"]
    metric = f"{needles}/{MATCH}"
    first: Frame = measured.metrics()
    again: Frame = measured.repeats()
    first, again = first[first["name"] == metric], again[again["name"] == metric]
    rows = []
    for run, second in again.groupby("run"):
        own = first.merge(second[alike].drop_duplicates())
        seeds = own.pivot(index="step", columns="seed", values="value")
        curve, n = second.set_index("step")["value"].reindex(seeds.index), seeds.shape[1]
        once = seeds[second["seed"].iloc[0]]
        if max(curve.max(), once.max()) < NOTHING:
            continue
        apart = (curve - once).abs()
        row = {"run": run, "evaluations": len(curve), "apart": apart.mean(), "most": apart.max(), "seeds": n}
        between = inside = np.nan
        if n > 1:
            between = np.mean([(seeds[one] - seeds[two]).abs().mean() for one, two in combinations(seeds, 2)])
            expected = [further_run(values) for values in seeds.to_numpy()]
            inside = np.mean([e.low <= x <= e.high for e, x in zip(expected, curve, strict=True)])
        rows.append(row | {"seeds apart": between, "inside": inside})
    return pd.DataFrame(rows).set_index("run").round(3).astype(object).fillna("")


def final_table(metrics: Frame, *, needles: str, names: Sequence[str]) -> Frame:
    """Each variant at the end of training; one that has no runs is listed as not measured yet.

    Returns:
        variant, seeds, exact match and its 95 % interval (`data.results.claims.end`), val/loss (nats a
        token): mean and range over seeds.
    """
    loss = measured.final(metrics).groupby("architecture")["val/loss"].agg(["mean", "min", "max"])
    there = set(metrics["architecture"])
    rows = [_ended(metrics, loss, name, needles) if name in there else {"seeds": NOT_YET} for name in names]
    return pd.DataFrame(rows, index=pd.Index(names, name="variant")).fillna("")


def _ended(metrics: Frame, loss: Frame, name: str, needles: str) -> dict[str, str]:
    found = end(metrics, variant=name, needles=needles)
    mean, low, high = loss.loc[name]
    return {
        "seeds": str(found.n),
        "exact match": f"{found.value:.1%}",
        "95 % interval": "" if np.isnan(found.low) else f"{found.low:.1%} to {found.high:.1%}",
        "val/loss": f"{mean:.3f}",
        "range over seeds": f"{low:.3f} to {high:.3f}" if found.n > 1 else "",
    }
