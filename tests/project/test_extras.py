"""What each extra of the wheel is for works with it, and without it says which one is missing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from data.extras import EXTRAS

pytestmark = pytest.mark.slow
OWN = "sisa-lens"
BLOCK = """
import sys
from importlib.machinery import PathFinder
blocked = set({blocked})
class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
"""
EXPLORE = """
from model import capture, load
from sisa_viz import ScoreExplorer, open_trace, plot_scores, report
trace = capture(load("niah"), "The secret number is 4821. The secret number is")
trace.sisa.save("t.nc")
ScoreExplorer(open_trace("t.nc")).to_html("page.html")
report("report.html", plot_scores(trace, layer=1, head=4), title="One head")
"""
USES = {
    "notebooks": """
from sisa_viz.pages.notebooks import notebook_sections
import nbformat, papermill
cells = [nbformat.v4.new_markdown_cell("# A question")]
nbformat.write(nbformat.v4.new_notebook(cells=cells), "book.ipynb")
assert notebook_sections("book.ipynb")
""",
    "print": """
from sisa_viz import static
from sisa_viz.examples import example_trace
static.plot_decay(example_trace()).savefig("decay.pdf")
""",
    "train": """
from data import NIAHTask, TrainingBatches
from model import SISAConfig, fit
from model.training.recipe import TrainingConfig
task = NIAHTask(filler="synthetic", lengths=(32,))
config = SISAConfig.preset("tiny", d_vocab=task.d_vocab, n_ctx=32)
batches = TrainingBatches(task=task, batch_size=2)
assert fit(config, folder="run", batches=batches, training=TrainingConfig(steps=2), device="cpu").finished
""",
    "sweep": """
from model.study.runs import train_all
assert list(train_all([])) == []
""",
}
NAMED = sorted(set(EXTRAS) - {"notebooks"})  # JupyterLab brings most of that one
SAYS = """
import json
said = {{}}
for extra, use in {uses}.items():
    try:
        exec(use, {{}})
    except ImportError as error:
        said[extra] = str(error)
print(json.dumps(said))
"""


def needed(requirement: Requirement, seen: set[tuple[str, str]]) -> Iterator[str]:
    """Canonical names of a distribution and of all that it needs, with the extras that are asked for."""
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
            if line.marker is None or line.marker.evaluate({"extra": extra}):
                yield from needed(line, seen)


def absent_without(*extras: str) -> list[str]:
    """Top-level modules that are installed here and would not be after `pip install sisa-lens[extras]`."""
    asked = f"{OWN}[{','.join(extras)}]" if extras else OWN
    there = set(needed(Requirement(asked), set())) | {"pip", "setuptools"}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not there & {canonicalize_name(owner) for owner in owners}
    )


def run(code: str, blocked: list[str], folder) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, as if these modules were not installed."""
    script = BLOCK.format(blocked=json.dumps(blocked)) + code
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def default_install(tmp_path_factory):
    """What a process without any extra leaves: its folder, what it says of each use, what went wrong."""
    folder, asked = tmp_path_factory.mktemp("default"), {extra: USES[extra] for extra in NAMED}
    done = run(EXPLORE + SAYS.format(uses=json.dumps(asked)), absent_without(), folder)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


def test_the_default_install_explores(default_install):
    assert {"lightning", "papermill", "seaborn", "distributed", "pytest"} <= set(absent_without())
    assert (default_install[0] / "page.html").stat().st_size > 100_000


@pytest.mark.parametrize("extra", NAMED)
def test_a_missing_extra_is_named(extra, default_install):
    assert f'pip install "sisa-lens[{extra}]"' in default_install[1][extra]


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_its_use(extra, tmp_path):
    done = run(USES[extra], absent_without(extra), tmp_path)
    assert done.returncode == 0, done.stderr


def test_notebooks_brings_papermill():  # JupyterLab has the rest of that extra already
    assert "papermill" in set(absent_without()) - set(absent_without("notebooks"))
