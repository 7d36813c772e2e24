"""What notebooks 01 and 08 measure: controls on the right episodes, and what the shipped model needs."""

import pandas as pd
import pytest

from data import NIAHTask
from model import SISAConfig, SISAModel
from model.analysis.interventions.effects import effects
from model.analysis.interventions.intervention import How, Intervention
from model.analysis.interventions.summary import summarise_effects
from model.analysis.knockouts import knockouts
from model.study.findings.causes import NEEDED, POSITION, causes_conclusion, term_verdicts
from model.study.notebooks import causes
from model.study.notebooks.exploration import Exploration

KEYS = ["layer", "head", "term", "how"]


@pytest.fixture
def model():
    return SISAModel(SISAConfig.preset("tiny", d_vocab=16)).double()


@pytest.fixture
def episodes():
    return NIAHTask(lengths=(16,), depths=(0.0, 1.0), n_symbols=16).build(0, n_episodes=8)


def test_the_mean_of_what_is_needed_is_measured_on_every_episode(model, episodes, monkeypatch):
    needed = pd.DataFrame({"layer": [0, 1], "head": [3, 1], "term": ["importance", "content"]})
    monkeypatch.setattr(causes, "needed_terms", lambda table: needed)
    found = causes.all_knockouts(model, episodes, n_control=3).set_index(KEYS).sort_index()
    whole = knockouts(model, episodes, n_control=8).set_index(KEYS)
    few = knockouts(model, episodes, n_control=3).set_index(KEYS)
    expected = few.copy()
    for row in needed.itertuples(index=False, name=None):
        expected.loc[(*row, "mean")] = whole.loc[(*row, "mean")]
    pd.testing.assert_frame_equal(found, expected.sort_index(), check_dtype=False, atol=1e-9)
    assert found["n"].tolist().count(8) == 16 + 2  # 16 knock-outs, and the mean of two of them


def test_by_depth_and_length_every_cell_is_its_own_episodes(model):
    episodes = NIAHTask(lengths=(12, 16), depths=(0.0, 1.0), n_symbols=16).build(0, n_episodes=12)
    needed = pd.DataFrame({"layer": [0], "head": [3], "term": ["importance"]})
    table = causes.knockouts_by_depth(model, episodes, needed)
    cells = [(12, 0.0), (12, 1.0), (16, 0.0), (16, 1.0)]
    assert list(zip(table["context_length"], table["depth"], strict=True)) == cells
    each = effects(model, episodes, {"it": Intervention("importance", layers=[0], heads=[3])})
    for at, (length, depth) in enumerate(cells):
        own = (episodes.knobs["context_length"] == length) & (episodes.knobs["requested_depth"] == depth)
        lost = each.loc[own.to_numpy(), "log_p_lost"].mean()
        assert table["log_p_lost"].iloc[at] == pytest.approx(lost, abs=1e-9)
    assert causes.knockouts_by_depth(model, episodes, needed.iloc[:0]).empty


def test_the_shipped_model_needs_the_importance_of_l0h3_and_of_it_positions_alone():
    told = Exploration(n_episodes=10)
    model = told.model()
    hows: tuple[How, ...] = ("zero", "mean")
    changes = {how: Intervention("importance", how, layers=[0], heads=[3]) for how in hows}
    table = summarise_effects(effects(model, told.episodes(model), changes))
    table = table.assign(layer=0, head=3, term="importance", how=table["name"])
    verdict = term_verdicts(table).iloc[0]
    assert (verdict["verdict"], verdict["decided_by"]) == (NEEDED, POSITION)
    assert causes_conclusion(table)[1].startswith("By position, not by tokens: the importance of L0H3 0.00")
