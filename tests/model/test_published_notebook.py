"""Notebook 09's functions: what a checkpoint stores a head, the stand-in, and sentences drawn from tables."""

from typing import Any

import pandas as pd
import pytest
import torch
from released_files import released

from data import train_tokenizer
from model import SISAConfig, SISAModel
from model.study.notebooks import published as module
from model.study.notebooks.published import (
    NO_CONCLUSION,
    Found,
    PublishedRun,
    by_layer,
    conclusion,
    first_trace,
    labelled,
    stand_in,
    stored_heads,
)
from model.weights import published as weights
from model.weights.published import Published
from sisa_viz import plot_decay

NAME = "50M/sisa_ds16"


def moved(**to):
    """A tiny model, some of whose λ_raw and decay biases are elsewhere than where training begins."""
    model = SISAModel(SISAConfig.preset("tiny"))
    with torch.no_grad():
        for name, (head, value) in to.items():
            dict(model.named_parameters())[f"blocks.1.attn.{name.replace('__', '.')}"][head] = value
    return model


def subtitle(figure) -> str:
    return figure.layout.title.subtitle.text


@pytest.fixture(scope="module")
def random():
    return Found(stand_in(), random=True, said="")


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A small run under a published name, with its tokenizer, in a folder."""
    tokenizer = train_tokenizer(["The secret code is ALPHA."], d_vocab=280)
    sizes: dict[str, Any] = dict(d_model=16, n_layers=2, n_heads=2, d_vocab=tokenizer.get_vocab_size())
    monkeypatch.setattr(weights, "PUBLISHED", {NAME: Published("50M", 16, **sizes)})
    model = SISAModel(SISAConfig(**sizes, d_mlp=24, n_ctx=512, d_state=16))
    (tmp_path / NAME).mkdir(parents=True)
    torch.save({"model": released(model), "config": {"seq_len": 512}}, tmp_path / NAME / "final.pt")
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_str())
    return PublishedRun(checkpoint=NAME, folder=str(tmp_path), smoke=True)


def test_stored_numbers_are_those_of_the_parameters():
    table = stored_heads(moved(lam_raw=(2, 0.5), to_decay__bias=(3, 0.0))).set_index("name")
    assert table.loc["L1H2", "lam_raw"] == 0.5
    assert table.loc["L1H2", "lam"] == pytest.approx(0.974077)
    assert table.loc["L1H2", "lam_moved"] == pytest.approx(0.974077 - 0.313262, abs=1e-6)
    assert table.loc["L1H3", "bias_half_life"] == pytest.approx(1.0)  # softplus(0) = ln 2
    assert (table["lam_moved"].to_numpy() != 0).sum() == 1


def test_layers_count_the_heads_that_are_not_exactly_where_training_began():
    nearly = torch.nextafter(torch.tensor(-1.0), torch.tensor(0.0)).item()
    table = by_layer(stored_heads(moved(lam_raw=(1, nearly), to_decay__bias=(0, -4.0))))
    assert table["λ moved in"].tolist() == [0, 1]
    assert table["b_α moved in"].tolist() == [0, 1]
    assert table["furthest"].tolist() == ["none", "L1H1"]


def test_sentences_say_what_moved_and_what_did_not():
    model = moved(lam_raw=(1, 0.5))
    lam, decay, needles = conclusion(Found(model, random=False, said=""), stored_heads(model))
    assert lam == "λ moved in 1 of 8 heads: there it is from 0.9741 (L1H1) to 0.9741 (L1H1)."
    assert decay == "The decay bias never moved: all 8 heads hold b_α = -5 exactly."
    assert "there is no tokenizer here" in needles


def test_needles_are_told_with_their_interval():
    model = moved()
    row = {"successes": 3, "n": 4, "low": 0.3, "high": 0.95, "published": "100 %"}
    said = conclusion(Found(model, random=False, said=""), stored_heads(model), pd.DataFrame([row]))
    assert said[-1] == (
        "By the paper's own needle test 3 of 4 first answer tokens are right (30% to 95%); published: 100 %."
    )


def test_nothing_is_concluded_from_the_random_stand_in(random):
    run = PublishedRun(smoke=True)
    episodes = run.episodes(random.model)
    assert episodes is not None
    needles = run.needles(random, episodes)
    assert needles["published"].tolist() == ["not compared: random stand-in"]
    assert conclusion(random, stored_heads(random.model), needles) == [NO_CONCLUSION]
    trace, query = first_trace(random.model, episodes)
    assert query == trace.sizes["position"] - 2
    assert subtitle(labelled(plot_decay(trace), random)).startswith("random stand-in · ")


def test_the_stand_in_went_through_sixteen_bits_and_is_the_same_each_time(random):
    again = dict(stand_in().named_parameters())
    for name, p in random.model.named_parameters():
        assert torch.equal(p, p.bfloat16().float()), name
        assert torch.equal(p, again[name]), name
    assert random.model.config.anchor == "minimax"


def test_a_checkpoint_that_is_here_is_looked_at_itself(here):
    found = here.find()
    assert (found.random, found.said) == (False, f"{NAME}, as the authors published it.")
    episodes = here.episodes(found.model)
    assert episodes is not None
    needles = here.needles(found, episodes)
    assert (needles["n"].tolist(), needles["published"].tolist()) == ([2], ["100 %"])
    lam, *_, test = conclusion(found, stored_heads(found.model), needles)
    assert lam == "λ never moved: all 4 heads hold λ_raw = -1 exactly, where training began (λ = 0.3133)."
    assert "2 first answer tokens" in test
    figure = plot_decay(first_trace(found.model, episodes)[0])
    before = subtitle(figure)
    assert subtitle(labelled(figure, found)) == before


def test_without_it_the_words_name_the_file_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "stand_in", lambda: None)
    found = PublishedRun(folder=str(tmp_path)).find()
    assert found.random
    assert f"put it at {tmp_path}/152M/sisa_ds16/final.pt" in found.said
    assert "random model" in found.said
    assert list(tmp_path.iterdir()) == []


def test_without_a_tokenizer_no_episode_is_written():
    assert PublishedRun().episodes(SISAModel(SISAConfig.preset("tiny"))) is None


@pytest.mark.parametrize(
    ("name", "value", "legal"),
    [
        ("checkpoint", "niah", "'369M/sisa_ds16', "),
        ("download", "no", "True, False"),
        ("n_episodes", 0, "whole numbers >= 1"),
        ("seed", -1, "whole numbers >= 0"),
        ("smoke", 2, "True, False"),
        ("folder", "a\0b", "the path of a folder"),
    ],
)
def test_wrong_parameters_are_refused_by_name(name, value, legal):
    with pytest.raises(ValueError, match=f"^{name} is .*; legal: {legal}"):
        PublishedRun(**{name: value})
