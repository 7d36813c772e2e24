"""Training speed against d_state at equal parameters, side by side in one run, for notebook 05.

    python benchmarks/state_size.py [--preset small] [--length 512] [--batch 64] [--device cuda]

As benchmarks/cost.py measures it, compiled on CUDA; `relative` is over the transformer.
"""

from __future__ import annotations

from cost import throughputs
from timing import RESULTS, count, options, provenance

from data.commands import one_line
from model import SISAConfig
from model.study.plans import STATE_SIZES
from model.training.run import write_json


def main() -> None:
    parser = options(__doc__, out=RESULTS / "state_size.json")
    parser.add_argument("--batch", type=count, default=64)
    given = parser.parse_args()
    sizes = (0, *STATE_SIZES)
    configs = {d: SISAConfig.preset(given.preset, d_state=d, n_ctx=given.length) for d in sizes}
    speed = throughputs(configs, given, compiled=given.device == "cuda")
    rows = [{"d_state": d, "tokens_per_second": speed[d], "relative": speed[d] / speed[0]} for d in configs]
    for row in rows:
        print({name: round(value, 3) for name, value in row.items()}, flush=True)
    write_json(given.out, {"rows": rows, **provenance(given.device)})
    print(given.out)


if __name__ == "__main__":
    with one_line("benchmarks/state_size.py"):
        main()
