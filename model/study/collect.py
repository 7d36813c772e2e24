"""Tidy tables of finished runs: data/measured, from run folders.

runs.csv         a run a row: what was asked, by what it was trained
metrics.csv.gz   run, step, name, value
heads.csv.gz     run, step, layer, head, then λ, half-life, clamp and needle lens
lengths.csv.gz   run, rope, context_length, depth, successes, n, rate, low, high, nll
repeats.csv.gz   run, step, name, value of a second training of it, then gpu, commit, date, command
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from data import measured
from data.files import write_aside
from data.refusal import refusal
from data.results.variants import Variant
from model.config import PRESETS, SISAConfig
from model.config.sizes import total
from model.training.run import Run
from sisa_viz import read_runs

FOLDER = Path(measured.__file__).parent
TABLES = tuple(measured.SOURCES.values())
DIGITS = 5


def collect(folders: Sequence[Path], *, out: Path, repeat: bool = False, **trained: str) -> pd.DataFrame:
    """Write the tables, rows of other runs kept; returns runs.csv.

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
    """
    repeats = "repeats.csv.gz"
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES if (name == repeats) == repeat}
    there = set(pd.read_csv(out / "runs.csv")["run"]) if (out / "runs.csv").is_file() else set()
    for folder in map(Path, folders):
        if repeat and folder.name not in there:
            step = "Collect their first training first."
            raise refusal("folder", str(folder), legal=f"runs of {out / 'runs.csv'}", step=step)
        named, run = {"run": folder.name}, _finished(folder)
        metrics = run.metrics
        numbers = metrics.loc[:, ["step", "name", "value"]]
        if repeat:
            parts[repeats].append(numbers.assign(**named, **trained))
            continue
        tokens = int(metrics["tokens"].to_numpy().max())
        asked = _asked(run.config) | {"tokens": tokens}
        parts["runs.csv"].append(pd.DataFrame([named | asked | trained]))
        parts["metrics.csv.gz"].append(numbers.assign(**named))
        if not run.heads.empty:
            parts["heads.csv.gz"].append(run.heads.assign(**named))
        if (folder / "lengths.csv").is_file():
            parts["lengths.csv.gz"].append(pd.read_csv(folder / "lengths.csv").assign(**named))
    out.mkdir(parents=True, exist_ok=True)
    for name, tables in parts.items():
        _merge(out / name, tables, runs=[Path(folder).name for folder in folders])
    return pd.read_csv(out / "runs.csv")


def collect_tiny(folders: Sequence[Path], *, out: Path) -> None:
    """Write the table of the small study that notebook 03 runs itself: needles alone, replacing all rows.

    Raises:
        ValueError: a folder holds no finished run; names it.
    """
    for folder in folders:
        _finished(folder)
    metrics = read_runs(folders)
    with write_aside(out / measured.TINY) as aside:
        needles = metrics[metrics["name"].str.startswith("niah/")]
        needles.to_csv(aside, index=False, float_format=f"%.{DIGITS}g")


def _finished(folder: Path) -> Run:
    """The run of a folder; ValueError unless it has ended."""
    run = Run(folder)
    asked = run.config if (folder / "config.json").is_file() else None
    if asked is None or run.metrics["step"].max() != asked["training"]["steps"]:
        step = "Train it to its end with `python -m model.study train`, or leave it out."
        raise refusal("folder", str(folder), legal="folders of finished runs", step=step)
    return run


def _asked(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What tells runs apart, in columns, from config.json."""
    config, training = SISAConfig.from_dict(asked["model"]), asked["training"]
    settled = {"d_state": config.d_state, "rope": config.rope, "lr_lam": training["lr_lam"]}
    columns: dict[str, Any] = {"preset": _preset(config)}
    columns |= {"variant": Variant(config.architecture, **settled).label}
    columns |= {name: getattr(config, name) for name in ("architecture", "d_state", "rope", "d_mlp", "n_ctx")}
    columns |= {"params": total(config), "seed": asked["seed"]}
    columns |= {name: training[name] for name in ("lr", "lr_lam", "steps")}
    return columns | {
        name: asked["data"][name] for name in ("batch_size", "episode_fraction", "corpus_sha256")
    }


def _preset(config: SISAConfig) -> str:
    """The size that a model was built at, whatever its vocabulary, context and d_mlp; "" for another one."""
    shape = (config.d_model, config.n_layers, config.n_heads)
    return next((name for name, sizes in PRESETS.items() if sizes[:3] == shape), "")


def _merge(path: Path, tables: list[pd.DataFrame], *, runs: Sequence[str]) -> None:
    """Replace the rows of these runs; five digits are enough for any figure."""
    if path.is_file():
        old = pd.read_csv(path)
        tables = [old.loc[~old["run"].isin(runs)], *tables]
    if not tables:
        return
    new = pd.concat(tables, ignore_index=True).set_index("run").reset_index()  # the run's name first
    with write_aside(path) as aside:
        compression: Any = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
        new.to_csv(aside, index=False, float_format=f"%.{DIGITS}g", compression=compression)
