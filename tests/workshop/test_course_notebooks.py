"""The form of the course: every exercise has its parts in order, and no notebook holds a solution."""

import ast
import inspect
import re
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

from model.workshop.checking import PARTS, exercises, solution

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks" / "workshop").glob("*.ipynb"))
TITLE = re.compile(r"^## Exercise (\d)\.(\d) · \S.*$", re.MULTILINE)
GOAL = re.compile(
    r"\*\*Goal\*\* \S.* · \*\*Minutes\*\* (\d+) · \*\*Difficulty\*\* (●○○|●●○|●●●)$", re.MULTILINE
)
SUMMARY = re.compile(r"<details><summary>Hint (\d)</summary>\n\n(.+?)\n</details>", re.DOTALL)
PARTS_OF_AN_EXERCISE = ("**Worked example.**", "**Completion.**", "**Free problem.**", "<details>")


class Exercise(NamedTuple):
    """What a notebook holds from one heading of an exercise to the next."""

    number: tuple[int, int]
    cells: list

    @property
    def words(self) -> str:
        """All its Markdown from its own heading on."""
        text = "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")
        return text[text.index("## Exercise") :]

    @property
    def functions(self) -> list[str]:
        """Names of the functions that a learner writes."""
        return [definition(cell).name for cell in self.cells if is_exercise(cell)]


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def is_exercise(cell) -> bool:
    return "exercise" in tags(cell)


def definition(cell) -> ast.FunctionDef:
    """The one function of an exercise cell, which holds nothing else."""
    (node,) = ast.parse(cell.source).body
    assert isinstance(node, ast.FunctionDef), cell.source
    return node


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def sections(notebook) -> list[Exercise]:
    """The exercises of a notebook; a cell whose heading comes after other words ends the one before."""
    found: list[Exercise] = []
    for cell in notebook.cells:
        heading = TITLE.search(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            found.append(Exercise((int(heading[1]), int(heading[2])), []))
        if found:
            found[-1].cells.append(cell)
    return found


def body_lines(function) -> list[str]:
    """The lines of a function below its docstring, as Python writes them."""
    node = ast.parse(inspect.getsource(function)).body[0]
    assert isinstance(node, ast.FunctionDef)
    return [line for statement in node.body[1:] for line in ast.unparse(statement).split("\n")]


def written_lines(notebook) -> set[str]:
    """Every line of code of a notebook, as Python writes it."""
    return {
        line.strip()
        for cell in code_cells(notebook)
        for line in ast.unparse(ast.parse(cell.source)).split("\n")
    }


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem, scope="module")
def part(request):
    """Number, name and notebook of a part."""
    number, _, name = request.param.stem.partition("_")
    return int(number), name, nbformat.read(request.param, as_version=4)


def test_every_notebook_is_the_part_of_its_number(part):
    assert PARTS[part[0] - 1] == part[1]


def test_every_part_that_has_exercises_has_a_notebook():
    written = {path.stem.partition("_")[2] for path in NOTEBOOKS}
    assert written == {name for name in PARTS if exercises(name)}


def test_nothing_is_stored_but_words_and_code(part):
    cells = code_cells(part[2])
    assert [cell.outputs for cell in cells if cell.outputs] == []
    assert {cell.execution_count for cell in cells} <= {None}
    assert [cell.id for cell in part[2].cells] == [f"cell-{at:02d}" for at in range(len(part[2].cells))]
    assert set(part[2].metadata) == {"kernelspec", "language_info"}


def test_the_first_code_cell_holds_parameters_and_solutions_are_off(part):
    first, *others = code_cells(part[2])
    assert tags(first) == ["parameters"]
    assert not any("parameters" in tags(cell) for cell in others)
    values = {}
    for line, statement in zip(first.source.split("\n"), ast.parse(first.source).body, strict=True):
        assert isinstance(statement, ast.Assign), line
        assert "#" in line, f"no comment: {line}"
        values[ast.unparse(statement.targets[0])] = ast.literal_eval(statement.value)
    assert values["solutions"] is False
    assert set(values) <= {"solutions", "smoke"}


def test_exercises_are_numbered_and_are_those_that_are_checked(part):
    number, name, notebook = part
    found = sections(notebook)
    assert [exercise.number for exercise in found] == [(number, at + 1) for at in range(len(found))]
    assert [name for exercise in found for name in exercise.functions] == list(exercises(name))


def test_an_exercise_has_a_goal_minutes_and_a_difficulty(part):
    minutes = 0
    for exercise in sections(part[2]):
        goal = GOAL.search(exercise.words)
        assert goal, exercise.number
        minutes += int(goal[1])
    assert 15 <= minutes <= 30


def test_an_exercise_goes_from_an_example_over_a_completion_to_a_free_problem_and_hints(part):
    for exercise in sections(part[2]):
        places = [exercise.words.find(words) for words in PARTS_OF_AN_EXERCISE]
        assert -1 not in places, exercise.number
        assert places == sorted(places), exercise.number
        assert len(exercise.functions) == 2, exercise.number
        first = next(at for at, cell in enumerate(exercise.cells) if is_exercise(cell))
        assert any(cell.cell_type == "code" for cell in exercise.cells[:first]), "no example that runs"


def test_three_hints_stand_in_one_cell_that_says_where_solutions_are(part):
    for exercise in sections(part[2]):
        (cell,) = [cell for cell in exercise.cells if "<details>" in cell.source]
        assert [number for number, _ in SUMMARY.findall(cell.source)] == ["1", "2", "3"], exercise.number
        assert cell.source.count("<details>") == cell.source.count("</details>") == 3
        assert "solutions' notebook of the same name" in cell.source
        last = max(at for at, other in enumerate(exercise.cells) if is_exercise(other))
        assert exercise.cells.index(cell) > last


def test_an_exercise_cell_is_one_open_function_with_the_arguments_of_its_solution(part):
    for cell in filter(is_exercise, part[2].cells):
        node = definition(cell)
        opened = [ast.unparse(line.exc) for line in node.body if isinstance(line, ast.Raise) and line.exc]
        assert opened == ["NotImplementedError"], node.name
        wanted = list(inspect.signature(solution(part[1], node.name)).parameters)
        assert [argument.arg for argument in node.args.args] == wanted
        assert ast.get_docstring(node)


def test_the_cell_after_an_exercise_checks_it(part):
    cells = code_cells(part[2])
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        if is_exercise(cell):
            name = definition(cell).name
            assert following is not None
            assert following.source == f"{name} = check({name})"


def test_no_solution_is_given(part):
    """A completion shows some lines of its solution, an example may show a first step; neither shows all."""
    written = written_lines(part[2])
    for exercise in sections(part[2]):
        for name in exercise.functions:
            assert not set(body_lines(solution(part[1], name))) <= written, f"{name} is complete"
        *_, last = body_lines(solution(part[1], exercise.functions[1]))
        assert last not in written, f"{exercise.functions[1]} is given"


def test_cells_are_thin(part):
    for cell in code_cells(part[2]):
        lines = [line for line in cell.source.split("\n") if line.strip()]
        assert len(lines) <= (14 if is_exercise(cell) or "import" in cell.source else 8), cell.source
