"""Workers that are killed: a run goes on, a run that kills each of them is named, no sweep hangs."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from model.study import sweep


def _mark(folder):
    """Note an attempt and return how many there have been."""
    (Path(folder) / f"{time.monotonic_ns()}.attempt").touch()
    return len(list(Path(folder).glob("*.attempt")))


def work(task):
    """Kill the worker that runs this, the first so many times; return the number of the attempt."""
    folder, times = task
    attempt = _mark(folder)
    if attempt <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return str(attempt)


def sleep(seconds):
    time.sleep(seconds)
    return "slept"


@pytest.fixture
def cluster():
    """One process of this machine, as a sweep starts it."""
    from dask import config
    from dask.distributed import Client, LocalCluster

    local: dict[str, Any] = {"processes": True, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        config.set(sweep.CONFIG),
        LocalCluster(n_workers=1, memory_limit=0, silence_logs=50, **local) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_a_killed_worker_comes_back_and_a_run_that_kills_each_is_named(cluster, tmp_path):
    tasks = {name: (tmp_path / name, times) for name, times in (("once", 1), ("always", 99), ("well", 0))}
    for folder, _ in tasks.values():
        folder.mkdir()
    ended = dict(sweep.spread(cluster, work, tasks, patience=60))
    assert ended["once"].result == "2"
    assert ended["well"].result == "1"  # no other run's death was counted as its own
    died = "its worker process died 4 times (out of memory?); the same call goes on from its checkpoint"
    assert ended["always"].failure == died
    assert len(list(tasks["always"][0].iterdir())) == sweep.ATTEMPTS


def test_a_sweep_whose_workers_die_while_they_start_ends_and_names_what_is_left(cluster, monkeypatch):
    monkeypatch.setattr(sweep, "LOOK_EVERY", 0.1)
    over = threading.Event()

    def kill():
        while not over.is_set():
            for process in multiprocessing.active_children():
                process.kill()
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(RuntimeError, match=r"no worker has been running for 2 s.* 2 of 2 .*\['a', 'b'\]"):
            list(sweep.spread(cluster, sleep, {"a": 60, "b": 61}, patience=2))
    finally:
        over.set()
        killer.join()


def test_workers_that_are_given_up_too_early_would_hang_a_sweep():
    from dask.utils import parse_timedelta

    assert parse_timedelta(sweep.CONFIG["distributed.deploy.lost-worker-timeout"]) > sweep.PATIENCE


def test_a_lock_that_outlives_its_worker_is_waited_for(tmp_path):
    lock = tmp_path / ".lock"
    with FileLock(lock):
        holder = threading.Timer(0.5, lambda: None)
        began = time.monotonic()
        held = multiprocessing.get_context("spawn").Process(target=sweep.wait_for_lock, args=(lock,))
        held.start()
        holder.start()
        holder.join()
        assert held.is_alive()
    held.join(60)
    assert held.exitcode == 0
    assert time.monotonic() - began >= 0.5


def test_a_lock_that_stays_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "LOCKED_FOR", 0.2)
    with FileLock(tmp_path / ".lock"):
        sweep.wait_for_lock(tmp_path / ".lock")


def test_no_lock_is_made_in_a_folder_without_one(tmp_path):
    sweep.wait_for_lock(tmp_path / ".lock")
    assert list(tmp_path.iterdir()) == []
