"""The two checkpoints of a run: sealed when written, and checked before one of them is resumed.

last.ckpt is the newest one and previous.ckpt the one before it, which is taken where last.ckpt is damaged.
Both are what Lightning writes, a zip archive of tensors, with the SHA-256 of all its bytes as the archive's
comment. File and digest are therefore one file, which appears by one renaming: a kill cannot part them, and a
copy that is put back later is still known to be good.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from data.digests import archive_fault, sha256_of
from data.refusal import refusal
from model.training.asked import differences
from model.training.run import Run

SEAL_BYTES = 64  # of a SHA-256 as hexadecimal text
COMMENT_LENGTH_BYTES = 2  # the last field of a zip archive; the comment follows it
PARTS = {
    "state_dict",
    "optimizer_states",
    "lr_schedulers",
    "loops",
    "callbacks",
    "global_step",
    "pytorch-lightning_version",
}


class DamagedCheckpoint(ValueError):
    """Say what is wrong with a checkpoint, in words that follow the file's name."""


@dataclass(frozen=True)
class Start:
    """Say where a run begins.

    Args:
        checkpoint: what it resumes from; None where it begins with fresh weights.
        step: optimiser steps that are done.
        told: one sentence about it for whoever waits.
    """

    checkpoint: Path | None
    step: int
    told: str


def seal(path: Path) -> None:
    """Put the SHA-256 of a checkpoint into it, as the comment of the zip archive that it is.

    Args:
        path: a file that torch.save wrote, which has no comment yet.

    Example:
        >>> import zipfile
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "last.ckpt")
        ...     torch.save({"step": 7}, path)
        ...     seal(path)
        ...     len(zipfile.ZipFile(path).comment), torch.load(path, weights_only=True)
        (64, {'step': 7})
    """
    digest = sha256_of(path, path.stat().st_size - COMMENT_LENGTH_BYTES)
    with path.open("r+b") as file:
        file.seek(-COMMENT_LENGTH_BYTES, os.SEEK_END)
        file.write(SEAL_BYTES.to_bytes(COMMENT_LENGTH_BYTES, "little") + digest.encode())


def find_start(run: Run, shapes: Mapping[str, tuple[int, ...]], *, steps: int) -> Start:
    """Return where a run begins: at its last checkpoint, at the one before if that is damaged, or at step 0.

    A damaged last.ckpt is kept as damaged.ckpt, and previous.ckpt takes its place.

    Args:
        run: the folder, opened and locked.
        shapes: of the tensors that are trained, by name.
        steps: of the whole run.

    Raises:
        ValueError: there are checkpoints, but none can be used, or one is of another run; says what is wrong
            with each file and what to do.

    Example:
        >>> find_start(Run(Path("nowhere")), {}, steps=5).told
        'training starts anew in nowhere: step 0 of 5'
    """
    damaged: dict[Path, str] = {}
    for path in (run.checkpoint, run.previous_checkpoint):
        if not path.exists():
            continue
        try:
            step = _checked_step(path, run, shapes, steps=steps)
        except DamagedCheckpoint as error:
            damaged[path] = str(error)
            continue
        told = f"training goes on in {run.folder}: step {step} of {steps}"
        if path == run.previous_checkpoint:
            told += f", of {path.name}, because {run.checkpoint.name} {_why_not(run, damaged)}"
            _promote(run)
        return Start(run.checkpoint, step, told)
    if damaged:
        wrong = "; ".join(f"{path} {why}" for path, why in damaged.items())
        step = "Put a good copy there, or delete it to train from step 0."
        raise ValueError(f"{wrong}; legal: a checkpoint that this run wrote. {step}")
    return Start(None, 0, _told_anew(run, steps))


def _told_anew(run: Run, steps: int) -> str:
    """Return the sentence for a run without a checkpoint."""
    told = f"training starts anew in {run.folder}: step 0 of {steps}"
    return f"{told}, since it was stopped before its first checkpoint" if run.begun else told


def _why_not(run: Run, damaged: Mapping[Path, str]) -> str:
    """Return why last.ckpt is not resumed, and where it is kept."""
    if run.checkpoint not in damaged:
        return "is missing"
    return f"{damaged[run.checkpoint]} (it is kept as damaged.ckpt)"


def _promote(run: Run) -> None:
    """Put previous.ckpt in the place of last.ckpt, so that no damaged file ever replaces the good one."""
    if run.checkpoint.exists():
        os.replace(run.checkpoint, run.folder / "damaged.ckpt")
    os.replace(run.previous_checkpoint, run.checkpoint)


def _checked_step(path: Path, run: Run, shapes: Mapping[str, tuple[int, ...]], *, steps: int) -> int:
    """Return the steps that a checkpoint holds, after all that can be wrong with it has been looked for."""
    sealed = _check_bytes(path)
    found = _loaded(path)
    if "run" in found:  # earlier versions noted no run, and had no seals
        _check_run(path, found["run"], run)
    held = {name: tuple(getattr(tensor, "shape", ())) for name, tensor in found["state_dict"].items()}
    if held != dict(shapes):
        wrong = sorted(name for name in held.keys() | shapes.keys() if held.get(name) != shapes.get(name))
        raise DamagedCheckpoint(f"holds another model, which differs in {', '.join(wrong[:5])}")
    step = found["global_step"]
    if not isinstance(step, int) or not 0 < step <= steps:
        raise DamagedCheckpoint(f"is of step {step!r}, and the run has {steps}")
    if "run" in found and not sealed:
        raise DamagedCheckpoint("has lost the SHA-256 at its end, so it was cut off or changed")
    return step


def _check_bytes(path: Path) -> bool:
    """Refuse a checkpoint whose bytes are not those that were written; return whether it has a seal."""
    if not path.is_file():
        raise DamagedCheckpoint("is no regular file")
    size = path.stat().st_size
    if size == 0:
        raise DamagedCheckpoint("is empty")
    with path.open("rb") as file:
        file.seek(max(0, size - SEAL_BYTES - COMMENT_LENGTH_BYTES))
        length, sealed = file.read(COMMENT_LENGTH_BYTES), file.read()
    if length == SEAL_BYTES.to_bytes(COMMENT_LENGTH_BYTES, "little"):
        if sha256_of(path, size - SEAL_BYTES - COMMENT_LENGTH_BYTES).encode() != sealed:
            raise DamagedCheckpoint("has changed since it was written: its SHA-256 is another")
        return True
    # earlier versions wrote no seal; torch writes a CRC-32 beside every tensor, but does not look at it
    fault = archive_fault(path)
    if fault:
        raise DamagedCheckpoint(fault)
    return False


def _loaded(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds; nothing in it is executed."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    # torch's own words advise to execute what the file says (weights_only=False), so they are not passed on
    except Exception:
        raise DamagedCheckpoint("holds something else than a training's tensors and numbers") from None
    if not isinstance(found, dict) or not found.keys() >= PARTS or not isinstance(found["state_dict"], dict):
        raise DamagedCheckpoint("is a file of another program, not a checkpoint of a training")
    return found


def _check_run(path: Path, noted: object, run: Run) -> None:
    """Refuse a whole checkpoint of another run: somebody put it there, perhaps on purpose."""
    if not isinstance(noted, Mapping):
        raise DamagedCheckpoint("is a file of another program, not a checkpoint of a training")
    changed = differences(noted, run.config)
    if changed:
        step = "Put the right file back, or delete this one."
        came = f"a checkpoint of another run ({'; '.join(changed[:6])})"
        raise refusal(str(path), came, legal="a checkpoint of this run", step=step)
