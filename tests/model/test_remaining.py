"""What remains without a half: the sentence is drawn from the table, and says no more than it."""

from pathlib import Path

import pandas as pd
import pytest

from data import measured
from model.study.findings.remaining import SCORE_LEVEL, remaining, remaining_sentence
from model.study.readme import _wrapped

README = Path(__file__).parents[2] / "README.md"


def made_up(mean_lost=(0.0, 0.01, -0.01), importance_rates=(0.0, 0.0, 0.0)):
    """Three seeds of each level, of which half of 200 episodes are right as a whole."""
    rows = []
    halves = {"jamba": ("attention", "state space"), "hymba": ("attention", "state space")}
    halves[SCORE_LEVEL] = ("content", "importance")
    for variant, removed in halves.items():
        for half in removed:
            for seed in range(3):
                rate = importance_rates[seed] if half == "importance" else 0.0
                rows.append((variant, seed, half, "zero", 9.0, 0.5 - rate, rate))
    rows += [
        (SCORE_LEVEL, seed, "importance", "mean", 0.0, lost, 0.5 - lost)
        for seed, lost in enumerate(mean_lost)
    ]
    columns = ["variant", "seed", "removed", "how", "log_p_lost", "exact_lost", "rate"]
    return pd.DataFrame(rows, columns=columns).assign(n=200, loss_rise=1.0)


def test_every_number_of_the_sentence_is_of_the_table():
    told = remaining_sentence(made_up())
    assert told.startswith("Taken apart at 12M parameters on 3 seeds each: Jamba (block level) finds 50 % of")
    assert (
        "SISA (score level) finds 50 % of needles whole, 0 % without content and 0 % without importance"
        in told
    )
    assert told.endswith("SISA answers as many needles as far as the interval tells (+0 points, −2 to +2).")


@pytest.mark.parametrize(
    ("lost", "words"),
    [((0.2, 0.21, 0.22), "fewer needles (−21 points"), ((-0.2, -0.21, -0.22), "more needles (+21 points")],
)
def test_a_clear_change_is_told_as_one(lost, words):
    assert words in remaining_sentence(made_up(mean_lost=lost))


def test_what_is_left_is_told_with_how_much_it_may_be():
    assert "20 % without importance (at most" in remaining_sentence(made_up(importance_rates=(0.1, 0.2, 0.3)))


def test_the_table_holds_three_seeds_of_every_level_with_controls():
    table = remaining(measured.levels()).set_index(["variant", "removed", "how"])
    for variant in ("jamba", "hymba", SCORE_LEVEL, "transformer"):
        own = table.loc[variant]
        assert (own["seeds"] == 3).all()
        assert {"zero", "mean", "random"} <= set(own.index.get_level_values("how"))
        assert own[["low", "high"]].notna().all().all()
    assert not measured.levels().duplicated(["run", "removed", "how"]).any()
    assert not measured.knockouts().duplicated(["run", "layer", "head", "term", "how"]).any()


def test_the_readme_says_it():
    assert _wrapped(remaining_sentence(measured.levels())) in README.read_text()
