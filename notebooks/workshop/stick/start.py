"""Open JupyterLab at the workshop's first notebook: python3 start.py [FOLDER]."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def workshop_folder(here: Path, given: list[str]) -> Path:
    """The folder that install.py made: the one named, else this file's own, else the usual one."""
    if given:
        return Path(os.path.abspath(os.path.expanduser(given[0])))
    return here if (here / "venv").is_dir() else Path.home() / "sisa-workshop"


def command(folder: Path) -> list[str] | None:
    """The command that opens JupyterLab there; None where nothing is installed."""
    python = folder.joinpath("venv", *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    notebooks = sorted((folder / "notebooks").glob("*.ipynb"))
    if not python.exists() or not notebooks:
        return None
    return [str(python), "-m", "jupyterlab", notebooks[0].name]


def main() -> None:
    folder = workshop_folder(Path(__file__).resolve().parent, sys.argv[1:])
    found = command(folder)
    if found is None:
        sys.exit(f"Nothing is installed in {folder}. Start install.py from the stick first.")
    print("JupyterLab opens in your browser. To stop it, press Ctrl-C here, twice.", flush=True)
    try:
        sys.exit(subprocess.call(found, cwd=str(folder / "notebooks")))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
