"""What the command line puts on a page: the sections of a trace and of a set of runs."""

from typing import Any

import pandas as pd
import xarray as xr

from data.results.head_table import split_heads
from data.results.tables import MATCH, Frame, episode_sets, one_run_a_seed, rows_in_order
from sisa_viz.look.text import visible
from sisa_viz.pages.page import Heading
from sisa_viz.plots.decay import plot_decay
from sisa_viz.plots.lam import plot_lambda
from sisa_viz.plots.niah_convergence import plot_niah_convergence
from sisa_viz.plots.scores import plot_scores
from sisa_viz.plots.span_mass import plot_span_mass, prepare_span_mass
from sisa_viz.plots.training import TRAINING_PANELS, plot_training
from sisa_viz.trace.accessor import answering_query
from sisa_viz.trace.axes import column_label, head_name

MOST_TEXT = 2000  # characters of a trace's text
LOSSES = ("train/loss", "val/loss")


def trace_sections(trace: xr.Dataset, *, name: str) -> list[Any]:
    """λ, decay, the needle's attention mass if the trace names a needle, and the scores of one head.

    The head is the one whose needle mass importance changes most; without a needle, the one with the largest
    λ.
    """
    access = trace.sisa
    sections: list[Any] = [
        Heading(name),
        _about(trace),
        visible(trace.attrs["text"], limit=MOST_TEXT, spaces=False),
    ]
    if access.has_lam:
        sections.append(plot_lambda(trace))
    if not access.is_plain:
        sections.append(plot_decay(trace))
    strength = trace["q"].mean(("position", "d_head")) if access.is_plain else trace["lam"]
    if "needle" in access.spans:
        query = answering_query(trace)
        sections.append(plot_span_mass(trace, query=query))
        strength = abs(prepare_span_mass(trace, query=query)["difference"])
    at = strength.argmax(("layer", "head"))  # pyright: ignore[reportArgumentType]
    layer, head = (int(trace[axis][int(at[axis])]) for axis in ("layer", "head"))  # pyright: ignore[reportIndexIssue, reportCallIssue, reportArgumentType]
    return [*sections, plot_scores(trace, layer=layer, head=head), _chosen(trace, layer, head)]


def _about(trace: xr.Dataset) -> pd.DataFrame:
    rows = {
        "tokens": trace.sizes["position"],
        "seed": trace.attrs["seed"],
        "versions": trace.attrs["versions"],
    }
    rows |= {key: value for key, value in trace.sisa.config.items() if isinstance(value, int | float | str)}
    return pd.DataFrame({"property": list(rows), "value": [str(value) for value in rows.values()]})


def _chosen(trace: xr.Dataset, layer: int, head: int) -> str:
    if not trace.sisa.has_lam:
        return ""
    why = (
        "importance changes its attention to the needle most"
        if "needle" in trace.sisa.spans
        else "its λ is the largest"
    )
    return f"{head_name(layer, head)} is shown because {why}."


def run_sections(runs: Frame, heads: Frame | None = None) -> list[Any]:
    """Last values, training curves, convergence on each set of needles, λ of each variant; where logged.

    ValueError for two runs of one name and seed.
    """
    runs = one_run_a_seed(_told_apart(runs))
    runs, logged_heads = split_heads(runs)
    if heads is not None and not heads.empty:
        variants = runs.drop_duplicates("run").set_index("run")["architecture"]
        logged_heads = heads.assign(architecture=heads["run"].map(variants))
    logged = set(runs["name"])
    sections: list[Any] = [Heading("Runs"), last_values(runs)]
    if logged & {name for names in TRAINING_PANELS.values() for name in names}:
        sections.append(plot_training(runs))
    sections += [plot_niah_convergence(runs, metric=f"{name}/{MATCH}") for name in episode_sets(runs)]
    if "lam" not in logged_heads:
        return sections
    with_lam = rows_in_order(logged_heads.dropna(subset=["lam"]), "architecture")
    for name, part in with_lam.groupby("architecture", sort=False):
        sections += [Heading(f"λ of {name}"), plot_lambda(part)]
    return sections


def _told_apart(runs: Frame) -> Frame:
    """What the folders of one variant do not share in their names becomes part of the variant's name.

    Folders named by seed are compared without it; names of another kind count only where two have one seed.
    """
    named = []
    for variant, own in runs.groupby("architecture"):
        folders = own[["run", "seed"]].drop_duplicates()
        stems = {run: run.removesuffix(f"-seed{seed}") for run, seed in folders.itertuples(index=False)}
        if folders["seed"].duplicated().any() or all(run != stem for run, stem in stems.items()):
            parts = {run: stem.split("-") for run, stem in stems.items()}
            shared = set.intersection(*map(set, parts.values()))
            told = {
                run: ", ".join([str(variant), *(part for part in listed if part not in shared)])
                for run, listed in parts.items()
            }
            own = own.assign(architecture=own["run"].map(told))
        named.append(own)
    return pd.concat(named, ignore_index=True)


def last_values(runs: Frame) -> Frame:
    """One row a run: its last step, and there its losses and exact match on each set of needles."""
    keys = ["run", "architecture", "seed"]
    steps = runs.groupby(keys)["step"].max()
    summary = [*LOSSES, *(f"{name}/{MATCH}" for name in episode_sets(runs))]
    wanted = runs[runs["name"].isin(summary)].sort_values("step")
    last = wanted.groupby([*keys, "name"])["value"].last().unstack("name")
    columns = [name for name in summary if name in last.columns]
    table = steps.to_frame("step").join(last[columns])
    return table.rename(columns={name: column_label(name) for name in columns}).reset_index()
