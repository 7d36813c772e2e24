"""Parameters of a notebook: checked before anything runs, papermill's misspellings included."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from data.refusal import one_of
from model.study.notebooks.atlas import Atlas
from model.study.notebooks.causes import Causes
from model.study.notebooks.context_length import Contexts
from model.study.notebooks.convergence import ConvergenceStudy
from model.study.notebooks.experiment import Experiment
from model.study.notebooks.exploration import Exploration
from model.study.notebooks.fusion import FusionTour
from model.study.notebooks.parameters import from_parameters
from model.study.notebooks.published import PublishedRun
from model.study.notebooks.state_size import StateSizes


@dataclass(frozen=True, kw_only=True)
class Recipe:
    flour: int
    oven: str = "gas"

    def __post_init__(self):
        one_of("oven", self.oven, ("gas", "wood"))


def test_values_of_the_namespace_arrive_and_other_names_do_not():
    namespace = {"oven": "wood", "flour": 500, "salt": 7, "__name__": "__main__"}
    assert from_parameters(Recipe, namespace) == Recipe(flour=500, oven="wood")


def test_an_unknown_injected_name_is_refused_with_the_known_ones():
    cells = ["", "flour = 500", "# Parameters\nflour = 400\nfluor = 300\n"]
    with pytest.raises(ValueError, match=r"parameter is 'fluor'; legal: flour, oven\. .*-p fluor"):
        from_parameters(Recipe, {"flour": 400, "oven": "gas", "fluor": 300, "In": cells})


@pytest.mark.parametrize(
    "cell", ["fluor = 300", "x = 1\n# Parameters", "# Parameters\nflour = 1", "# Parameters\n"]
)
def test_only_new_names_in_the_injected_cell_count(cell):
    assert from_parameters(Recipe, {"flour": 1, "oven": "gas", "In": ["", cell]}).flour == 1


def test_every_injected_cell_is_read():
    cells = ["# Parameters\nflour = 1\n", "# Parameters\nyeast = [1, {'a': None}]\n"]
    with pytest.raises(ValueError, match="parameter is 'yeast'"):
        from_parameters(Recipe, {"flour": 1, "oven": "gas", "In": cells})


def test_missing_names_are_listed_in_the_order_of_the_fields():
    with pytest.raises(ValueError, match=r"parameters is \['flour', 'oven'\]; .*cell tagged `parameters`"):
        from_parameters(Recipe, {"In": []})


def test_a_default_of_the_class_does_not_stand_in_for_a_missing_name():
    with pytest.raises(ValueError, match=r"parameters is \['oven'\]"):
        from_parameters(Recipe, {"flour": 1})


def test_the_misspelling_is_named_before_the_bad_value():
    with pytest.raises(ValueError, match="parameter is 'ovne'"):
        from_parameters(Recipe, {"flour": 1, "oven": "coal", "In": ["# Parameters\novne = 'gas'\n"]})


def test_the_class_refuses_its_own_bad_values():
    with pytest.raises(ValueError, match="oven is 'coal'; legal: 'gas', 'wood'"):
        from_parameters(Recipe, {"flour": 1, "oven": "coal"})


NOTEBOOKS = {
    "01_explore_scores": Exploration,
    "02_train_niah": Experiment,
    "03_niah_convergence": ConvergenceStudy,
    "04_fusion_levels": FusionTour,
    "05_state_size": StateSizes,
    "06_context_length": Contexts,
    "07_lambda_atlas": Atlas,
    "08_causes": Causes,
    "09_published_checkpoints": PublishedRun,
}


@pytest.fixture(params=NOTEBOOKS)
def notebook(request, project, tmp_path):
    """The class of a notebook's parameters, and the values of its first cell."""
    cells = json.loads((project / "notebooks" / f"{request.param}.ipynb").read_text())["cells"]
    source = next("".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", []))
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    namespace.pop("__builtins__")
    if "output_dir" in namespace:
        namespace["output_dir"] = str(tmp_path)
    return NOTEBOOKS[request.param], namespace


def typed(kind, value):
    """What papermill injects for `-y 'name: value'` of a value that YAML takes for text."""
    return {bool: str(value).lower(), int: f" {value}", float: f"{value:.9e}"}[kind]


def test_every_number_and_truth_of_every_notebook_may_come_as_text(notebook):
    spec, namespace = notebook
    scalars = {name: value for name, value in namespace.items() if type(value) in (bool, int, float)}
    texts = {name: typed(type(value), value) for name, value in scalars.items()}
    assert from_parameters(spec, namespace | texts) == from_parameters(spec, namespace)


def test_every_list_of_every_notebook_may_come_as_text(notebook):
    spec, namespace = notebook
    lists = {name: value for name, value in namespace.items() if isinstance(value, list)}
    expected = from_parameters(spec, namespace)
    assert from_parameters(spec, namespace | {name: str(value) for name, value in lists.items()}) == expected
    bare = {name: f"[{', '.join(map(str, value))}]" for name, value in lists.items()}
    assert from_parameters(spec, namespace | bare) == expected
    inside = {name: [str(element) for element in value] for name, value in lists.items()}
    assert from_parameters(spec, namespace | inside) == expected


@pytest.mark.parametrize("text", ["", "much", "1,000", "0x10", "3e-3.5", "1e", "--1", "9" * 5000, "nan", "٣"])
def test_text_that_is_no_number_is_said_to_be_text_in_every_notebook(notebook, text):
    spec, namespace = notebook
    for name, value in namespace.items():
        if type(value) in (int, float):
            with pytest.raises(
                ValueError, match=rf"^{name} is '.*; legal: a .*number\. It came as text; .*-p"
            ):
                from_parameters(spec, namespace | {name: text})
        if type(value) is bool:
            with pytest.raises(ValueError, match=rf"^{name} is '.*; legal: True or False\. It came as text"):
                from_parameters(spec, namespace | {name: text})
        if type(value) is list:
            with pytest.raises(
                ValueError, match=rf"^{name} is '.*; legal: a list of .* It came as text; .*\["
            ):
                from_parameters(spec, namespace | {name: text})


@pytest.mark.parametrize("value", [2026, 1.5, True, [], {}])
def test_a_text_that_papermill_took_for_something_else_is_said_so_in_every_notebook(notebook, value):
    spec, namespace = notebook
    for name in [name for name, given in namespace.items() if isinstance(given, str)]:
        with pytest.raises(
            ValueError,
            match=rf"^{name} is {re.escape(str(value))}; legal: text\. It came as .*-r {name} TEXT",
        ):
            from_parameters(spec, namespace | {name: value})


def test_a_number_with_an_exponent_is_no_whole_number_but_the_whole_number_is_named():
    assert from_parameters(Experiment, vars(Experiment()) | {"lr": "3e-3"}).lr == 3e-3
    with pytest.raises(
        ValueError, match=r"steps is '1e3'; legal: a whole number\. It came .* -p steps 1000 or"
    ):
        from_parameters(Experiment, vars(Experiment()) | {"steps": "1e3"})


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "yes", "on"])
def test_what_yaml_calls_true_is_true(text):
    assert from_parameters(Experiment, vars(Experiment()) | {"smoke": text}).smoke is True


@pytest.mark.parametrize("text", ["false", "False", "no", "off"])
def test_what_yaml_calls_false_is_false(text):
    assert from_parameters(Experiment, vars(Experiment()) | {"smoke": text}).smoke is False
