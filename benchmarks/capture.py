"""What a capture costs beside a plain forward pass, and its bytes beside a cache of everything.

    python benchmarks/capture.py             writes benchmarks/results/capture_152m_cpu.json

A capture needs no logits, a plain forward pass makes them: both forms of the forward pass are timed, in turn
with the capture, medians of 5. run_with_cache of everything runs once; at the default shape it takes 12 GB.
"""

from __future__ import annotations

import torch
from timing import RESULTS, medians, options, provenance, seconds

from data.commands import one_line
from model import SISAConfig, SISAModel, capture
from model.training.run import write_json


def timing(model: SISAModel, tokens: torch.Tensor, *, device: str, repeats: int) -> dict[str, float]:
    """Seconds of a forward pass with and without logits and of a capture, and what the capture adds."""
    labels = [str(at) for at in range(tokens.shape[1])]
    calls = {
        "forward_s": lambda: model(tokens),
        "forward_without_logits_s": lambda: model(tokens, return_type=None),
        "capture_s": lambda: capture(model, tokens, labels),
    }
    took = medians(calls, device=device, repeats=repeats)
    return took | {
        "capture_over_forward": took["capture_s"] / took["forward_s"],
        "capture_over_forward_without_logits": took["capture_s"] / took["forward_without_logits_s"],
    }


def storing(model: SISAModel, tokens: torch.Tensor, *, device: str) -> dict[str, float]:
    """Bytes of the trace and of a cache of everything, and the seconds that the latter takes."""
    trace = capture(model, tokens, [str(at) for at in range(tokens.shape[1])])
    kept = sum(variable.nbytes for variable in trace.data_vars.values())
    cache: dict[str, torch.Tensor] = {}

    def fill() -> None:
        cache.update(model.run_with_cache(tokens, return_cache_object=False)[1])

    took = seconds(fill, device=device)
    everything = sum(each.nbytes for each in cache.values())
    return {
        "trace_bytes": kept,
        "cache_bytes": everything,
        "cache_over_trace": everything / kept,
        "run_with_cache_s": took,
    }


def main() -> None:
    parser = options(__doc__, preset="152m", length=2048, device="cpu", repeats=5)
    parser.add_argument("--d-state", type=int, default=32)
    given = parser.parse_args()
    config = SISAConfig.preset(given.preset, d_state=given.d_state)
    model = SISAModel(config).to(given.device).eval()
    tokens = torch.randint(0, config.d_vocab, (1, given.length), device=given.device)
    with torch.no_grad():
        result = timing(model, tokens, device=given.device, repeats=given.repeats)
        result |= storing(model, tokens, device=given.device)
    out = given.out or RESULTS / f"capture_{given.preset}_{given.device}.json"
    write_json(out, result | provenance(given.device))
    print({name: round(value, 3) for name, value in result.items()}, out)


if __name__ == "__main__":
    with one_line("benchmarks/capture.py"):
        main()
