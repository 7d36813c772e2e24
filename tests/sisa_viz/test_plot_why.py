"""plot_why: one head's score by who wrote it, and its importance factor by factor."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sisa_viz import plot_why
from sisa_viz.examples import example_attribution
from sisa_viz.look.colours import INK
from sisa_viz.plots.why import FACTORS, NEGATIVE, PAIRS, POSITIVE, WRITERS, prepare_why


@pytest.fixture
def table() -> Any:
    return example_attribution()


def plain(table) -> Any:
    """The same head without importance, as of a transformer."""
    return table[table["term"] == "content"]


def with_bias(table) -> Any:
    """The same content beside a decay bias, as of FoX."""
    row = {"term": "decay bias", "query_part": "decay bias", "key_part": "decay bias", "nats": -0.75}
    own = plain(table)
    return pd.concat([own, own.head(1).assign(**row)], ignore_index=True)


def rows_of(data):
    return data.rows[["label", "nats"]].to_numpy().tolist()


def test_a_term_stands_above_the_pairs_that_make_it_the_largest_first(table):
    data = prepare_why(table)
    assert rows_of(data) == [
        ["score", 2.5],
        ["content", 2.0],
        ["L0 MLP → embed", 1.5],
        ["L0 MLP → L0 MLP", 0.5],
        ["embed → embed", 0.25],
        ["embed → L0 MLP", -0.25],
        ["importance", 0.5],
        ["embed → embed", 0.25],
        ["embed → L0 MLP", 0.125],
        ["L0 MLP → embed", 0.125],
        ["1 other", 0.0],
    ]
    assert (data.head, data.query, data.key) == ("L1H0", (2, " is"), (0, "The"))


def test_small_pairs_are_summed(table):
    assert rows_of(prepare_why(table, most=2))[1:5] == [
        ["content", 2.0],
        ["L0 MLP → embed", 1.5],
        ["L0 MLP → L0 MLP", 0.5],
        ["2 others", 0.0],
    ]
    assert rows_of(prepare_why(table, most=2))[5:] == [["importance", 0.5]]  # none of its pairs is named


@settings(max_examples=25)
@given(st.integers(0, 10), st.integers(1, 12), st.integers(0, 1000))
def test_what_stands_below_a_term_adds_up_to_it(most, parts, seed):
    numbers = np.random.default_rng(seed).standard_cauchy(parts * parts)
    names = [(f"q{i}", f"k{j}") for i in range(parts) for j in range(parts)]
    own = pd.DataFrame(names, columns=["query_part", "key_part"]).assign(nats=numbers)
    first = plain(example_attribution()).head(1).drop(columns=list(own.columns))
    data = prepare_why(own.merge(first, how="cross"), most=most)
    below = data.rows.loc[data.rows["kind"] != "sum", "nats"].to_numpy()
    assert len(below) <= most + 1
    if len(below):
        assert below.sum() == pytest.approx(numbers.sum())
    assert data.rows["nats"].iloc[0] == pytest.approx(numbers.sum())


def test_factors_and_channel_pairs(table):
    data = prepare_why(table)
    assert data.factors["label"].tolist() == ["C·B", "rotation", "decay × 0.5", "λ × 0.5"]
    assert data.factors["nats"].tolist() == [5.0, 2.0, 1.0, 0.5]
    assert data.pairs["product"].tolist() == [4.0, 1.0]
    assert data.pairs["turned"].tolist() == [1.0, 1.0]


def test_a_factor_that_leaves_nothing_divides_nothing(table):
    empty = table.assign(nats=table["nats"].where(table["split"] == "writers", 0.0))
    assert prepare_why(empty).factors["label"].tolist() == ["C·B", "rotation", "decay", "λ"]
    plot_why(empty)


def test_three_panels_where_there_is_importance_and_one_where_not(table):
    titles = [note.text for note in plot_why(table).layout.annotations]
    assert titles == [WRITERS, FACTORS, PAIRS]
    for other in (plain(table), with_bias(table)):
        assert [note.text for note in plot_why(other).layout.annotations] == [WRITERS]
    assert rows_of(prepare_why(with_bias(table)))[-1] == ["decay bias", -0.75]


def test_bars_are_grey_for_sums_and_coloured_by_sign(table):
    figure = plot_why(table)
    bars = {
        line.line.color: [x for x in line.x if x == x and x != 0]
        for line in figure.data
        if line.mode == "lines" and line.xaxis == "x"
    }
    assert bars[INK] == [2.5, 2.0, 0.5]
    assert bars[NEGATIVE] == [-0.25]
    assert bars[POSITIVE] == [1.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    texts = next(line for line in figure.data if line.mode == "text")
    assert texts.text[:3] == (" 2.5 ", " 2 ", " 1.5 ")
    assert figure.layout.xaxis.range[1] > 2.5  # room for the number
    assert figure.layout.yaxis.ticktext[2] == "L0 MLP → embed"
    assert figure.layout.title.text == "Why L1H0 looks from 2 ·is to 0 The"
    assert "score 2.5 nats, attention 0.8" in figure.layout.title.subtitle.text


def test_hostile_tokens_and_writers_are_escaped(table, hostile):
    for token in hostile:
        tokens = pd.Series([token] * len(table), dtype=object)  # pandas' own strings hold no half surrogate
        wrong = table.assign(query_token=tokens, key_token=tokens, query_part="<b>mine</b>")
        page = str(plot_why(wrong).to_json())
        assert "<script" not in page
        assert "<img" not in page
        assert "<b>mine" not in page


def test_one_head_of_many_is_chosen(table):
    both = pd.concat([table, table.assign(layer=0, nats=0.0)], ignore_index=True)
    assert prepare_why(both, layer=1).head == "L1H0"
    assert not prepare_why(both, layer=0, head=0).rows["nats"].to_numpy().any()
    figure = plot_why(both, layer=0)
    assert figure.layout.title.text.startswith("Why L0H0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "layer=None, head=None is 2 heads of the table; legal: one of L1H0, L0H0, of one query and key"),
        ({"layer": 3}, "layer=3, head=None is 0 heads of the table; legal: one of L1H0, L0H0"),
    ],
)
def test_a_head_that_is_not_one_is_named(table, options, message):
    both = pd.concat([table, table.assign(layer=0)], ignore_index=True)
    with pytest.raises(ValueError, match=message):
        plot_why(both, **options)


def test_a_table_without_the_columns_is_named(table):
    with pytest.raises(ValueError, match=r"the table of attribution lacks columns \['nats'\]"):
        plot_why(table.drop(columns="nats"))
