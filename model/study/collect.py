"""Tidy tables of finished runs: data/measured, from run folders.

runs.csv         a run a row: what was asked, by what it was trained
metrics.csv.gz   run, step, name, value
heads.csv.gz     run, step, layer, head, then λ, half-life, clamp and needle lens
lengths.csv.gz   run, anchor, rope, context_length, depth, successes, n, rate, low, high, nll
levels.csv.gz    run, removed, how, then what is lost; knockouts.csv.gz and atlas.csv.gz likewise by head
repeats.csv.gz   run, step, name, value of a second training of it, then gpu, commit, date, command
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pandas as pd

from data import measured
from data.files import write_aside
from data.refusal import refusal
from data.results.variants import Variant
from model.config import PRESETS, SISAConfig
from model.config.sizes import total
from model.study.causes import CAUSES_FILES
from model.study.lengths import read_lengths
from model.training.run import Run
from sisa_viz import read_runs

MEASURED_FOLDER = Path(measured.__file__).parent
RUNS = measured.SOURCES["runs"]
METRICS = measured.SOURCES["metrics"]
HEADS = measured.SOURCES["heads"]
LENGTHS = measured.SOURCES["lengths"]
CAUSES = {measured.SOURCES[file.removesuffix(".csv")]: file for file in CAUSES_FILES}
REPEATS = measured.SOURCES["repeats"]
SIGNIFICANT_DIGITS = 5  # enough for any figure
FROM_DATA = ("batch_size", "episode_fraction", "corpus_sha256")
FROM_MODEL = ("architecture", "d_state", "rope", "d_mlp", "n_ctx")
FROM_TRAINING = ("lr", "lr_lam", "steps")


class Provenance(TypedDict, total=False):
    """Name by what runs were trained; all of it becomes columns of runs.csv."""

    gpu: str
    commit: str
    date: str
    command: str


def collect(
    folders: Sequence[Path], *, out: Path, repeat: bool = False, **trained: Unpack[Provenance]
) -> pd.DataFrame:
    """Write the tables of runs, keeping rows of other runs, and return runs.csv.

    Every table but the repeats is of the training that runs.csv names: what an earlier one left of these runs
    goes, lengths too where a folder has none.

    Args:
        folders: of finished runs.
        out: where the tables lie.
        repeat: the runs are in the tables and were trained again; these stand beside them.
        trained: gpu, commit, date and command of these runs, columns of runs.csv.

    Raises:
        ValueError: a folder holds no finished run, or a repeated one is not in runs.csv; names it. Nothing is
            written then.

    Example:
        >>> collect([Path("out/stopped")], out=Path("tables"), gpu="none")
        Traceback (most recent call last):
        ValueError: folder is 'out/stopped'; legal: folders of finished runs. Train it to its end with ...
    """
    folders = [Path(folder) for folder in folders]
    if repeat:
        _check_first_trainings(folders, out / RUNS)
        tables = {REPEATS: [_numbers(folder, finished_run(folder)).assign(**trained) for folder in folders]}
    else:
        tables = {name: [] for name in (RUNS, METRICS, HEADS, LENGTHS, *CAUSES)}
        for folder in folders:
            for name, table in _tables_of(folder, trained).items():
                tables[name].append(table)
    out.mkdir(parents=True, exist_ok=True)
    for name, parts in tables.items():
        _merge(out / name, parts, runs=[folder.name for folder in folders])
    return pd.read_csv(out / RUNS)


def collect_tiny(folders: Sequence[Path], *, out: Path) -> None:
    """Write the table of the small study that notebook 03 runs itself, replacing all of its rows.

    It holds needles alone, not losses, since that study asks for nothing else.

    Args:
        folders: of finished runs.
        out: where the tables lie.

    Raises:
        ValueError: a folder holds no finished run; names it.

    Example:
        >>> collect_tiny([Path("out/stopped")], out=Path("tables"))
        Traceback (most recent call last):
        ValueError: folder is 'out/stopped'; legal: folders of finished runs. Train it to its end with ...
    """
    for folder in folders:
        finished_run(folder)
    metrics = read_runs(folders)
    with write_aside(out / measured.TINY) as aside:
        needles = metrics[metrics["name"].str.startswith("niah/")]
        needles.to_csv(aside, index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g")


def _check_first_trainings(folders: Sequence[Path], runs: Path) -> None:
    """Refuse a repeat of a run that is not in runs.csv."""
    there = set(pd.read_csv(runs)["run"]) if runs.is_file() else set()
    for folder in folders:
        if folder.name not in there:
            step = "Collect their first training first."
            raise refusal("folder", str(folder), legal=f"runs of {runs}", step=step)


def _tables_of(folder: Path, trained: Provenance) -> dict[str, pd.DataFrame]:
    """Return the rows of one run, by table."""
    run = finished_run(folder)
    tokens = int(run.metrics["tokens"].to_numpy().max())
    asked = {"run": folder.name} | _asked(run.config) | {"tokens": tokens} | trained
    tables = {RUNS: pd.DataFrame([asked]), METRICS: _numbers(folder, run)}
    if not run.heads.empty:
        tables[HEADS] = run.heads.assign(run=folder.name)
    if (folder / "lengths.csv").is_file():
        tables[LENGTHS] = read_lengths(run).assign(run=folder.name)
    for name, file in CAUSES.items():
        if (folder / file).is_file():
            tables[name] = pd.read_csv(folder / file).assign(run=folder.name)
    return tables


def _numbers(folder: Path, run: Run) -> pd.DataFrame:
    """Return what was measured of the whole model; tokens follow from the step."""
    return run.metrics.loc[:, ["step", "name", "value"]].assign(run=folder.name)


def finished_run(folder: Path) -> Run:
    """Return the run of a folder, or refuse one that has not made all its steps.

    Args:
        folder: where it lies.

    Raises:
        ValueError: no run lies there, or it has not ended; names the folder.

    Example:
        >>> finished_run(Path("out/stopped"))
        Traceback (most recent call last):
        ValueError: folder is 'out/stopped'; legal: folders of finished runs. Train it to its end with ...
    """
    run = Run(folder)
    asked = run.config if (folder / "config.json").is_file() else None
    if asked is None or run.metrics["step"].max() != asked["training"]["steps"]:
        step = "Train it to its end with `python -m model.study train`, or leave it out."
        raise refusal("folder", str(folder), legal="folders of finished runs", step=step)
    return run


def _asked(asked: Mapping[str, Any]) -> dict[str, object]:
    """Return what tells runs apart, in columns, from config.json."""
    config, training = SISAConfig.from_dict(asked["model"]), asked["training"]
    lr_lam = training["lr_lam"]
    variant = Variant(
        config.architecture, d_state=config.d_state, rope=config.rope, lr_lam=lr_lam, anchor=config.anchor
    )
    columns: dict[str, object] = {"preset": _preset(config), "variant": variant.label}
    columns |= {name: getattr(config, name) for name in FROM_MODEL}
    columns |= {"params": total(config), "seed": asked["seed"]}
    columns |= {name: training[name] for name in FROM_TRAINING}
    return columns | {name: asked["data"][name] for name in FROM_DATA}


def _preset(config: SISAConfig) -> str:
    """Return the size that a model was built at, whatever its vocabulary; "" for another.

    Of sizes that differ in their context alone it is the one with the model's, or else the first.
    """
    shape = (config.d_model, config.n_layers, config.n_heads)
    alike = {name: sizes.n_ctx for name, sizes in PRESETS.items() if sizes[:3] == shape}
    same_context = [name for name, n_ctx in alike.items() if n_ctx == config.n_ctx]
    return next(iter([*same_context, *alike]), "")


def _merge(path: Path, tables: Sequence[pd.DataFrame], *, runs: Sequence[str]) -> None:
    """Replace the rows of these runs; the run's name is the first column."""
    parts = list(tables)
    if path.is_file():
        old = pd.read_csv(path)
        parts = [old.loc[~old["run"].isin(runs)], *parts]
    if not parts:
        return
    new = pd.concat(parts, ignore_index=True).set_index("run").reset_index()
    with write_aside(path) as aside:
        # gzip notes the time unless it is told one: the same rows then make the same bytes.
        compression: Any = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
        new.to_csv(aside, index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", compression=compression)
