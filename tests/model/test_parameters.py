"""Parameters of a notebook: checked before anything runs, papermill's misspellings included."""

from dataclasses import dataclass

import pytest

from data.refusal import one_of
from model.study.notebooks.parameters import from_parameters


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
