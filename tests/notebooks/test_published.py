"""Notebook 09 without a network: it says which file to put where, and shows a random stand-in as such."""

import nbformat
import pytest

from model.study.notebooks.published import NO_CONCLUSION, PublishedRun

pytestmark = pytest.mark.slow

PLOTLY, HTML = "application/vnd.plotly.v1+json", "text/html"


@pytest.fixture(scope="module")
def executed(run_in_kernels, tmp_path_factory):
    """The notebook once, on a folder that holds nothing."""
    folder = tmp_path_factory.mktemp("published")
    asked = "09_published_checkpoints", {"smoke": True, "folder": str(folder)}
    return run_in_kernels({"09": asked})["09"], folder


def test_it_ends_well_without_the_checkpoint_and_says_where_to_put_it(executed):
    done, folder = executed
    assert done.code == 0, done.text
    assert done.outputs("error") == []
    said = "".join(output.text for output in done.outputs("stream"))
    assert f"put it at {folder}/152M/sisa_ds16/final.pt, then call again." in said
    assert done.cells[-1].outputs[-1].text == NO_CONCLUSION + "\n"
    assert [path.name for path in done.folder.iterdir()] == ["out.ipynb"]
    assert list(folder.iterdir()) == []


def test_every_figure_says_that_it_is_of_the_stand_in(executed):
    shown = executed[0].shown(PLOTLY)
    assert len(shown) == 4
    for figure in shown:
        assert figure["layout"]["title"]["subtitle"]["text"].startswith("random stand-in")
    assert any("not compared: random stand-in" in "".join(html) for html in executed[0].shown(HTML))


def test_the_second_cell_takes_every_parameter_of_the_first(project):
    cells = nbformat.read(project / "notebooks" / "09_published_checkpoints.ipynb", as_version=4).cells
    parameters = next(cell.source for cell in cells if cell.cell_type == "code")
    namespace: dict = {}
    exec(parameters, namespace)
    given = {name: value for name, value in namespace.items() if name != "__builtins__"}
    assert PublishedRun(**given) == PublishedRun()
    assert set(given) == set(PublishedRun.__dataclass_fields__)
