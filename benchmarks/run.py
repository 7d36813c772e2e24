"""Run the benchmarks that need nothing but the project's own environment; results lie in results/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
BENCHMARKS = ("cost.py", "capture.py", "explorer.py")  # the others say themselves what they need


def main() -> None:
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(FOLDER / name)], check=True)


if __name__ == "__main__":
    main()
