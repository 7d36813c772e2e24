"""Sizes that no machine holds are refused at once, with an estimate."""
# what people pass, whatever the signature says
# pyright: reportArgumentType=false

import pytest

from data import NIAHTask, TrainingBatches
from data import memory as data_memory
from data.memory import GIB, check_memory, memory_limit


def task(corpus, filler, **knobs):
    source = {"synthetic": {}, "repeated": {"tokenizer": corpus.tokenizer}, "corpus": {"corpus": corpus}}
    return NIAHTask(filler=filler, **source[filler], **knobs)


@pytest.mark.parametrize("filler", ["synthetic", "repeated", "corpus"])
@pytest.mark.parametrize("length", [10**9, 10**12, 10**30])
def test_lengths(corpus, filler, length):
    with pytest.raises(ValueError, match=rf"lengths is {length}; legal: what fits into .* GiB of memory"):
        task(corpus, filler, lengths=(128, length))


@pytest.mark.parametrize("n_episodes", [10**9, 10**30])
def test_episodes(corpus, n_episodes):
    with pytest.raises(ValueError, match=rf"n_episodes is {n_episodes}; legal: .* take about [\d,.]+ GiB"):
        task(corpus, "corpus").build(0, n_episodes=n_episodes)


@pytest.mark.parametrize("batch_size", [10**9, 10**30])
def test_batches(corpus, batch_size):
    for knobs in ({"task": NIAHTask(lengths=(16,))}, {"corpus": corpus, "n_ctx": 16}):
        with pytest.raises(ValueError, match=rf"batch_size is {batch_size}; legal: what fits into"):
            TrainingBatches(batch_size=batch_size, **knobs)


@pytest.mark.parametrize("seed", [10**30, 2**64, -1])
def test_seeds(corpus, seed):
    legal = "whole numbers >= 0 and <= 18,446,744,073,709,551,615"
    for build in (
        lambda: NIAHTask().build(seed),
        lambda: TrainingBatches(corpus=corpus, batch_size=1, n_ctx=8).build(seed, 0),
    ):
        with pytest.raises(ValueError, match=f"seed is {seed}; legal: {legal}"):
            build()
    assert len(NIAHTask().build(2**64 - 1, n_episodes=1)) == 1


@pytest.mark.parametrize("n_symbols", [2**20 + 1, 10**30])
def test_symbols(n_symbols):
    with pytest.raises(ValueError, match=f"n_symbols is {n_symbols}; legal: whole numbers >= 16 and <="):
        NIAHTask(n_symbols=n_symbols)


def test_the_limit_is_the_smallest_that_holds(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(data_memory, "CGROUP_LIMIT", limit)
    for content, expected in (("max", None), (str(GIB), GIB)):
        limit.write_text(f"{content}\n")
        assert memory_limit() <= (expected or 16 * GIB)
    assert memory_limit() == GIB
    check_memory("n", 1, n_bytes=GIB, step="Less.")
    with pytest.raises(ValueError, match=r"n is 1; legal: .* into 1\.0 GiB .* about 2\.0 GiB\. Less\."):
        check_memory("n", 1, n_bytes=2 * GIB, step="Less.")


def test_a_length_beyond_all_floats_is_too_long_like_any_other():
    with pytest.raises(ValueError, match=r"lengths is .*; legal: what fits into .* more than .* GiB\."):
        NIAHTask(lengths=(10**5000,))
