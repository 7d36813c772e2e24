"""The published tables: readable, complete, and safe from edits by a caller."""

from importlib.resources import files

import numpy as np
import pytest

from data import published

TABLES = ("curves", "final", "length", "later", "length_later", "throughput", "configs")


@pytest.mark.parametrize("name", TABLES)
def test_every_csv_has_a_loader_and_a_line_in_the_readme(name):
    table = getattr(published, name)()
    assert len(table) > 3
    assert {"scale", "model"} <= set(table.columns)
    readme = files("data.published").joinpath("README.md").read_text(encoding="utf-8")
    assert f"`{name}.csv`" in readme
    assert "2606.02332" in readme
    for column in set(table.columns) - {"scale", "model", "niah_pct", "lambada_pct"}:
        assert f"`{column}`" in readme, column


def test_no_other_csv():
    shipped = {path.name for path in files("data.published").iterdir() if path.name.endswith(".csv")}
    assert shipped == {f"{name}.csv" for name in TABLES}


def test_known_figures():
    curves = published.curves()
    first = curves[(curves.scale == "152M") & (curves.model == "transformer") & (curves.step == 1000)]
    assert first.niah_pct.tolist() == [61.5]
    configs = published.configs()
    exact = configs[(configs.scale == "152M") & (configs.d_state == 32)]
    assert exact.params.tolist() == [151_878_432]


def test_units_are_per_cent():
    for name in ("curves", "final", "length", "later", "length_later"):
        table = getattr(published, name)()
        values = table[[column for column in table if column.endswith("_pct")]].stack().dropna()
        assert values.between(0, 100).all()


def test_a_caller_cannot_change_the_table():
    table = published.final()
    table["niah_pct"] = -1
    assert np.all(published.final()["niah_pct"] >= 0)
