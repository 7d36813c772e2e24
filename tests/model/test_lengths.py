"""Needles at other lengths: the grid that is measured, what is measured again, and on which corpus."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from small_models import mixers
from studies import TRAINED, command
from typer.testing import CliRunner

from data import TokenCorpus, open_corpus, topics_corpus
from model.config import SISAConfig
from model.network.extension import with_anchor
from model.network.network import SISAModel
from model.study.__main__ import app
from model.study.collect import collect
from model.study.lengths import STRETCH, length_grid, read_lengths
from model.training.run import Run


def test_lengths_that_were_measured_are_left_alone(folders, corpus_file, tmp_path, monkeypatch):
    folder, asked = shutil.copytree(folders[0], tmp_path / "run"), []
    (folder / "lengths.csv").unlink(missing_ok=True)  # other tests share that run

    def grid(*_, n_episodes, anchors):
        asked.append((n_episodes, *anchors))
        if (n_episodes, *anchors) == stopped_at:
            raise KeyboardInterrupt
        return pd.DataFrame({"anchor": anchors, "n": n_episodes})

    stopped_at = None
    monkeypatch.setattr("model.study.lengths.length_grid", grid)
    for n_episodes in (1, 1, 2):
        told = command("lengths", folder, "--corpus", corpus_file, "--n-episodes", n_episodes)
        assert told.count(str(folder)) == 1
    both = [(n, anchor) for n in (1, 2) for anchor in ("exact", "causal")]
    assert asked == both  # not twice with as many episodes
    os.utime(folder / "lengths.csv", ns=(0, 0))  # older than the weights
    command("lengths", folder, "--corpus", corpus_file, "--n-episodes", 2)
    assert asked == [*both, *both[2:]]
    asked.clear()
    stopped_at = (3, "causal")
    arguments = ["lengths", folder, "--corpus", corpus_file, "--n-episodes", 3]
    assert CliRunner().invoke(app, [str(argument) for argument in arguments]).exit_code != 0
    stopped_at = None
    command(*arguments)
    assert asked == [(3, "exact"), (3, "causal"), (3, "causal")]  # goes on where it was
    assert read_lengths(Run(folder)).to_numpy().tolist() == [["exact", 3], ["causal", 3]]


def test_lengths_of_earlier_versions_are_of_the_causal_anchor(folders, tmp_path):
    named = []
    for folder in folders:
        copy = shutil.copytree(folder, tmp_path / folder.name)
        pd.DataFrame({"rope": ["rope"], "n": 40}).to_csv(copy / "lengths.csv", index=False)
        named.append(read_lengths(Run(copy))["anchor"].item())
    assert named == ["causal", "none"]
    collect([tmp_path / folder.name for folder in folders], out=tmp_path / "out", **TRAINED)
    assert pd.read_csv(tmp_path / "out" / "lengths.csv.gz")["anchor"].tolist() == named


def test_a_grid_differs_between_anchors_only_past_what_the_causal_one_holds(corpus_file):
    corpus = open_corpus(str(corpus_file))
    config = SISAConfig.preset("tiny", d_state=4, d_vocab=corpus.d_vocab, n_ctx=128)
    model = SISAModel(config, tokenizer=corpus.tokenizer)
    with torch.no_grad():
        for mixer in mixers(model):
            mixer.to_decay.bias.fill_(0.0)  # log α = −ln 2: 76 nats are 110 tokens
            mixer.lam_raw.fill_(20.0)
            mixer.to_B.weight.mul_(50)
            mixer.to_C.weight.mul_(50)
    grid = length_grid(model, corpus, n_episodes=1, lengths=(64, 256), anchors=("causal", "exact"))
    wide = grid.pivot(index=["context_length", "rope", "depth"], columns="anchor", values="nll")
    apart = np.abs(wide["causal"].to_numpy() - wide["exact"].to_numpy())
    short = wide.index.get_level_values("context_length") == 64
    assert apart[short].max() < 1e-3 < 1e-1 < apart[~short].max()
    # a head that halves every token decays by 89 nats in 128, where even "exact" clamps, and by 22 in 32
    for block in (16, 32, 128):
        blocked = with_anchor(model, "exact", block=block)
        finer = length_grid(blocked, corpus, n_episodes=1, lengths=(256,), anchors=("exact",))
        cells = finer.set_index(["context_length", "rope", "depth"])["nll"]
        wide[block] = cells
    far = wide.loc[256]
    assert (far[16] - far[32]).abs().max() < 1e-3 < (far[32] - far[128]).abs().max()
    assert (far["exact"] - far[32]).abs().max() < 1e-3


def test_length_grid_has_every_position_code_length_and_depth(folders, corpus_file):
    corpus = open_corpus(str(corpus_file))
    sisa = length_grid(Run(folders[0]).model(), corpus, n_episodes=2, lengths=(64, 256))
    assert set(sisa["rope"]) == {"rope", *STRETCH}
    assert set(sisa["anchor"]) == {"exact", "causal"}
    cells = sisa.groupby(["anchor", "rope", "context_length"])["depth"].apply(sorted)
    assert cells.tolist() == [[0.0, 0.25, 0.5, 0.75, 1.0]] * 2 * 5 * 2
    assert set(sisa["n"]) == {2}
    jamba = length_grid(Run(folders[1]).model(), corpus, n_episodes=1)
    assert set(jamba["rope"]) == set(jamba["anchor"]) == {"none"}
    assert sorted(set(jamba["context_length"])) == [32, 64, 128, 256, 512]


def test_lengths_are_measured_on_the_corpus_of_the_training_alone(folders, corpus_file, tmp_path):
    run = Run(folders[0])
    model, corpus = run.model(), open_corpus(str(corpus_file))
    with pytest.raises(ValueError, match=r"corpus is .*legal: a corpus of the tokenizer inside the model"):
        length_grid(model, topics_corpus(d_vocab=300))
    model.tokenizer = None
    with pytest.raises(ValueError, match=r"corpus is .*legal: a corpus of the tokenizer inside the model"):
        length_grid(model, corpus)
    other = TokenCorpus.from_documents(["another text"], tokenizer=corpus.tokenizer)
    other.save(tmp_path / "other.npz")
    refused = CliRunner().invoke(app, ["lengths", str(run.folder), "--corpus", str(tmp_path / "other.npz")])
    asked = run.config["data"]["corpus_sha256"][:12]
    assert f"legal: the corpus of {run.folder}, sha256 {asked}. Name its file" in refused.stderr
    assert refused.exit_code == 2
