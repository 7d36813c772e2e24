"""Runs code as if only some distributions were installed."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OWN = "sisa-lens"
BLOCK = """
import sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions
blocked = set({blocked})
hidden = {{owner for name, owners in packages_distributions().items() if name in blocked for owner in owners}}
class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else super().find_spec(name, path, target)
    @classmethod
    def find_distributions(cls, *given, **named):
        found = PathFinder.find_distributions(*given, **named)
        return (distribution for distribution in found if distribution.metadata["Name"] not in hidden)
sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
"""
TRACE = """
from model import capture, load
from sisa_viz import ScoreExplorer, open_trace, plot_scores, report
trace = capture(load("niah"), "The secret number is 4821. The secret number is")
trace.sisa.save("t.nc")
ScoreExplorer(open_trace("t.nc")).to_html("page.html")
"""
EXPLORE = f"""{TRACE}
report("report.html", plot_scores(trace, layer=1, head=4), title="One head")
"""
TRAIN = """
from data import NIAHTask, TrainingBatches
from model import SISAConfig, fit
from model.training.recipe import TrainingConfig
task = NIAHTask(filler="synthetic", lengths=(32,))
config = SISAConfig.preset("tiny", d_vocab=task.d_vocab, n_ctx=32)
batches = TrainingBatches(task=task, batch_size=2)
assert fit(config, folder="run", batches=batches, training=TrainingConfig(steps=2), device="cpu").finished
"""


def needed(
    requirement: Requirement, seen: set[tuple[str, str]], left_out: Mapping[str, set[str]]
) -> Iterator[str]:
    """Canonical names of a distribution and of all that it needs, with the extras that are asked for.

    left_out: by distribution, what it asks for and does not get.
    """
    name = canonicalize_name(requirement.name)
    for extra in ("", *requirement.extras):
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        yield name
        try:
            lines = requires(name) or []
        except PackageNotFoundError:  # of another platform
            continue
        for line in map(Requirement, lines):
            asked = line.marker is None or line.marker.evaluate({"extra": extra})
            if asked and canonicalize_name(line.name) not in left_out.get(name, set()):
                yield from needed(line, seen, left_out)


def absent_without(*extras: str, left_out: Mapping[str, set[str]] | None = None) -> list[str]:
    """Top-level modules that are installed here and would not be after `pip install sisa-lens[extras]`."""
    asked = f"{OWN}[{','.join(extras)}]" if extras else OWN
    there = set(needed(Requirement(asked), set(), left_out or {})) | {"pip", "setuptools"}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not there & {canonicalize_name(owner) for owner in owners}
    )


def run_without(blocked: list[str], code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, as if these modules were not installed."""
    script = BLOCK.format(blocked=json.dumps(blocked)) + code
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
