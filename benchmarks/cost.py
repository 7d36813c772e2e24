"""What the importance term and a capture cost, side by side in one run.

    python benchmarks/cost.py [--preset 152m] [--length 2048] [--batch 8] [--device cuda]

Throughput: training steps (forward, backward, AdamW) of transformer and SISA with equal parameters, medians
of 10, eager and compiled on CUDA. Capture: seconds and bytes of `capture` beside a plain forward pass and a
run_with_cache of everything.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from model import SISAConfig, SISAModel, capture
from model.run import write_json
from model.training import row_loss
from model.versions import versions

REPEATS = 10


def seconds(call: Callable[[], Any], *, cuda: bool, repeats: int = REPEATS) -> float:
    """Median of repeats, after two calls that warm up."""
    taken = []
    for _ in range(repeats + 2):
        began = time.perf_counter()
        call()
        if cuda:
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[2:])


def throughput(config: SISAConfig, *, batch: int, length: int, device: str, compiled: bool) -> float:
    """Training tokens a second."""
    model = SISAModel(config).to(device).train()
    forward = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    tokens = torch.randint(0, config.d_vocab, (batch, length), device=device)

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = row_loss(forward(tokens), tokens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return batch * length / seconds(step, cuda=device == "cuda")


def capturing(config: SISAConfig, *, length: int, device: str) -> dict[str, float]:
    """Seconds and bytes of a plain forward pass, of a capture, and of a cache of everything."""
    model, cuda = SISAModel(config).to(device), device == "cuda"
    tokens = torch.randint(0, config.d_vocab, (1, length), device=device)
    labels = [str(i) for i in range(length)]
    with torch.no_grad():
        plain = seconds(lambda: model(tokens), cuda=cuda)
        _, cache = model.run_with_cache(tokens, return_cache_object=False)
        everything = sum(t.nbytes for t in cache.values())
        del cache
        cached = seconds(
            lambda: model.run_with_cache(tokens, return_cache_object=False), cuda=cuda, repeats=3
        )
    traced = seconds(lambda: capture(model, tokens, labels), cuda=cuda)
    trace = capture(model, tokens, labels)
    return {
        "forward_s": plain,
        "capture_s": traced,
        "run_with_cache_s": cached,
        "capture_over_forward": traced / plain,
        "trace_bytes": sum(v.nbytes for v in trace.data_vars.values()),
        "cache_bytes": everything,
        "cache_over_trace": everything / sum(v.nbytes for v in trace.data_vars.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="small")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--d-state", type=int, default=16)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "cost.json")
    given = parser.parse_args()
    configs = {
        name: SISAConfig.preset(given.preset, d_state=d_state)
        for name, d_state in (("transformer", 0), ("sisa", given.d_state))
    }
    speed = {}
    for compiled in (False, True) if given.device == "cuda" else (False,):
        for name, config in configs.items():
            value = throughput(
                config, batch=given.batch, length=given.length, device=given.device, compiled=compiled
            )
            speed[f"{name}_{'compiled' if compiled else 'eager'}"] = value
            print(f"{name}, {'compiled' if compiled else 'eager'}: {value:,.0f} tokens/s", flush=True)
    ratios = {
        f"sisa_over_transformer_{how}": speed[f"sisa_{how}"] / speed[f"transformer_{how}"]
        for how in ("eager", "compiled")
        if f"sisa_{how}" in speed
    }
    captured = capturing(configs["sisa"], length=given.length, device=given.device)
    machine = (
        torch.cuda.get_device_name() if given.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    )
    result = {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.date.today().isoformat(),
        "machine": machine,
        "versions": versions(),
        "training_tokens_per_second": speed,
        **ratios,
        "capture": captured,
    }
    write_json(given.out, result)
    print({k: round(v, 3) for k, v in (ratios | captured).items()}, given.out)


if __name__ == "__main__":
    main()
