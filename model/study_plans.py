"""What the convergence study runs, by name of the plan; `python -m model.study_plans` starts them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from data.refusal import one_of
from model.study import StudyRun, expand, train_all

SEEDS = range(5)
# peak learning rate: chosen on val/loss of plan "lr", never on needles
LR: dict[str, float] = {"transformer": 2e-3, "sisa": 2e-3}
LRS = (5e-4, 1e-3, 2e-3, 4e-3)


def variant(architecture: str, **more: Any) -> dict[str, Any]:
    return {"architecture": architecture, "lr": LR.get(architecture, 2e-3)} | more


SISA = [variant("sisa", d_state=d, lr_lam=lam) for lam in (0.1, 1.0) for d in (16, 32, 64)]

# name: variants and seeds
PLANS: dict[str, tuple[list[dict[str, Any]], range]] = {
    "lr": ([variant(name, lr=lr) for name in ("transformer", "sisa") for lr in LRS], range(1)),
    "main": ([variant("transformer"), *SISA], range(5)),
}


def runs(plan: str, base: StudyRun) -> list[StudyRun]:
    """The runs of a plan; seeds outermost, so that an early end leaves whole rounds."""
    one_of("plan", plan, list(PLANS))
    variants, seeds = PLANS[plan]
    return expand(base, variants, seeds)


def main(
    plan: list[str],
    corpus: Annotated[str, typer.Option(help="file of data.build_corpus")] = "",
    output_dir: Annotated[str, typer.Option(help="where run folders lie")] = "out/study",
    workers: Annotated[int, typer.Option(help="processes of this machine")] = 1,
    address: Annotated[str, typer.Option(help="of a Dask scheduler to use instead")] = "",
    compile: Annotated[bool, typer.Option(help="use torch.compile")] = False,
    limit: Annotated[int, typer.Option(help="only so many runs of each plan")] = 1000,
    steps: Annotated[int, typer.Option(help="optimiser steps of a run")] = 1500,
) -> None:
    """Train the runs of one or more plans; those already trained are left alone."""
    base = StudyRun(corpus=corpus, output_dir=output_dir, compile=compile, steps=steps)
    listed = {run.name: run for name in plan for run in runs(name, base)[:limit]}
    for done, folder in enumerate(train_all(list(listed.values()), workers=workers, address=address), 1):
        print(f"{done}/{len(listed)} {Path(folder).name}", flush=True)


if __name__ == "__main__":
    typer.run(main)
