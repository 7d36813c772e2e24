"""What a kept past saves when a text is continued, and what the importance term costs there.

    python benchmarks/decoding.py [--preset small] [--length 1024] [--new 64] [--device cpu]

writes benchmarks/results/decoding_small_cpu.json.

A prompt of --length tokens gets --new more, greedily, by a transformer and a SISA of equal parameters. With
the past kept, all calls take turns, medians of 5; without it each model runs once. The cached time of
cached_over_uncached includes reading the prompt; a step is what each token after the first takes.
"""

from __future__ import annotations

from functools import partial

import torch
from timing import RESULTS, count, medians, options, provenance, seconds

from data.commands import one_line
from model import SISAConfig, SISAModel
from model.training.run import write_json


def cached_times(
    models: dict[str, SISAModel], prompt: torch.Tensor, *, new: int, device: str, repeats: int
) -> dict[str, dict[str, float]]:
    """Seconds of a continuation with the past kept and of each step after the first, by model."""
    calls = {
        (name, n): partial(model.generate, prompt, max_new_tokens=n)
        for name, model in models.items()
        for n in (1, new)
    }
    took = medians(calls, device=device, repeats=repeats)
    return {
        name: {"cached_s": took[name, new], "step_s": (took[name, new] - took[name, 1]) / (new - 1)}
        for name in models
    }


def uncached_time(
    model: SISAModel, prompt: torch.Tensor, *, new: int, device: str
) -> dict[str, float | bool]:
    """Seconds of one continuation that computes everything anew, and whether its tokens are the same."""
    said: list[torch.Tensor] = []
    call = partial(model.generate, prompt, max_new_tokens=new, use_cache=False)
    took = seconds(lambda: said.append(call()), device=device)
    return {
        "uncached_s": took,
        "same_tokens": torch.equal(said[0], model.generate(prompt, max_new_tokens=new)),
    }


def main() -> None:
    parser = options(__doc__, length=1024, device="cpu", repeats=5)
    parser.add_argument("--new", type=count, default=64, help="tokens that are added, at least 2")
    parser.add_argument("--d-state", type=int, default=16)
    given = parser.parse_args()
    if given.new < 2:
        parser.error("argument --new: is 1; legal: whole numbers >= 2")
    configs = {
        name: SISAConfig.preset(given.preset, d_state=d_state)
        for name, d_state in (("transformer", 0), ("sisa", given.d_state))
    }
    models = {name: SISAModel(config).to(given.device) for name, config in configs.items()}
    generator = torch.Generator().manual_seed(0)
    prompt = torch.randint(0, configs["sisa"].d_vocab, (1, given.length), generator=generator).to(
        given.device
    )
    rows = cached_times(models, prompt, new=given.new, device=given.device, repeats=given.repeats)
    result: dict[str, object] = {
        "sisa_over_transformer_decoding": rows["transformer"]["step_s"] / rows["sisa"]["step_s"]
    }
    for name, model in models.items():
        row = rows[name] | uncached_time(model, prompt, new=given.new, device=given.device)
        row["cached_over_uncached"] = row["uncached_s"] / row["cached_s"]
        print(name, row, flush=True)
        result[name] = row
    asked = {name: getattr(given, name) for name in ("preset", "d_state", "length", "new")}
    out = given.out or RESULTS / f"decoding_{given.preset}_{given.device}.json"
    write_json(out, result | asked | provenance(given.device))
    print(result["sisa_over_transformer_decoding"], out)


if __name__ == "__main__":
    with one_line("benchmarks/decoding.py"):
        main()
