"""How the model's benchmarks take time, and what they write down beside it."""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from model.network.versions import versions

RESULTS = Path(__file__).parent / "results"
WARM_UP = 2


def count(text: str) -> int:
    """The whole number above 0 that an option says."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"is {text[:40]!r}; legal: whole numbers >= 1")
    return int(text)


def options(text: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """Options of every benchmark of models: preset, length, device, repeats, out; text is its help."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--length", type=count, default=512, help="tokens")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda")
    )
    parser.add_argument("--repeats", type=count, default=10, help="timed calls, of which the median counts")
    parser.add_argument("--out", type=Path, help="the JSON file to write")
    parser.set_defaults(**defaults)
    return parser


def seconds(call: Callable[[], Any], *, device: str) -> float:
    """Wall time of one call, the device's queue included."""
    began = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def medians(calls: Mapping[Any, Callable[[], Any]], *, device: str, repeats: int) -> dict[Any, float]:
    """Median seconds a call, in turn round by round, so that a slow spell of the machine meets them all."""
    rounds = [
        {name: seconds(call, device=device) for name, call in calls.items()} for _ in range(WARM_UP + repeats)
    ]
    return {name: statistics.median(each[name] for each in rounds[WARM_UP:]) for name in calls}


def step_of(
    loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    tokens: torch.Tensor,
) -> Callable[[], None]:
    """One training step on these tokens: forward, backward, the optimiser."""
    device = tokens.device.type

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = loss_of(tokens, tokens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def provenance(device: str) -> dict[str, Any]:
    """Command, date, machine and versions."""
    cpu = f"CPU, {torch.get_num_threads()} threads"
    return {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.date.today().isoformat(),
        "machine": torch.cuda.get_device_name() if device == "cuda" else cpu,
        "versions": versions(),
    }
