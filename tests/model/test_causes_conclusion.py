"""Sentences on causes are those of their tables: hand-made ones, and those of the shipped model."""

import numpy as np
import pandas as pd
import pytest

from data.results.verdicts import UNDECIDED
from model.study.findings import causes
from model.study.findings.causes import IDLE, MATTERS, NEEDED, NOT_NEEDED, POSITION, TOKENS

INTERVALS = {  # of each head: what is lost without its importance, and under each control
    0: {"zero": (6.0, 4.0, 8.0), "mean": (0.0, -0.1, 0.1), "random": (8.9, 5, 12), "shuffle": (1.8, 1, 3)},
    1: {"zero": (3.0, 2.0, 4.0), "mean": (4.5, 2.0, 7.0), "random": (3.0, 2, 4), "shuffle": (0.1, 0, 0.2)},
    2: {"zero": (0.0, -0.1, 0.1), "mean": (0.0, 0.0, 0.1), "random": (3.8, 2, 5), "shuffle": (5, 2, 8)},
    3: {"zero": (2.0, -1.0, 5.0), "mean": (0.0, 0.0, 0.1), "random": (3.8, 2, 5), "shuffle": (5, 2, 8)},
    4: {"zero": (1.0, 0.6, 1.4), "mean": (0.4, 0.2, 0.6)},
}


@pytest.fixture
def table():
    """A head that needs positions, one that needs tokens, one that minds noise alone, and two open ones."""
    rows = [
        (0, head, "importance", how, *numbers, 20)
        for head, hows in INTERVALS.items()
        for how, numbers in hows.items()
    ]
    return pd.DataFrame(rows, columns=["layer", "head", "term", "how", "log_p_lost", "low", "high", "n"])


def test_verdicts_are_read_off_the_intervals_alone(table):
    found = causes.term_verdicts(table).set_index("head")
    assert found["verdict"].to_dict() == {0: NEEDED, 1: NEEDED, 3: UNDECIDED, 4: NEEDED, 2: NOT_NEEDED}
    assert found["decided_by"].loc[[0, 1, 4]].tolist() == [POSITION, TOKENS, UNDECIDED]
    assert found["which_key"].loc[[0, 1, 4]].tolist() == [MATTERS, IDLE, UNDECIDED]
    assert found["noise"].loc[[0, 4]].tolist() == [MATTERS, UNDECIDED]  # not measured is undecided
    assert found.index.tolist() == [0, 1, 3, 4, 2]  # the largest loss first


def test_another_floor_gives_other_verdicts(table):
    found = causes.term_verdicts(table, floor=3.0).set_index("head")["verdict"].to_dict()
    assert found == {0: NEEDED, 1: UNDECIDED, 3: UNDECIDED, 4: NOT_NEEDED, 2: NOT_NEEDED}


def test_the_sentences_name_every_head_under_its_verdict(table):
    who, position, tokens, undecided, keys, noise = causes.causes_conclusion(table)
    assert who == (
        "Of 5 heads, 3 need their importance: without it log p(answer) falls by more than 0.5 nats (95 % "
        "interval, 20 episodes): L0H0 6.00 (4.00 to 8.00), L0H1 3.00 (2.00 to 4.00), L0H4 1.00 (0.60 to 1.40)"
        "; 1 is undecided and 1 is not needed."
    )
    assert position == (
        "By position, not by tokens: the importance of L0H0 0.00 (−0.10 to 0.10) nats lost with its mean at "
        "each distance in its place."
    )
    assert tokens.startswith("By the tokens: the importance of L0H1 4.50 (2.00 to 7.00) nats lost")
    assert undecided.startswith("Undecided whether by position or by tokens: the importance of L0H4 0.40")
    assert [name for name in ("L0H0", "L0H1", "L0H2", "L0H3", "L0H4") if name in keys] == ["L0H0"]
    assert "harmful" in noise
    assert [name for name in ("L0H0", "L0H1", "L0H2", "L0H3", "L0H4") if name in noise] == ["L0H2"]


def test_no_interval_means_no_verdict(table):
    few = table.assign(low=np.nan, high=np.nan)
    assert set(causes.term_verdicts(few)["verdict"]) == {UNDECIDED}
    (said,) = causes.causes_conclusion(few)
    assert said == "Of 5 heads, none is shown to need its importance for the answer; 5 are undecided."


def test_a_table_with_a_row_twice_is_refused(table):
    with pytest.raises(ValueError, match="rows repeat a layer, head, term and how"):
        causes.term_verdicts(pd.concat([table, table]))


def test_depths_and_lengths_are_counted_by_their_intervals(table):
    cells = [(length, depth) for length in (96, 192) for depth in (0.0, 1.0)]
    lows = {"importance of L0H0": (1, 2, 3, 4), "importance of L0H1": (1, 0.2, -3, -3)}
    rows = [
        (name, *cell, low + 1, low, low + 2)
        for name, each in lows.items()
        for cell, low in zip(cells, each, strict=True)
    ]
    columns = ["name", "context_length", "depth", "log_p_lost", "low", "high"]
    reach = pd.DataFrame(rows, columns=columns)
    every, some = causes.causes_conclusion(table, reach=reach)[-2:]
    assert every == (
        "Loss of more than 0.5 nats at depths 0 to 1 and lengths 96 and 192: in every cell without "
        "importance of L0H0."
    )
    assert some.endswith("without importance of L0H1 (1 of 4 above, 2 below, the rest undecided).")
    laid_out = causes.reach_table(reach)
    assert laid_out.loc[("importance of L0H1", 96), "depth 1"] == "1.20 (0.20 to 2.20)"
    assert len(causes.causes_conclusion(table, reach=reach.iloc[:0])) == 6


def test_a_patch_counts_only_above_its_control(table):
    shares = {0: ((0.9, 0.8, 1.0), (0.5, 0.4, 0.6)), 1: ((0.9, 0.5, 1.3), (0.5, 0.4, 0.6))}
    shares[2] = ((0.02, 0.01, 0.03), (0.0, 0.0, 0.0))
    rows = [
        (0, head, control, *numbers, 6)
        for head, both in shares.items()
        for control, numbers in zip((False, True), both, strict=True)
    ]
    patches = pd.DataFrame(rows, columns=["layer", "head", "control", "share", "low", "high", "n"])
    said = causes.causes_conclusion(table, patches=patches)[-1]
    assert [name for name in ("L0H0", "L0H1", "L0H2") if name in said] == ["L0H0"]
    assert "0.90 (0.80 to 1.00)" in said
    none = causes.causes_conclusion(table, patches=patches.loc[patches["head"] > 0])[-1]
    assert none == "No head alone is shown to bring the first digit back, over 6 pairs of texts."
