"""What the importance term costs in training, side by side in one run.

    python benchmarks/cost.py [--preset 152m] [--length 2048] [--batch 8] [--device cuda]

writes benchmarks/results/cost_152m_cuda.json; the README shows the scales that the paper has.

Training steps (forward, backward, AdamW) of transformer and SISA with equal parameters, in turn, medians of
10, eager and compiled on CUDA.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch._dynamo
from timing import RESULTS, count, medians, options, provenance, step_of

from data.commands import one_line
from model import SISAConfig, SISAModel
from model.training.loop import training_loss
from model.training.run import write_json


def training_step(config: SISAConfig, given: argparse.Namespace, *, compiled: bool) -> Callable[[], None]:
    """One step of training on as many random tokens as the command line asks for."""
    device = given.device
    model = SISAModel(config).to(device).train()
    loss_of = training_loss(model, compiled=compiled)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    tokens = torch.randint(0, config.d_vocab, (given.batch, given.length), device=device)
    return step_of(loss_of, optimizer, tokens)


def throughputs(configs: Mapping[Any, SISAConfig], given: argparse.Namespace, *, compiled: bool) -> dict:
    """Training tokens a second of each model; their steps take turns, so that all meet the same machine."""
    torch._dynamo.config.recompile_limit = max(8, 2 * len(configs))  # past it a model would run uncompiled
    steps = {name: training_step(config, given, compiled=compiled) for name, config in configs.items()}
    for name, step in steps.items():
        step()
        print(f"{name}: ready{', compiled' * compiled}", flush=True)
    took = medians(steps, device=given.device, repeats=given.repeats)
    return {name: given.batch * given.length / seconds for name, seconds in took.items()}


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--batch", type=count, default=4)
    parser.add_argument("--d-state", type=int, default=16)
    given = parser.parse_args()
    configs = {
        name: SISAConfig.preset(given.preset, d_state=d_state)
        for name, d_state in (("transformer", 0), ("sisa", given.d_state))
    }
    speed = {}
    for compiled in (False, True) if given.device == "cuda" else (False,):
        for name, value in throughputs(configs, given, compiled=compiled).items():
            speed[f"{name}_{'compiled' if compiled else 'eager'}"] = value
            print(f"{name}, {'compiled' if compiled else 'eager'}: {value:,.0f} tokens/s", flush=True)
    ratios = {
        f"sisa_over_transformer_{how}": speed[f"sisa_{how}"] / speed[f"transformer_{how}"]
        for how in ("eager", "compiled")
        if f"sisa_{how}" in speed
    }
    asked = {name: getattr(given, name) for name in ("preset", "d_state", "batch", "length")}
    out = given.out or RESULTS / f"cost_{given.preset}_{given.device}.json"
    write_json(out, {"training_tokens_per_second": speed, **ratios, **asked, **provenance(given.device)})
    print({name: round(value, 3) for name, value in ratios.items()}, out)


if __name__ == "__main__":
    with one_line("benchmarks/cost.py"):
        main()
