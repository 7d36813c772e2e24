"""TrainingBatches: a pure function of (seed, step) that mixes text and episodes as asked."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import NIAHTask, TrainingBatches, train_tokenizer
from data.niah.episodes import IGNORED


@pytest.fixture(scope="module")
def task(corpus):
    return NIAHTask(filler="corpus", corpus=corpus, lengths=(64, 100), value_length=2)


def is_text(labels):
    return (labels != IGNORED).all(axis=1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**40), step=st.integers(0, 10**7), fraction=st.floats(0, 1))
def test_a_pure_function_of_seed_and_step(corpus, task, seed, step, fraction):
    def batches():
        return TrainingBatches(task=task, corpus=corpus, batch_size=5, n_ctx=128, episode_fraction=fraction)

    tokens, labels = batches().build(seed, step)
    again, labels_again = batches().build(seed, step)
    assert (tokens == again).all()
    assert (labels == labels_again).all()
    assert tokens.shape == labels.shape == (5, 128)
    assert tokens.dtype == labels.dtype == np.int64
    assert ((labels == tokens) | (labels == IGNORED)).all()
    other, _ = batches().build(seed, step + 1)
    assert not (tokens == other).all()


def test_no_global_rng(task):
    before = str(np.random.get_state())  # noqa: NPY002 (the global state is what is tested)
    TrainingBatches(task=task, batch_size=2).build(0, 0)
    assert str(np.random.get_state()) == before  # noqa: NPY002


@settings(max_examples=25, deadline=None)
@given(fraction=st.floats(0, 1), batch_size=st.integers(1, 7))
def test_fraction_is_met_over_many_steps(corpus, task, fraction, batch_size):
    batches = TrainingBatches(
        task=task, corpus=corpus, batch_size=batch_size, n_ctx=128, episode_fraction=fraction
    )
    episodes = sum(int((~is_text(batches.build(0, step)[1])).sum()) for step in range(12))
    assert abs(episodes - 12 * batch_size * fraction) <= 1


def test_text_rows_are_running_training_text(corpus):
    batches = TrainingBatches(corpus=corpus, batch_size=400, n_ctx=32)
    tokens, labels = batches.build(7, 3)
    assert (tokens == labels).all()
    train = corpus.split("train")
    windows = {tuple(row) for row in np.lib.stride_tricks.sliding_window_view(train, 32).tolist()}
    assert {tuple(row) for row in tokens.tolist()} <= windows


def test_episode_rows_are_padded_episodes(task):
    tokens, labels = TrainingBatches(task=task, batch_size=6, n_ctx=150).build(1, 2)
    assert (tokens[:, 100:] == 1).all()
    assert ((labels != IGNORED).sum(axis=1) == 2).all()
    assert TrainingBatches(task=task, batch_size=6).build(1, 2)[0].shape == (6, 100)


def test_episodes_differ_between_steps_and_from_evaluation(task):
    batches = TrainingBatches(task=task, batch_size=3)
    rows = {tuple(row) for step in range(20) for row in batches.build(0, step)[0].tolist()}
    assert len(rows) == 60
    assert not rows & {tuple(row) for row in task.build(0, n_episodes=64).tokens.tolist()}


def test_kinds_of_rows_are_shuffled(corpus, task):
    batches = TrainingBatches(task=task, corpus=corpus, batch_size=4, n_ctx=128, episode_fraction=0.5)
    first = {bool(is_text(batches.build(0, step)[1])[0]) for step in range(20)}
    assert first == {True, False}


def test_synthetic_task_alone():
    batches = TrainingBatches(task=NIAHTask(), batch_size=2)
    assert batches.build(0, 0)[0].shape == (2, 128)
    assert batches.d_vocab == 64


def test_vocabulary(corpus, task):
    assert TrainingBatches(corpus=corpus, batch_size=1, n_ctx=8).d_vocab == corpus.d_vocab
    assert TrainingBatches(task=task, corpus=corpus, batch_size=1, n_ctx=128).d_vocab == corpus.d_vocab


def test_defaults_of_the_fraction(corpus, task):
    def fraction(**sources):
        return TrainingBatches(**sources, batch_size=1, n_ctx=128).episode_fraction

    assert (fraction(task=task), fraction(corpus=corpus), fraction(task=task, corpus=corpus)) == (1, 0, 0.25)


@pytest.mark.parametrize(
    ("sources", "knobs", "message"),
    [
        ("", {}, "task and corpus is None; legal: a NIAHTask, a TokenCorpus, or both"),
        ("task", {"batch_size": 0}, "batch_size is 0; legal: whole numbers >= 1"),
        ("task", {"n_ctx": 99}, "n_ctx is 99; legal: whole numbers >= 100, the task's longest context"),
        ("corpus", {}, "n_ctx is None; legal: whole numbers >= 1"),
        ("corpus", {"n_ctx": 10**6}, "n_ctx is 1000000; legal: 1 to "),
        (
            "corpus",
            {"n_ctx": 8, "episode_fraction": 0.5},
            "episode_fraction is 0.5; legal: 0 with what",
        ),
        ("task", {"episode_fraction": 0.5}, "episode_fraction is 0.5; legal: 1 with what was passed"),
        ("task corpus", {"episode_fraction": 1.5}, "episode_fraction is 1.5; legal: 0 to 1 with"),
        ("task corpus", {"episode_fraction": "all"}, "episode_fraction is 'all'; legal: 0 to 1"),
    ],
)
def test_refusals(corpus, task, sources, knobs, message):
    given = {name: {"task": task, "corpus": corpus}[name] for name in sources.split()}
    with pytest.raises(ValueError, match=re.escape(message)):
        TrainingBatches(**{"batch_size": 2, **given, **knobs})


def test_tasks_that_do_not_go_with_the_corpus(corpus):
    heldout = NIAHTask(filler="corpus", corpus=corpus, split="heldout")
    with pytest.raises(ValueError, match=r"task.split is 'heldout'; legal: 'train'"):
        TrainingBatches(task=heldout, batch_size=1)
    other = NIAHTask(filler="repeated", tokenizer=train_tokenizer(["some text"], d_vocab=300))
    for task in (NIAHTask(), other):
        with pytest.raises(ValueError, match=r"task.tokenizer is .*; legal: the tokenizer of the corpus"):
            TrainingBatches(task=task, corpus=corpus, batch_size=1)
    with pytest.raises(ValueError, match="seed is -1; legal: whole numbers >= 0"):
        TrainingBatches(task=NIAHTask(), batch_size=1).build(-1, 0)
    with pytest.raises(ValueError, match=r"step is 0.5; legal: whole numbers >= 0"):
        TrainingBatches(task=NIAHTask(), batch_size=1).build(0, 0.5)  # pyright: ignore[reportArgumentType]


def test_spec_is_ready_for_json(corpus, task):
    batches = TrainingBatches(task=task, corpus=corpus, batch_size=2, n_ctx=128, episode_fraction=0.5)
    spec = json.loads(json.dumps(batches.spec()))
    assert spec["task"] == task.spec()
    assert spec["corpus_sha256"] == corpus.sha256
    assert (spec["batch_size"], spec["n_ctx"], spec["episode_fraction"]) == (2, 128, 0.5)
    assert TrainingBatches(corpus=corpus, batch_size=1, n_ctx=8).spec()["task"] is None
