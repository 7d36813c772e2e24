"""What the importance term costs in training, side by side in one run.

    python benchmarks/cost.py [--preset 152m] [--length 2048] [--batch 8] [--device cuda]

writes benchmarks/results/cost_152m_cuda.json; the README shows the scales that the paper has.

Training steps (forward, backward, AdamW) of transformer and SISA with equal parameters, medians of 10, eager
and compiled on CUDA.
"""

from __future__ import annotations

import argparse

import torch
from timing import RESULTS, medians, options, provenance

from model import SISAConfig, SISAModel
from model.loop import row_loss
from model.run import write_json


def throughput(config: SISAConfig, given: argparse.Namespace, *, compiled: bool) -> float:
    """Training tokens a second, measured as the command line asks."""
    device = given.device
    model = SISAModel(config).to(device).train()
    forward = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    tokens = torch.randint(0, config.d_vocab, (given.batch, given.length), device=device)

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = row_loss(forward(tokens), tokens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    took = medians({"step": step}, device=device, repeats=given.repeats)["step"]
    return given.batch * given.length / took


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--d-state", type=int, default=16)
    given = parser.parse_args()
    configs = {
        name: SISAConfig.preset(given.preset, d_state=d_state)
        for name, d_state in (("transformer", 0), ("sisa", given.d_state))
    }
    speed = {}
    for compiled in (False, True) if given.device == "cuda" else (False,):
        for name, config in configs.items():
            value = throughput(config, given, compiled=compiled)
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
    main()
