"""Read finished or running trainings into one tidy table."""

import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.digests import check_digest
from data.refusal import folder_path, refusal
from data.results.head_table import HEAD_KEYS, split_heads, without_heads
from data.results.variants import Variant

METRICS = ("step", "tokens", "name", "value")
NUMBERS = ["step", "tokens", "value"]
NEXT_STEP = "Put the table back from a copy, or leave this run out."
NAMING = {"architecture": str, "rope": str, "lr_lam": int | float, "anchor": str}


def read_runs(folders: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Read what runs logged of whole models into one table, one number a row.

    Each folder holds config.json and metrics.csv (step, tokens, name, value). The config has d_state and
    seed, at the top or one level down; architecture, rope, lr_lam and anchor, where they are, tell variants
    apart (see `data.results.variants.Variant`). A run that is still training is read as far as it has come: a
    last line without a line end is half written and left out, and a table with a header alone has no rows.

    Args:
        folders: one run folder, or several.

    Returns:
        run (name of the folder), architecture (label of the variant), seed, step, tokens, name, value.

    Raises:
        FileNotFoundError: a folder is no run.
        ValueError: no folder was given, or a file in one cannot be read.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "config.json").write_text('{"d_state": 16, "seed": 0}')
        >>> _ = (folder / "metrics.csv").write_text("step,tokens,name,value\\n1,9,val/loss,3.5\\n")
        >>> read_runs(folder)[["architecture", "seed", "step", "name", "value"]].values.tolist()
        [['SISA d_state=16', 0, 1, 'val/loss', 3.5]]
    """
    metrics = pd.concat([_read_run(folder) for folder in _listed(folders)], ignore_index=True)
    return without_heads(metrics)


def read_heads(folders: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Read what runs measured of every head, one row a run, step, layer and head.

    The numbers lie in the heads.csv of a folder; runs of earlier versions have them in metrics.csv under
    names such as "lam/L0H1". Measures are lam (λ), half_life (tokens), clamped (share of positions), and the
    shares of attention on the needle, needle_mass, needle_content and needle_importance.

    Args:
        folders: one or several, as in `read_runs`.

    Returns:
        run, architecture, seed, step, layer, head, then one column a measure; no rows where no head was
        measured.

    Raises:
        FileNotFoundError: a folder is no run.
        ValueError: a file in it cannot be read.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "config.json").write_text('{"d_state": 4, "seed": 0}')
        >>> _ = (folder / "metrics.csv").write_text("step,tokens,name,value\\n1,9,lr,0.1\\n")
        >>> _ = (folder / "heads.csv").write_text("step,layer,head,lam\\n1,0,0,0.5\\n")
        >>> read_heads(folder)[["architecture", "step", "layer", "head", "lam"]].values.tolist()
        [['SISA d_state=4', 1, 0, 0, 0.5]]
    """
    tables = [_read_heads(folder) for folder in _listed(folders)]
    filled = [table for table in tables if not table.empty]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def read_plans(folders: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Read from the configs of runs how large their state is and how many steps they were to take.

    Args:
        folders: one or several, as in `read_runs`.

    Returns:
        run, architecture and seed as in `read_runs`, d_state, and planned (optimiser steps, NaN where the
        config does not tell them).

    Raises:
        ValueError: a config cannot be read.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "config.json").write_text('{"d_state": 4, "seed": 0, "training": {"steps": 400}}')
        >>> read_plans(folder)[["architecture", "seed", "d_state", "planned"]].values.tolist()
        [['SISA d_state=4', 0, 4, 400.0]]
    """
    rows = []
    for folder in _listed(folders):
        config = _read_config(folder / "config.json")
        told = [value for value in _found(config, "steps") if isinstance(value, int)]
        d_state, seed = _field(config, "d_state", folder), _field(config, "seed", folder)
        planned = float(told[0]) if told else np.nan
        rows.append((folder.name, _label(config, folder), seed, d_state, planned))
    return pd.DataFrame(rows, columns=["run", "architecture", "seed", "d_state", "planned"])


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of a run, of which a process may just be writing the last line.

    What follows the last line end is left out: "40,4000,niah/exact_m" has the columns of a whole line, but a
    name that nobody measured, and a cut number would be a wrong one. Where the run has noted what it wrote
    (see `data.digests`), a table that has changed since is refused.

    Args:
        path: a CSV file with a header.

    Raises:
        ValueError: not even the header is whole, a line has too many columns, or the table has changed since
            it was written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "metrics.csv")
        >>> _ = path.write_text("step,value\\n1,3.25\\n2,3.1")
        >>> read_table(path).values.tolist()
        [[1.0, 3.25]]
    """
    check_digest(path)
    whole, end, _ = Path(path).read_bytes().rpartition(b"\n")
    try:
        return pd.read_csv(io.BytesIO(whole + end))
    except ValueError as error:  # includes pandas' EmptyDataError and ParserError
        raise ValueError(f"{path} cannot be read as a table ({error}); was the file cut off?") from error


def _listed(folders: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    if not isinstance(folders, str | os.PathLike | Iterable) or isinstance(folders, bytes):
        raise refusal("folders", folders, legal="one or more run folders", step="Pass paths.")
    listed = [folders] if isinstance(folders, str | os.PathLike) else list(folders)
    if not listed:
        raise ValueError(
            "no run folder was given; legal: one or more folders with config.json and metrics.csv"
        )
    found = [folder_path("folder", folder, writable=False) for folder in listed]
    if len({folder.resolve() for folder in found}) < len(found):
        step = "Name each run once: it would count as two seeds."
        raise refusal("folders", [str(folder) for folder in found], legal="different folders", step=step)
    return found


def _read_heads(folder: Path) -> pd.DataFrame:
    """heads.csv beside what tells the run apart, after what an earlier version has put into metrics.csv."""
    metrics, path = _read_run(folder), folder / "heads.csv"
    earlier = split_heads(metrics)[1]
    if not path.is_file() or metrics.empty:
        return earlier
    check_digest(path)  # a table that was emptied is not one that has not been begun
    if not path.stat().st_size:
        return earlier
    try:
        heads = read_table(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a table ({error}); was the file cut off?") from error
    missing = [name for name in ("step", *HEAD_KEYS) if name not in heads.columns]
    if missing:
        raise ValueError(f"{path} lacks columns {missing}; legal: step, layer, head and one for each measure")
    run = metrics.loc[:0, ["run", "architecture", "seed"]]
    named = run.merge(heads, how="cross")
    return named if earlier.empty else pd.concat([earlier, named], ignore_index=True)


def is_run(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder holds the two files of a run, config.json and metrics.csv.

    What stands in the files is not looked at; `read_runs` says what is wrong with it.

    Args:
        path: a folder, which need not exist.

    Example:
        >>> is_run("no/such/folder")
        False
    """
    return all((Path(path) / name).is_file() for name in ("config.json", "metrics.csv"))


def _read_run(folder: Path) -> pd.DataFrame:
    if not is_run(folder):
        found = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else "no such folder"
        raise FileNotFoundError(
            f"{folder} is not a run: it needs config.json and metrics.csv, there is {found}"
        )
    config = _read_config(folder / "config.json")
    metrics = _read_metrics(folder / "metrics.csv")
    return pd.DataFrame(
        {
            "run": folder.name,
            "architecture": _label(config, folder),
            "seed": _field(config, "seed", folder),
        }
        | {name: metrics[name] for name in METRICS}
    )


def _label(config: dict[str, Any], folder: Path) -> str:
    d_state = _field(config, "d_state", folder)
    naming = {name: value for name in NAMING for value in _found(config, name)[:1]}
    for name, value in naming.items():
        if not isinstance(value, NAMING[name]):
            legal = "text" if NAMING[name] is str else "a number"
            raise ValueError(f"{folder / 'config.json'}: {name} is {value!r}; legal: {legal}")
    own: dict[str, Any] = {"architecture": "sisa" if d_state else "transformer"}
    return Variant(**own | naming, d_state=d_state).label


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark first
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}); was the file cut off?") from error
    if not isinstance(config, dict):
        raise ValueError(
            f"{path} holds a {type(config).__name__}; legal: a JSON object with d_state and seed"
        )
    return config


def _read_metrics(path: Path) -> pd.DataFrame:
    try:
        metrics = read_table(path)
    except ValueError as error:  # includes pandas' EmptyDataError and ParserError
        raise ValueError(
            f"{path} cannot be read as a table ({error}); legal columns: {', '.join(METRICS)}"
        ) from error
    missing = [name for name in METRICS if name not in metrics.columns]
    if missing:
        raise ValueError(f"{path} lacks columns {missing}; legal: {', '.join(METRICS)}")
    try:
        numbers = metrics.assign(**{name: pd.to_numeric(metrics[name]) for name in NUMBERS})
    except ValueError as error:
        raise ValueError(f"{path}: {error}; legal: numbers in {', '.join(NUMBERS)}") from error
    _check_rows(numbers, path)
    return numbers


def _check_rows(metrics: pd.DataFrame, path: Path) -> None:
    """Refuse rows that no run writes: without a step, tokens or a name."""
    for name in ("step", "tokens"):
        counted = metrics[name].to_numpy(float)
        wrong = ~((counted >= 0) & (counted < 2**53) & (counted == np.floor(counted)))
        if wrong.any():
            came = metrics[name].to_numpy()[wrong][0]
            raise ValueError(f"{path}: {name} is {came}; legal: whole numbers from 0 on. {NEXT_STEP}")
    if bool(metrics["name"].isna().to_numpy().any()):
        raise ValueError(f"{path} has a row without a name; legal: the name of a measure. {NEXT_STEP}")


def _field(config: dict[str, Any], name: str, folder: Path) -> int:
    found = [value for value in _found(config, name) if isinstance(value, int)]
    if not found:
        raise ValueError(f"{folder / 'config.json'} has no integer {name}; it has {sorted(config)}")
    return found[0]


def _found(config: dict[str, Any], name: str) -> list[Any]:
    """Values of a field at the top or one level down."""
    places = [config, *(value for value in config.values() if isinstance(value, dict))]
    return [place[name] for place in places if name in place]
