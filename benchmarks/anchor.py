"""What an exact decay costs: forward and backward under each anchor, side by side in one run.

    python benchmarks/anchor.py [--preset 152m] [--length 2048] [--batch 8] [--device cuda]

writes benchmarks/results/anchor_152m_2048_cuda.json. Times are medians over rounds in which all calls take
turns: attention alone (projections, score, output of one layer) and a training step of the whole model with
AdamW, eager and, on CUDA, compiled by block. On CUDA everything is in bfloat16 autocast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from cost import training_step
from timing import RESULTS, count, medians, options, provenance

from data.commands import one_line
from model import SISAConfig, SISAModel, with_anchor
from model.mixers.attention.sisa import SISAAttention
from model.training.run import write_json

ANCHORS = ("causal", "exact")
TYPICAL_DECAY_BIAS = -2.2  # a half-life of 6.6 tokens, as trained heads have


def attention(anchor: Any, given: Any, *, compiled: bool) -> Callable[[], None]:
    """Return a call of one layer's attention, forward and backward."""
    config = SISAConfig.preset(given.preset, d_state=given.d_state, n_layers=1, d_vocab=64)
    mixer = with_anchor(SISAModel(config), anchor).to(given.device).blocks[0].attn
    assert isinstance(mixer, SISAAttention)
    assert mixer.to_decay.bias is not None
    torch.nn.init.constant_(mixer.to_decay.bias, TYPICAL_DECAY_BIAS)
    x = torch.randn(given.batch, given.length, config.d_model, device=given.device, requires_grad=True)
    run = torch.compile(mixer) if compiled else mixer

    def call() -> None:
        with torch.autocast(given.device, torch.bfloat16, enabled=given.device == "cuda"):
            y = run(x)
        y.sum().backward()

    return call


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--batch", type=count, default=4)
    parser.add_argument("--d-state", type=int, default=16)
    given = parser.parse_args()
    config = SISAConfig.preset(given.preset, d_state=given.d_state)
    found: dict[str, Any] = {}
    for compiled in (False, True) if given.device == "cuda" else (False,):
        how = "compiled" if compiled else "eager"
        layers = {anchor: attention(anchor, given, compiled=compiled) for anchor in ANCHORS}
        steps = {
            anchor: training_step(with_field(config, anchor), given, compiled=compiled) for anchor in ANCHORS
        }
        for what, calls in (("attention", layers), ("step", steps)):
            took = medians(calls, device=given.device, repeats=given.repeats)
            found |= {f"{what}_{anchor}_{how}_ms": 1000 * seconds for anchor, seconds in took.items()}
            found[f"{what}_exact_over_causal_{how}"] = took["exact"] / took["causal"]
            print({name: round(value, 3) for name, value in found.items() if what in name and how in name})
    asked = {name: getattr(given, name) for name in ("preset", "d_state", "batch", "length")}
    out = given.out or RESULTS / f"anchor_{given.preset}_{given.length}_{given.device}.json"
    write_json(out, {**found, **asked, **provenance(given.device)})
    print(out)


def with_field(config: SISAConfig, anchor: str) -> SISAConfig:
    """Return a config with another anchor."""
    return SISAConfig.from_dict(config.to_dict() | {"anchor": anchor})


if __name__ == "__main__":
    with one_line("benchmarks/anchor.py"):
        main()
