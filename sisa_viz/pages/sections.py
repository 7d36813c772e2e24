"""What the command line puts on a page: the sections of a trace and of a set of runs."""

import pandas as pd
import xarray as xr

from data.results.head_table import split_heads, without_heads
from data.results.summary import UNFINISHED, state, summary
from data.results.tables import MATCH, episode_sets, one_run_a_seed, rows_in_order
from sisa_viz.look.labels import column_label
from sisa_viz.look.text import visible
from sisa_viz.pages.page import Heading, Section
from sisa_viz.plots.decay import plot_decay
from sisa_viz.plots.lam import plot_lambda
from sisa_viz.plots.niah_convergence import plot_niah_convergence
from sisa_viz.plots.scores import plot_scores
from sisa_viz.plots.span_mass import plot_span_mass, prepare_span_mass
from sisa_viz.plots.training import TRAINING_PANELS, plot_training
from sisa_viz.trace.axes import head_name
from sisa_viz.trace.needles import answering_query

MOST_TEXT = 2000  # characters of a trace's text
KEYS = ["run", "architecture", "seed"]
LOSSES = ("train/loss", "val/loss")
SUMMARY_LABELS = {
    "needles": "needle set",
    "mean": "exact match, mean",
    "low": "95 % from",
    "high": "to",
    "reached": "seeds at 50 %",
    "steps": "steps to 50 %",
}


def trace_sections(trace: xr.Dataset, *, name: str) -> list[Section]:
    """Return what a page shows of a trace: its text, λ, decay, attention on the needle, scores of a head.

    The head is the one whose attention to the needle importance changes most; without a needle, the one with
    the largest λ. What a mixer does not have is left out.

    Args:
        trace: A trace of any mixer.
        name: The heading.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> sections = trace_sections(example_trace(), name="an example")
        >>> sections[0].text, sections[-1]
        ('an example', 'L0H1 is shown because importance changes its attention to the needle most.')
    """
    access = trace.sisa
    sections: list[Section] = [
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
    layer, head = [int(trace[axis][int(at[axis])]) for axis in ("layer", "head")]  # pyright: ignore[reportIndexIssue, reportCallIssue, reportArgumentType]
    return [*sections, plot_scores(trace, layer=layer, head=head), _chosen(trace, layer, head)]


def _about(trace: xr.Dataset) -> pd.DataFrame:
    rows = {
        "tokens": trace.sizes["position"],
        "seed": trace.attrs["seed"],
        "versions": trace.attrs["versions"],
    }
    rows |= {"score": trace.sisa.score.kind, "state channels of the score": trace.sisa.score.d_state}
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


def run_sections(
    runs: pd.DataFrame, heads: pd.DataFrame | None = None, plans: pd.DataFrame | None = None
) -> list[Section]:
    """Return what a page shows of runs: last values, seed means, curves, convergence, λ of each variant.

    What was not logged is left out, and where nothing was, a sentence says so. Runs of one variant and seed
    are told apart by their folders' names.

    Args:
        runs: A table of runs, as `sisa_viz.read_runs` returns it.
        heads: What the same runs measured of every head, as `sisa_viz.read_heads` returns it; without it, λ
            is read from metrics named "lam/L0H1", as runs of earlier versions have them.
        plans: What the runs were to do, as `data.results.runs.read_plans` returns it; with it, each run has
            its state on the page, and means over seeds leave out the unfinished ones.

    Raises:
        ValueError: For two runs of one name and seed.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> sections = run_sections(example_runs())
        >>> [section.layout.title.text for section in sections[4:]]
        ['Training: training loss, learning rate', 'Convergence: needle exact match']
    """
    if runs.empty:
        return [Heading("Runs"), "Nothing has been measured yet."]
    over_seeds, run_table = run_tables(runs, plans)
    runs = one_run_a_seed(_told_apart(runs))
    runs, logged_heads = split_heads(runs)
    if heads is not None and not heads.empty:
        variants = dict(zip(runs["run"], runs["architecture"], strict=True))
        logged_heads = heads.assign(architecture=[variants.get(run) for run in heads["run"]])
    logged = set(runs["name"])
    sections: list[Section] = [Heading("Runs"), run_table, *_over_seeds(over_seeds, run_table)]
    if logged & {name for names in TRAINING_PANELS.values() for name in names}:
        sections.append(plot_training(runs))
    sections += [plot_niah_convergence(runs, metric=f"{name}/{MATCH}") for name in episode_sets(runs)]
    if "lam" not in logged_heads:
        return sections
    with_lam = rows_in_order(logged_heads.dropna(subset=["lam"]), "architecture")
    for name, part in with_lam.groupby("architecture", sort=False):
        sections += [Heading(f"λ of {name}"), plot_lambda(part)]
    return sections


def run_tables(runs: pd.DataFrame, plans: pd.DataFrame | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the two tables of a set of runs: over the seeds of each variant, and a run a row.

    Args:
        runs: A table of runs, as `sisa_viz.read_runs` returns it.
        plans: As in `run_sections`.

    Returns:
        What `data.results.summary.summary` makes of the runs that are not unfinished, and `last_values`, with
        d_state, planned steps and state where plans are given.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> variants, run_table = run_tables(example_runs())
        >>> variants.columns[:4].tolist()
        ['architecture', 'needles', 'seeds', 'mean']
    """
    known = runs if plans is None else runs.merge(plans, on=KEYS)
    known = one_run_a_seed(_told_apart(known))
    last = last_values(without_heads(known))
    if plans is None:
        return summary(known), last
    last = last.merge(known[[*KEYS, "d_state", "planned"]].drop_duplicates(), on=KEYS)
    last["state"] = list(map(state, last["step"], last["planned"]))
    first = [*KEYS, "d_state", "state", "step", "planned"]
    ended = last.loc[last["state"] != UNFINISHED, KEYS]
    others = [name for name in last.columns if name not in first]
    return summary(known.merge(ended, on=KEYS)), last.loc[:, [*first, *others]]


def _over_seeds(variants: pd.DataFrame, run_table: pd.DataFrame) -> list[Section]:
    """Write the table over seeds with what its numbers count; nothing where no run counts."""
    left_out = run_table["state"].tolist().count(UNFINISHED) if "state" in run_table else 0
    said = f"{left_out} of {len(run_table)} runs are unfinished and are not in means over seeds."
    aside: list[Section] = [said] if left_out else []
    if variants.empty:
        return aside
    return [
        *aside,
        variants.rename(columns=SUMMARY_LABELS),
        "Exact match is each run's last; steps are the median over seeds of the first measured step at 50 %, "
        "∞ where most seeds had not come so far by the last step that all runs have.",
    ]


def _told_apart(runs: pd.DataFrame) -> pd.DataFrame:
    """Make what the folders of one variant do not share in their names a part of the variant's name.

    Folders named by seed are compared without it; names of another kind count only where two have one seed.
    """
    named = []
    for variant, own in runs.groupby("architecture"):
        folders = own.loc[:, ["run", "seed"]].drop_duplicates()
        stems = {run: run.removesuffix(f"-seed{seed}") for run, seed in folders.itertuples(index=False)}
        if folders["seed"].duplicated().any() or all(run != stem for run, stem in stems.items()):
            parts = {run: stem.split("-") for run, stem in stems.items()}
            shared = set.intersection(*map(set, parts.values()))
            told = {
                run: ", ".join([str(variant), *(part for part in listed if part not in shared)])
                for run, listed in parts.items()
            }
            own = own.assign(architecture=[told[run] for run in own["run"]])
        named.append(own)
    return pd.concat(named, ignore_index=True)


def last_values(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row a run: its last step, its last losses and exact matches on each set of needles.

    Args:
        runs: A table of runs, as `sisa_viz.read_runs` returns it.

    Returns:
        The columns run, architecture, seed, step, and one a metric, named as on an axis.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> last_values(example_runs()).columns[3:].tolist()
        ['step', 'training loss (nats per token)', 'needle exact match (share of episodes)']
    """
    steps = pd.DataFrame({"step": runs.groupby(KEYS)["step"].max()})
    summary = [*LOSSES, *(f"{name}/{MATCH}" for name in episode_sets(runs))]
    wanted = runs.loc[runs["name"].isin(summary)].sort_values("step")
    last = wanted.groupby([*KEYS, "name"])["value"].last().unstack("name")
    columns = [name for name in summary if name in last.columns]
    table = steps.join(last[columns])
    return table.rename(columns={name: column_label(name) for name in columns}).reset_index()
