"""Notebooks are thin, hold no results, and say what each parameter means."""

import ast
import statistics
from pathlib import Path

import nbformat
import pytest
import random_traces

import sisa_viz

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameter_cells(notebook) -> list:
    return [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]


def without_magics(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if not line.lstrip().startswith(("%", "!")))


def test_the_three_notebooks_are_there():
    assert {"01_explore_scores", "02_train_niah", "03_niah_convergence"} <= {path.stem for path in NOTEBOOKS}


def test_no_results_are_stored(notebook):
    cells = code_cells(notebook)
    assert [cell.outputs for cell in cells if cell.outputs] == []
    assert {cell.execution_count for cell in cells} <= {None}
    assert "widgets" not in notebook.metadata


def test_cells_are_thin(notebook):
    lines = [sum(bool(line.strip()) for line in cell.source.split("\n")) for cell in code_cells(notebook)]
    assert statistics.median(lines) <= 5


def test_no_function_or_class_is_defined(notebook):
    for cell in code_cells(notebook):
        nodes = ast.walk(ast.parse(without_magics(cell.source)))
        assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in nodes), cell.source


def test_parameters_are_literals_with_a_comment_each(notebook):
    (cell,) = parameter_cells(notebook)
    lines = cell.source.split("\n")
    names = set()
    for statement in ast.parse(cell.source).body:
        assert isinstance(statement, ast.Assign | ast.AnnAssign), ast.unparse(statement)
        name = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        names.add(ast.unparse(name))
        assert statement.value is not None
        ast.literal_eval(statement.value)
        assert "#" in lines[statement.lineno - 1], f"no comment: {ast.unparse(statement)}"
    assert "smoke" in names


@pytest.mark.parametrize(("d_state", "figures"), [(4, 2), (0, 0)])
def test_the_first_notebook_draws_lambda_and_decay_where_there_are_any(d_state, figures):
    shown: list = []
    names = {"sisa_viz": sisa_viz, "trace": random_traces.make(d_state=d_state), "display": shown.append}
    for cell in code_cells(nbformat.read(FOLDER / "01_explore_scores.ipynb", as_version=4)):
        if "plot_lambda" in cell.source or "plot_decay" in cell.source:
            exec(cell.source, names)
    assert len(shown) == figures
