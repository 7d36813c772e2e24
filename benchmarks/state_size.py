"""Training speed against d_state at equal parameters, side by side in one run, for notebook 05.

    python benchmarks/state_size.py [--preset small] [--length 512] [--batch 64] [--device cuda]

As benchmarks/cost.py measures it, compiled on CUDA; `relative` is over the transformer.
"""

from __future__ import annotations

from cost import throughput
from timing import RESULTS, options, provenance

from model import SISAConfig
from model.run import write_json
from model.study.plans import STATE_SIZES


def main() -> None:
    parser = options(__doc__, out=RESULTS / "state_size.json")
    parser.add_argument("--batch", type=int, default=64)
    given = parser.parse_args()
    rows: list[dict[str, float]] = []
    for d_state in (0, *STATE_SIZES):
        config = SISAConfig.preset(given.preset, d_state=d_state, n_ctx=given.length)
        speed = throughput(config, given, compiled=given.device == "cuda")
        rows.append({"d_state": d_state, "tokens_per_second": speed})
        rows[-1]["relative"] = speed / rows[0]["tokens_per_second"]
        print({name: round(value, 3) for name, value in rows[-1].items()}, flush=True)
        write_json(given.out, {"rows": rows, **provenance(given.device)})  # a kill loses the last size alone
    print(given.out)


if __name__ == "__main__":
    main()
