"""What a run loses is written beside it, once, and collected into the measured tables."""

import json
from typing import Any

import pandas as pd
import pytest

from data import topics_corpus, train_tokenizer
from model import SISAConfig, SISAModel, load, save
from model.study.causes import CAUSES_FILES, measure_causes
from model.training.run import Run


@pytest.fixture(scope="module")
def corpus():
    return topics_corpus(load("niah").tokenizer)


def run_of(folder, corpus, **changes):
    """A folder that holds a model with fresh weights, as a finished run does."""
    config = SISAConfig.preset("tiny", d_vocab=corpus.tokenizer.get_vocab_size(), **changes)
    folder.mkdir()
    save(SISAModel(config, tokenizer=corpus.tokenizer), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model": config.to_dict(), "training": {}}))
    return Run(folder)


def test_three_tables_are_written_once_and_again_for_newer_weights(tmp_path, corpus):
    run = run_of(tmp_path / "run", corpus)
    assert measure_causes(run, corpus, n_episodes=1) == list(CAUSES_FILES)
    tables: dict[str, Any] = {name: pd.read_csv(run.folder / name) for name in CAUSES_FILES}
    assert tables["levels.csv"]["removed"].unique().tolist() == ["content", "importance", "heads"]
    assert len(tables["knockouts.csv"]) == 2 * 4 * 2 * 4  # layers, heads, terms, hows
    assert (tables["knockouts.csv"]["n"] == 5).all()
    assert len(tables["atlas.csv"]) == 8
    assert measure_causes(run, corpus, n_episodes=1) == []
    (run.folder / "atlas.csv").unlink()
    assert measure_causes(run, corpus, n_episodes=1) == ["atlas.csv"]


def test_what_has_no_λ_has_no_atlas_and_what_has_no_scores_nothing(tmp_path, corpus):
    assert measure_causes(run_of(tmp_path / "fox", corpus, architecture="fox"), corpus, n_episodes=1) == [
        "levels.csv",
        "knockouts.csv",
    ]
    assert measure_causes(run_of(tmp_path / "mamba", corpus, architecture="mamba2"), corpus) == []


def test_another_tokenizer_is_refused(tmp_path, corpus):
    other = topics_corpus(train_tokenizer(["a b c"], d_vocab=258))
    with pytest.raises(ValueError, match="a corpus of the tokenizer inside the model"):
        measure_causes(run_of(tmp_path / "run", corpus), other)
