"""The checkpoint that comes with the package: small, and as good as its card says."""

import hashlib
import json
from contextlib import nullcontext
from dataclasses import replace

import pandas as pd
import pytest
import torch

from data import NIAHTask, topics_corpus, wilson
from model import SISAConfig, load
from model.analysis.evaluation import evaluate
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import Intervention
from model.weights.checkpoint import PRETRAINED

SEED, N_EPISODES = 8, 24
LENGTHS = (128, 256, 384, 512)


@pytest.fixture(scope="module")
def model():
    return load("niah")


@pytest.fixture(scope="module")
def card():
    return json.loads((PRETRAINED / "niah.json").read_text())


@pytest.fixture(scope="module")
def measured(model):
    """By length in tokens: episodes in natural text that training left out, and their scores."""
    corpus = topics_corpus(model.tokenizer, split="parts")

    def measure(length):
        task = NIAHTask(filler="corpus", corpus=corpus, split="heldout", lengths=(length,), value_length=4)
        episodes = task.build(SEED, n_episodes=N_EPISODES)
        return episodes, evaluate(model, episodes)

    return {length: measure(length) for length in (128, 512)}


def test_the_file_is_at_most_20_megabytes():
    assert (PRETRAINED / "niah.safetensors").stat().st_size <= 20e6


@pytest.mark.parametrize("length", [128, 512])
def test_it_finds_four_digits_in_text_it_has_not_seen(measured, length):
    episodes, scores = measured[length]
    assert (episodes.knobs["context_length"] == length).all()
    assert (episodes.knobs["value"].str.len() == 4).all()
    assert scores["exact_match"].mean() >= 0.95


@pytest.mark.parametrize("lesion", [None, "importance"])
def test_greedy_decoding_agrees_with_the_forced_verdict(model, measured, lesion):
    """Right or wrong (without importance, most answers are): the cheap verdict is that of decoding."""
    episodes = measured[128][0]
    few = replace(episodes, tokens=episodes.tokens[:6], labels=episodes.labels[:6], knobs=episodes.knobs[:6])
    start = int(few.knobs["answer_start"].iloc[0])
    assert (few.knobs["answer_start"] == start).all()
    with intervened(model, Intervention(lesion)) if lesion else nullcontext():
        verdicts = evaluate(model, few)["exact_match"] == 1
        said = model.generate(torch.as_tensor(few.tokens[:, :start]), max_new_tokens=4)[:, start:]
    assert (said.numpy() == few.tokens[:, start:]).all(axis=1).tolist() == verdicts.tolist()


def test_the_card_reports_at_least_95_percent_at_every_length(card):
    lines = {line["context_length"]: line for line in card["by_length"]}
    assert tuple(lines) == LENGTHS
    for line in [*lines.values(), card["all"]]:
        assert line["rate"] >= 0.95
        assert line["rate"] == pytest.approx(line["successes"] / line["n"])
        assert (line["low"], line["high"]) == pytest.approx(wilson(line["successes"], line["n"]))
    assert card["all"]["n"] == sum(line["n"] for line in lines.values())


def test_the_card_is_of_this_file(card, model):
    trained = SISAConfig.from_dict(card["config"]["model"])
    assert trained.anchor == "causal"
    assert replace(trained, anchor="exact") == model.config
    assert card["config"]["seed"] == model.seed


def test_the_readable_card_holds_the_same_figures(card):
    text = (PRETRAINED / "README.md").read_text(encoding="utf-8").replace(",", "")
    size = (PRETRAINED / "niah.safetensors").stat().st_size
    training = card["config"]["training"]
    figures = [card["corpus_sha256"], f"{training['steps']} steps", f"{card['all']['n']} test episodes"]
    figures += [
        f"{size / 1e6:.1f} MB",
        f"{card['heldout_loss']:.2f} nats a token",
    ]
    for line in card["by_length"]:
        figures.append(f"| {line['context_length']} | {line['successes']} of {line['n']} |")
        figures.append(f"{line['nll']:.4f} nats")
    assert [figure for figure in figures if figure not in text] == []


def test_the_stored_metrics_end_where_the_card_says(card):
    metrics = pd.read_csv(PRETRAINED / "niah.metrics.csv")
    last = (
        metrics[metrics["step"] == card["config"]["training"]["steps"]].set_index("name")["value"].to_dict()
    )
    assert metrics["step"].max() == card["config"]["training"]["steps"]
    assert last["val/loss"] == pytest.approx(card["heldout_loss"])
    assert last["niah/exact_match"] >= 0.95


def test_the_card_is_that_of_these_weights(card):
    weights = (PRETRAINED / "niah.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card["weights_sha256"]
