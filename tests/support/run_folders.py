"""Run folders as a training writes them, from text or from tables."""

import json
from pathlib import Path
from typing import Any

COLUMNS = ["step", "tokens", "name", "value"]


def write_run_folder(folder: Path, *, config: Any, metrics: Any) -> Path:
    """Write config.json from text or fields, metrics.csv from text or a table."""
    folder.mkdir()
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    table = metrics if isinstance(metrics, str) else metrics[COLUMNS].to_csv(index=False)
    (folder / "metrics.csv").write_text(table)
    return folder
