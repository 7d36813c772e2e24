"""Train, measure and collect the study.

python -m model.study train main fusion --missing --corpus corpus.npz --workers 4 --compile
python -m model.study lengths out/study/* --corpus corpus.npz
python -m model.study causes out/study/* --corpus corpus.npz
python -m model.study collect out/study/* --gpu "NVIDIA H200" --commit f80bdf3 --date 2026-11-23
python -m model.study readme
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast

from data.commands import one_line

COMMAND = "model.study"

with one_line(COMMAND):  # Ctrl-C while libraries load, which takes seconds
    import typer
    from typer.core import TyperGroup

    from data import TokenCorpus, measured, open_corpus
    from data.refusal import one_of, refusal
    from data.results.variants import USUAL_ANCHOR
    from model.config import Anchor
    from model.study.causes import measure_causes
    from model.study.collect import MEASURED_FOLDER, collect, collect_tiny, finished_run
    from model.study.lengths import measure_lengths
    from model.study.plans import planned
    from model.study.readme import write_reproduction
    from model.study.runs import StudyRun, train_all
    from model.training.run import Run


class _Commands(TyperGroup):
    """Run a command so that a mistake, or Ctrl-C, is one line and no traceback."""

    def invoke(self, ctx: Any) -> object:
        with one_line(COMMAND):
            return super().invoke(ctx)


app = typer.Typer(cls=_Commands, help=__doc__, add_completion=False, no_args_is_help=True)
Corpus = Annotated[str, typer.Option(help="file of data.build_corpus; by default Python's documentation")]
Folders = Annotated[list[Path], typer.Argument(help="run folders")]


@app.command("train")
def _train(
    plans: Annotated[list[str], typer.Argument(help="names of model.study.plans")],
    corpus: Corpus = "",
    output_dir: Annotated[str, typer.Option(help="where run folders lie")] = "out/study",
    workers: Annotated[int, typer.Option(help="processes of this machine")] = 1,
    address: Annotated[str, typer.Option(help="of a Dask scheduler to use instead")] = "",
    compile: Annotated[bool, typer.Option(help="use torch.compile")] = False,
    seeds: Annotated[list[int] | None, typer.Option(help="instead of the plans' own; once each")] = None,
    variant: Annotated[list[str] | None, typer.Option(help="only these, as tables spell them")] = None,
    lr: Annotated[float | None, typer.Option(help="peak learning rate instead of the plans' own")] = None,
    preset: Annotated[str | None, typer.Option(help="size of the models instead of the plans' own")] = None,
    anchor: Annotated[
        str, typer.Option(help="of the decay: causal, as measured runs have it, or exact")
    ] = USUAL_ANCHOR,
    steps: Annotated[int | None, typer.Option(help="optimiser steps of a run, 1,500 by default")] = None,
    missing: Annotated[bool, typer.Option(help="only what data/measured has no run of")] = False,
) -> None:
    """Train the runs of one or more plans; finished ones are left alone, stopped ones go on."""
    base = StudyRun(corpus=corpus, output_dir=output_dir, compile=compile, anchor=cast(Anchor, anchor))
    asked = [
        replace(
            run,
            lr=run.lr if lr is None else lr,
            preset=run.preset if preset is None else preset,
            steps=run.steps if steps is None else steps,
        )
        for plan in plans
        for run in planned(plan, base, seeds=seeds or ())
    ]
    for name in variant or ():
        one_of("variant", name, list(dict.fromkeys(run.variant for run in asked)))
    there = set(measured.runs()["run"]) if missing else set()
    wanted = [run for run in asked if run.name not in there and (not variant or run.variant in variant)]
    runs = list({run.name: run for run in wanted}.values())
    for done, folder in enumerate(train_all(runs, workers=workers, address=address), 1):
        print(f"{done}/{len(runs)} {folder.name}", flush=True)


@app.command("lengths")
def _lengths(
    folders: Folders,
    corpus: Corpus = "",
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    n_episodes: Annotated[int, typer.Option(help="episodes of a length and depth")] = 40,
) -> None:
    """Measure finished runs on contexts up to four times the training context, into lengths.csv.

    Models with an importance term are measured under both anchors of its decay, exact and causal. What the
    file holds already, of these weights and as many episodes, is left alone.
    """
    for folder, run, source in _with_corpus(folders, corpus):
        done = measure_lengths(run, source, n_episodes=n_episodes, device=device)
        told = f"anchors measured: {', '.join(done)}" if done else "lengths.csv is there"
        print(f"{folder}: {told}; {n_episodes} episodes a cell", flush=True)


@app.command("causes")
def _causes(
    folders: Folders,
    corpus: Corpus = "",
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    n_episodes: Annotated[int, typer.Option(help="episodes of each of five depths")] = 40,
) -> None:
    """Take terms, branches and heads out of finished runs and write what they lose.

    levels.csv has each of the two things that a model fuses taken out as a whole, knockouts.csv one term of
    one head, atlas.csv what its heads are. Files that are newer than the weights are left alone.
    """
    for folder, run, source in _with_corpus(folders, corpus):
        done = measure_causes(run, source, n_episodes=n_episodes, device=device)
        print(f"{folder}: {', '.join(done) or 'nothing left to measure'}", flush=True)


def _with_corpus(folders: list[Path], corpus: str) -> Iterator[tuple[Path, Run, TokenCorpus]]:
    """Yield finished runs beside the corpus, which must be what they were trained on."""
    runs = [finished_run(folder) for folder in folders]  # all of them first: one measurement takes minutes
    source = open_corpus(corpus)
    for folder, run in zip(folders, runs, strict=True):
        trained_on = run.config["data"].get("corpus_sha256")
        if trained_on not in (None, source.sha256):
            legal = f"the corpus of {folder}, sha256 {trained_on[:12]}"
            raise refusal("corpus", source, legal=legal, step="Name its file with --corpus.")
        yield folder, run, source


@app.command("collect")
def _collect(
    folders: Folders,
    gpu: Annotated[str, typer.Option(help="what the runs were trained on")],
    commit: Annotated[str, typer.Option(help="of the code that trained them")],
    date: Annotated[str, typer.Option(help="of the training")],
    command: Annotated[str, typer.Option(help="that trained them")],
    out: Annotated[Path, typer.Option(help="where the tables lie")] = MEASURED_FOLDER,
    repeat: Annotated[bool, typer.Option(help="they were trained again; keep the first training")] = False,
) -> None:
    """Put what run folders hold into the tables of data/measured, replacing rows of the same runs."""
    trained = {"gpu": gpu, "commit": commit, "date": date, "command": command}
    runs = collect(folders, out=out, repeat=repeat, **trained)
    collected = runs["run"].isin([folder.name for folder in folders])
    print(runs.loc[collected, ["run", "variant", "seed", "lr"]].to_string(index=False))


@app.command("tiny")
def _tiny(
    folders: Folders, out: Annotated[Path, typer.Option(help="where the tables lie")] = MEASURED_FOLDER
) -> None:
    """Put the needles of notebook 03's own runs into the tables of data/measured."""
    collect_tiny(folders, out=out)


@app.command("readme")
def _readme(
    readme: Annotated[Path, typer.Option(help="file that ten rows go into")] = Path("README.md"),
    reproduction: Annotated[Path, typer.Option(help="file that all rows go into")] = Path(
        "docs/reproduction.md"
    ),
    results: Annotated[Path, typer.Option(help="folder of benchmark results")] = Path("benchmarks/results"),
) -> None:
    """Write the state of reproduction into the README and its own page, in the current folder."""
    write_reproduction(readme, reproduction, results=results)


if __name__ == "__main__":
    app()
