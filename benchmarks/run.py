"""Run the benchmarks that need nothing but the project's own environment; results lie in results/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from data.commands import one_line

FOLDER = Path(__file__).parent
BENCHMARKS = ("cost.py", "capture.py", "decoding.py", "explorer.py")  # the others say what they need


def main() -> None:
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, str(FOLDER / name)], check=False)
        if done.returncode:  # it has said why
            raise SystemExit(done.returncode)


if __name__ == "__main__":
    with one_line("benchmarks/run.py"):
        main()
