"""Small models, tokens and finished runs for the tests of this room."""

from dataclasses import replace

import pytest
import torch
from small_models import SMALL, lively

from data import topics_corpus
from model import SISAConfig, SISAModel
from model.config.architectures import architecture as record_of
from model.study.runs import StudyRun, train_all

SISA = ["sisa-exact", "sisa-causal", "sisa-minimax"]
ATTENTION = [*SISA, "transformer", "adaptive_sisa", "sigmoid_sisa", "fox", "alibi"]


@pytest.fixture(params=ATTENTION)
def config(request):
    """One small model of every architecture that has attention scores."""
    architecture, _, anchor = request.param.partition("-")
    d_state = 4 if record_of(architecture).d_state else 0
    return SISAConfig(
        **SMALL, architecture=architecture, d_state=d_state, anchor=anchor or "exact", anchor_block=8
    )


@pytest.fixture
def sisa():
    return lively(SISAModel(SISAConfig(**SMALL, d_state=4), seed=1))


@pytest.fixture
def tokens():
    return torch.randint(0, SMALL["d_vocab"], (2, 12), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "corpus.npz"
    topics_corpus(d_vocab=1024).save(path)
    return path


@pytest.fixture(scope="session")
def quick(corpus_file, tmp_path_factory):
    """Two steps of a tiny model on short texts."""
    return StudyRun(
        preset="tiny",
        d_state=4,
        steps=2,
        batch_size=2,
        n_ctx=128,
        n_episodes=2,
        evaluate_every=1,
        corpus=str(corpus_file),
        device="cpu",
        output_dir=str(tmp_path_factory.mktemp("study")),
    )


@pytest.fixture(scope="session")
def folders(quick):
    """Two runs that a cluster of one process has trained."""
    return list(train_all([quick, replace(quick, architecture="jamba", d_state=-1, lr_lam=1.0)]))
