"""Where a training step's time goes, by way of running it: one command a device.

    python benchmarks/step.py --preset 152m --length 2048 --device cuda \\
        [--architectures transformer sisa] [--micro-batches 2 8] [--variants eager blocks whole]

writes benchmarks/results/step_152m_cuda.json after every variant, so that what breaks off keeps what it has.
A variant that fails (no memory, no compiler) leaves its error in the row. To compare two checkouts, run the
same file with PYTHONPATH set to either and another --out.

| variant  | the step                                                                |
| -------- | ----------------------------------------------------------------------- |
| eager    | as Python calls it                                                      |
| blocks   | blocks and loss compiled, as `fit` does with compile=True               |
| whole    | model and loss compiled as one graph                                    |
| tuned    | whole, with kernels chosen by measurement                               |
| reduced  | whole, with the compiler's own CUDA graphs                              |

Of each: tokens a second (median wall time, architectures in turn), GPU-busy time by the profiler, share of
the peak (that of a product of two 8,192² matrices, measured here), ratio to the transformer, peak memory.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from typing import Any

import torch
import torch._dynamo
from timing import RESULTS, count, medians, options, provenance, step_of

from data.commands import one_line
from model import SISAConfig, SISAModel
from model.config.sizes import total
from model.training.loop import training_loss
from model.training.run import write_json

VARIANTS = ("eager", "blocks", "whole", "tuned", "reduced")
MODES = {"whole": None, "tuned": "max-autotune-no-cudagraphs", "reduced": "reduce-overhead"}
PROFILED = 3  # steps


def training_step(config: SISAConfig, given: argparse.Namespace, *, batch: int, variant: str) -> Callable:
    """One step (forward, backward, AdamW) on random tokens, made ready as the variant says."""
    device = given.device
    model = SISAModel(config).to(device).train()
    fused = device == "cuda"
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)
    tokens = torch.randint(0, config.d_vocab, (batch, given.length), device=device)
    loss_of = training_loss(model, compiled=variant == "blocks")
    if variant in MODES:
        with torch.no_grad():
            model(tokens[:1])  # tables that are made once are made before anything is compiled
        loss_of = torch.compile(loss_of, mode=MODES[variant])
    return step_of(loss_of, optimizer, tokens)


def busy_seconds(step: Callable[[], None]) -> float:
    """Seconds a step in which the GPU runs kernels, by the profiler; launches and waiting are left out."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(PROFILED):
            step()
        torch.cuda.synchronize()
    on_gpu = [event for event in profile.key_averages() if event.device_type.name == "CUDA"]  # kernels alone
    return sum(event.self_device_time_total for event in on_gpu) / 1e6 / PROFILED


def peak_flops(device: str) -> float:
    """Operations a second of one large product, the best of 20: bfloat16 on CUDA, float32 on a CPU."""
    n, dtype = (8192, torch.bfloat16) if device == "cuda" else (1024, torch.float32)
    one = torch.randn(n, n, device=device, dtype=dtype)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        torch.mm(one, one)
        if device == "cuda":
            torch.cuda.synchronize()
        took.append(time.perf_counter() - began)
    return 2 * n**3 / min(took)


def step_flops(config: SISAConfig, *, batch: int, length: int) -> float:
    """6 operations a parameter and token, and plain attention's causal scores, whatever the architecture."""
    attention = 6 * config.n_layers * length * config.d_model
    return (6 * total(config) + attention) * batch * length


def memory(device: str, *, peak: bool = False) -> int:
    """Bytes taken on the GPU now, or at most since the last reset; 0 on a CPU."""
    if device != "cuda":
        return 0
    return torch.cuda.max_memory_allocated() if peak else torch.cuda.memory_allocated()


def ready(
    config: SISAConfig, given: argparse.Namespace, *, batch: int, variant: str
) -> tuple[Callable, dict]:
    """A step that has run, and the memory and seconds that its first calls took."""
    began, before = time.perf_counter(), memory(given.device)
    step = training_step(config, given, batch=batch, variant=variant)
    step()
    warm = time.perf_counter() - began
    if given.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    step()
    return step, {"ready_s": round(warm, 1), "peak_bytes": memory(given.device, peak=True) - before}


def measured(given: argparse.Namespace, *, batch: int, variant: str, peak: float) -> list[dict[str, Any]]:
    """One row an architecture, their steps timed in turn."""
    rows, steps = {}, {}
    configs = {name: SISAConfig.preset(given.preset, architecture=name) for name in given.architectures}
    for name, config in configs.items():
        rows[name] = {"architecture": name, "variant": variant, "batch": batch}
        try:
            steps[name], found = ready(config, given, batch=batch, variant=variant)
            rows[name] |= found
        except Exception as error:  # one that fails must not cost the others
            rows[name]["error"] = f"{type(error).__name__}: {error}"[:300]
    took = medians(steps, device=given.device, repeats=given.repeats)
    for name, step in steps.items():
        row, tokens = rows[name], batch * given.length
        flops = step_flops(configs[name], batch=batch, length=given.length)
        row |= {"step_s": took[name], "tokens_per_second": tokens / took[name]}
        row["share_of_peak"] = flops / took[name] / peak
        if given.device == "cuda":
            row["busy_s"] = busy_seconds(step)
        plain = rows.get("transformer", {})
        for key in ("step_s", "busy_s"):
            if key in plain and key in row:
                row[f"transformer_over_this_{key}"] = plain[key] / row[key]
    return list(rows.values())


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--architectures", nargs="+", default=["transformer", "sisa"])
    parser.add_argument("--micro-batches", nargs="+", type=count, default=[8])
    default = list(VARIANTS) if torch.cuda.is_available() else ["eager"]
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=default)
    given = parser.parse_args()
    out = given.out or RESULTS / f"step_{given.preset}_{given.device}.json"
    peak, rows = peak_flops(given.device), []
    asked = {"preset": given.preset, "length": given.length, "peak_flops": peak, **provenance(given.device)}
    for batch in given.micro_batches:
        for variant in given.variants:
            torch._dynamo.reset()  # another batch would be compiled for sizes that change
            rows += measured(given, batch=batch, variant=variant, peak=peak)
            write_json(out, {"rows": rows, **asked})
            for row in rows[-len(given.architectures) :]:
                print(row, flush=True)
            gc.collect()
            if given.device == "cuda":
                torch.cuda.empty_cache()


if __name__ == "__main__":
    with one_line("benchmarks/step.py"):
        main()
