"""What a sweep does with workers that die: so many attempts, then a failure that is named.

A worker that dies is started again and its run goes on from its checkpoint, at most ATTEMPTS times: a run
that kills its worker each time, for want of memory for example, is named as failed and stops no other. Where
no worker comes back at all, the sweep ends and names what it has not trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from filelock import FileLock, Timeout

if TYPE_CHECKING:  # an extra, which takes a second to load
    from dask.distributed import Client, Future

Argument = TypeVar("Argument")
ATTEMPTS = 4  # workers that may die under one run
LOOK_EVERY = 2.0  # seconds
# Without any worker, seconds until the sweep ends. One that is started again imports torch, which takes a
# busy machine half a minute.
PATIENCE = 300.0
LOCKED_FOR = 60.0  # seconds that what a dead worker has started may outlive it, lock in hand

CONFIG = {
    "distributed.worker.daemon": False,  # a run starts processes that load data
    "distributed.scheduler.allowed-failures": ATTEMPTS - 1,
    # A worker that is not back within this time is given up for ever, and 15 s, the default, are too few.
    "distributed.deploy.lost-worker-timeout": "1 day",
}


class Outcome(NamedTuple):
    """Name what a run returned, or why it failed."""

    result: str = ""
    failure: str = ""


def spread(
    client: Client,
    work: Callable[[Argument], str],
    arguments: Mapping[str, Argument],
    *,
    patience: float | None,
) -> Iterator[tuple[str, Outcome]]:
    """Yield names and outcomes as they end, while there are workers or hope of one.

    No more is handed out than there are threads: Dask blames the death of a worker on everything that it was
    given, and a run that only waited there would count as one that kills.

    Args:
        client: of the cluster.
        work: what is done with each argument.
        arguments: by name, in the order in which they begin.
        patience: seconds without any worker after which nothing is waited for any more; None waits for ever,
            since workers of a scheduler elsewhere may join it hours later.

    Raises:
        RuntimeError: no worker has been there for so long; names what has not ended.

    Example:
        >>> from dask.distributed import Client
        >>> with Client(n_workers=1, processes=False, dashboard_address=":0") as client:
        ...     [(name, outcome.result) for name, outcome in spread(client, str, {"a": 3}, patience=9)]
        [('a', '3')]
    """
    from dask.distributed import wait

    running: dict[Future, str] = {}
    left, seen = list(arguments), time.monotonic()
    while left or running:
        threads = _threads(client)
        while left and len(running) < threads:
            name = left.pop(0)
            running[client.submit(work, arguments[name], key=name)] = name
        if running:
            with suppress(TimeoutError):
                wait(list(running), timeout=LOOK_EVERY, return_when="FIRST_COMPLETED")
        else:
            time.sleep(LOOK_EVERY)
        for future in [future for future in running if future.done()]:
            outcome = _outcome(future)
            if outcome is not None:
                yield running.pop(future), outcome
        if threads:
            seen = time.monotonic()
        elif patience is not None and time.monotonic() - seen > patience:
            raise _deserted([*running.values(), *left], of=len(arguments), patience=patience)


def _threads(client: Client) -> int:
    """Return how many runs can be at work at once; 0 without any worker."""
    of_worker: Any = client.nthreads()  # at once, not later as its type says
    return sum(of_worker.values())


def _outcome(done: Future) -> Outcome | None:
    """Return what a run ended with, or None where its result was lost with its worker and is made again.

    The result is fetched at once and not kept in the worker: Dask would start a finished run again, and blame
    it, for each worker that dies with its result in memory.
    """
    from dask.distributed import KilledWorker

    if done.status == "finished":
        try:
            return Outcome(done.result(timeout=LOOK_EVERY))
        except TimeoutError:
            return None
    error = done.exception()
    if isinstance(error, KilledWorker):
        died = f"its worker process died {ATTEMPTS} times (out of memory?)"
        return Outcome(failure=f"{died}; the same call goes on from its checkpoint")
    return Outcome(failure=repr(error))


def _deserted(names: list[str], *, of: int, patience: float) -> RuntimeError:
    """Return the error of a sweep that has lost all of its workers."""
    return RuntimeError(
        f"no worker has been running for {patience:g} s, each died while it started; {len(names)} of {of} "
        f"runs have not ended: {names}. The system's log may say what ended them (out of memory?); the same "
        "call goes on where they stopped"
    )


def wait_for_lock(lock: Path) -> None:
    """Wait until what is left of a killed worker has let go of a run's folder.

    The lock of a dead process is free at once, but processes that it had started to load data or to compile
    end some seconds later, and a worker that Dask has lost sight of may still be at work. A folder that stays
    locked is refused by the run itself.

    Args:
        lock: the lock file of the folder; where there is none, nothing is waited for and none is made.

    Example:
        >>> wait_for_lock(Path("nowhere", ".lock"))
        >>> Path("nowhere").exists()
        False
    """
    if lock.is_file():
        with suppress(Timeout, OSError, NotImplementedError), FileLock(lock, timeout=LOCKED_FOR):
            pass
