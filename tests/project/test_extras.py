"""What each extra of the wheel is for works with it, and without it says which one is missing."""

import json

import pytest
from installs import EXPLORE, TRAIN, absent_without, run_without

from data.extras import EXTRAS

pytestmark = pytest.mark.slow
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
    "train": TRAIN,
    "workshop": EXPLORE + TRAIN,
    "sweep": """
from model.study.runs import train_all
assert list(train_all([])) == []
""",
}
NAMED = sorted(
    set(EXTRAS) - {"notebooks", "workshop"}
)  # JupyterLab brings most of the first, "train" the other
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


@pytest.fixture(scope="module")
def default_install(tmp_path_factory):
    """What a process without any extra leaves: its folder, what it says of each use, what went wrong."""
    folder, asked = tmp_path_factory.mktemp("default"), {extra: USES[extra] for extra in NAMED}
    done = run_without(absent_without(), EXPLORE + SAYS.format(uses=json.dumps(asked)), folder)
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
    done = run_without(absent_without(extra), USES[extra], tmp_path)
    assert done.returncode == 0, done.stderr


def test_notebooks_brings_papermill():  # JupyterLab has the rest of that extra already
    assert "papermill" in set(absent_without()) - set(absent_without("notebooks"))
