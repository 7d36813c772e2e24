"""One thread at a time: what keeps the hooks of one thread out of another thread's forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from types import TracebackType
from typing import Any

from transformer_lens import HookedRootModule


class Turn:
    """Let one thread after the other into a model; the thread that is in may enter again.

    Hooks are state of the model, so a pass of one thread would run through the hooks of another: it would be
    ablated without asking for it, or fill a cache with somebody else's tokens. Jupyter answers widgets in a
    second thread, which is how two threads come to share a model. Whoever has hooks in, or runs the model,
    therefore holds the model's turn, and others wait.

    A turn belongs to one model of one process. A copied or unpickled model has a fresh one, which nobody
    holds, even if the original was held at that moment.

    Example:
        >>> turn = Turn()
        >>> with turn, turn:
        ...     print("twice in one thread")
        twice in one thread
    """

    def __init__(self) -> None:
        self._lock = RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[Turn], tuple[()]]:
        """Return how copy and pickle make one: anew, since a lock has no form on disk."""
        return Turn, ()


class HooksInTurn(HookedRootModule):
    """Change the hooks of a model only in the turn of the thread that asks for it.

    Everything else that puts hooks in, such as `run_with_cache`, `run_with_hooks` and `capture`, does it
    through these methods. What hangs hooks onto a HookPoint itself goes past them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turn = Turn()

    @contextmanager
    def hooks(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Hold hooks in the model for as long as the `with` block lasts; passes of other threads wait.

        It takes what HookedRootModule's own method takes. A block that waits itself for another thread's pass
        through this model waits for ever: run such passes in the thread of the block, or on a copy.
        """
        with self._turn, super().hooks(*args, **kwargs) as model:
            yield model

    def add_hook(self, *args: Any, **kwargs: Any) -> None:
        """Add a hook that stays, as HookedRootModule's own method does; all threads run through it."""
        with self._turn:
            super().add_hook(*args, **kwargs)

    def add_caching_hooks(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Add hooks that stay and fill a cache, as HookedRootModule's own method does; return the cache."""
        with self._turn:
            return super().add_caching_hooks(*args, **kwargs)

    def remove_all_hook_fns(self, *args: Any, **kwargs: Any) -> None:
        """Remove hooks, as HookedRootModule's own method does; those of a block elsewhere are waited for."""
        with self._turn:
            super().remove_all_hook_fns(*args, **kwargs)

    def reset_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Remove hooks and clear contexts, as HookedRootModule's own method does, in this thread's turn."""
        with self._turn:
            super().reset_hooks(*args, **kwargs)
