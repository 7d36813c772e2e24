"""What a command line says to a person who made a mistake, or who pressed Ctrl-C: one line, no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

REFUSED = 2  # exit code of a value that cannot be used, as of an unknown option
STOPPED = 130  # 128 + 2, the number of SIGINT: what shells report of a program that Ctrl-C ended


@contextmanager
def one_line(command: str, *, refused: int = REFUSED) -> Iterator[None]:
    """End the program with one line on standard error where the block is refused or stopped.

    Errors that tell a person what to do are one line: of a value (ValueError), a file (OSError), a library
    that is not installed (ImportError) or a run that failed (RuntimeError). Any other error is a fault of the
    program and keeps its traceback. Ctrl-C is one line, too, and ends with exit code 130.

    Args:
        command: what the line begins with.
        refused: exit code of an error.

    Raises:
        SystemExit: the block was refused or stopped.

    Example:
        >>> with one_line("sisa"):
        ...     raise ValueError("depth is 2; legal: 0 to 1")
        Traceback (most recent call last):
        SystemExit: 2
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        print(f"{command}: {str(stop) or 'stopped'}", file=sys.stderr)
        raise SystemExit(STOPPED) from None
    except (BrokenPipeError, NotImplementedError, RecursionError):
        # The reader of the output has seen enough, which typer knows; the others are faults of a program.
        raise
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        text = str(error) or type(error).__name__
        print(f"{command}: {' '.join(text.split())}", file=sys.stderr)
        raise SystemExit(refused) from error
