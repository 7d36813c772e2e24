"""The plot of docs/recipes/add_a_plot.md works as it is written there."""

import re
from pathlib import Path

import plotly.graph_objects as go
import pytest

from sisa_viz.examples import example_trace

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "add_a_plot.md"


@pytest.fixture
def made_up() -> dict:
    """What the recipe's first block of code defines."""
    block = re.search(r"```python\n(.*?)```", RECIPE.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    names: dict = {}
    exec("\n".join(line.removeprefix("   ") for line in block[1].split("\n")), names)
    return names


def test_it_prepares_and_draws(made_up):
    trace = example_trace()
    assert made_up["prepare_token_count"](trace).to_dict() == {
        "The": 1,
        " The": 1,
        " code": 2,
        " is": 2,
        " 7": 1,
        " .": 1,
    }
    figure = made_up["plot_token_count"](trace, most=3)
    assert isinstance(figure, go.Figure)
    assert "3 most frequent" in str(figure.to_json())


def test_it_names_files_that_are_there():
    said = set(re.findall(r"`((?:sisa_viz|tests)/[\w/.]+)`", RECIPE.read_text(encoding="utf-8")))
    there = {name for name in said if "token_count" not in name}
    assert len(there) >= 5
    assert [name for name in there if not (RECIPE.parents[2] / name).is_file()] == []
