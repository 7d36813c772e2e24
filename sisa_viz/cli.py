"""The `sisa` command: report, explore, doctor."""

import io
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from data.commands import one_line
from data.refusal import file_path

FAILED = 1  # exit code of a command that could not read or write

with one_line("sisa"):  # Ctrl-C while libraries load
    import typer
    from typer.core import TyperGroup

if TYPE_CHECKING:  # a report's rooms are heavy and load when a command runs
    import pandas as pd

    from sisa_viz.pages.page import Section

    Measured: TypeAlias = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]  # metrics, heads, plans

NOTEBOOK, CSV, JSON = ".ipynb", ".runs.csv", ".runs.json"
WRITTEN = (".html", ".htm", CSV, JSON)  # what may be written anew; no run has such files

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is computed by spreadsheets


class _Commands(TyperGroup):
    """Run a command so that a mistake, or Ctrl-C, is one line and no traceback."""

    def invoke(self, ctx: Any) -> object:
        _print_everything()
        with one_line("sisa", refused=FAILED):
            return super().invoke(ctx)


def _print_everything() -> None:
    """Let standard output show what its encoding lacks as an escape: a path, or an arrow in Latin-1."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


app = typer.Typer(
    cls=_Commands,
    help="Look at SISA traces and runs without a notebook.",
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"sisa-lens {version('sisa-lens')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Print what the command can do where nothing is asked of it.

    Example:
        >>> from typer.testing import CliRunner
        >>> CliRunner().invoke(app, ["--version"]).output
        'sisa-lens ...
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


Output = Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")]


@app.command(help="Write one offline page from runs, saved traces and executed notebooks.")
def report(
    paths: Annotated[
        list[Path], typer.Argument(help="Run folders, trace files and notebooks, in any mixture.")
    ],
    output: Output = Path("report.html"),
    title: Annotated[str, typer.Option(help="The title of the page.")] = "SISA report",
    explorer: Annotated[bool, typer.Option(help="Put a score explorer for each trace on the page.")] = True,
) -> None:
    """Write one offline page from runs (folders with config.json and metrics.csv), traces and notebooks.

    Runs come first, all together; then traces and executed notebooks in the order in which they are named.
    Beside a page of runs lie their numbers: page.runs.csv is the tidy table, page.runs.json what the page's
    tables tell of each run and each variant.

    The command ends with exit code 1 and one line on standard error where something cannot be read.

    Example:
        >>> import tempfile
        >>> from sisa_viz.examples import example_trace
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     saved = example_trace().sisa.save(Path(folder) / "trace.nc")
        ...     report([saved], output=Path(folder) / "page.html", explorer=False)
        /.../page.html
    """
    from sisa_viz.pages.page import report as write

    paths = [file_path("path", path) for path in paths]
    output = file_path("output", output)
    runs = _runs(paths)
    for target in [output, *(output.with_suffix(end) for end in (CSV, JSON) if runs)]:
        _check_output(target, paths)
    measured = _measured(runs) if runs else None
    typer.echo(write(output, *_sections(paths, explorer, measured), title=title))
    if measured:
        _write_tables(output, measured)


@app.command(help="Write one offline page with the score explorer of a saved trace.")
def explore(
    trace: Annotated[Path, typer.Argument(help="A trace file, written by trace.sisa.save(path).")],
    output: Output = Path("explorer.html"),
) -> None:
    """Write one offline page with the score explorer of a saved trace.

    The command ends with exit code 1 and one line on standard error where the file is no trace.

    Example:
        >>> import tempfile
        >>> from sisa_viz.examples import example_trace
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     saved = example_trace().sisa.save(Path(folder) / "trace.nc")
        ...     explore(saved, output=Path(folder) / "explorer.html")
        /.../explorer.html
    """
    from sisa_viz.explorer import ScoreExplorer
    from sisa_viz.trace.store import open_trace

    trace, output = file_path("trace", trace), file_path("output", output)
    _check_output(output, [trace])
    with open_trace(trace) as opened:
        ScoreExplorer(opened).to_html(output)
    typer.echo(output)


@app.command(help="Check versions, renderer, widgets, scripts and GPU.")
def doctor() -> None:
    """Check versions, renderer, widgets, scripts and GPU; exit with 1 if something needed is missing.

    Every finding is a line, and below what is wrong stands what to do.

    Example:
        >>> doctor()
        ok    python: 3...
    """
    from sisa_viz.doctor import examine

    checks = examine()
    typer.echo("\n".join(map(str, checks)))
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(FAILED)


def _check_output(output: Path, paths: list[Path]) -> None:
    """Refuse an output that would replace an input; a page in the folder of a run is no input."""
    target = _followed(output)
    read = [_followed(path) for path in paths if not path.is_dir()]
    for folder in [_followed(path) for path in paths if path.is_dir()]:
        read += [folder, *(_followed(path) for path in folder.iterdir() if not path.name.endswith(WRITTEN))]
        if target.is_relative_to(folder) and not target.name.endswith(WRITTEN):
            read.append(target)  # a run that goes on may write a file of this name later
    if target in read:
        raise ValueError(f"output is {output}, which is read too; legal: another file. Pass -o NAME.html")


def _followed(path: Path) -> Path:
    """Return where a path leads to; one that leads to itself, which is nobody's file, as it is."""
    return Path(os.path.realpath(path))


def _runs(paths: list[Path]) -> list[Path]:
    """Return the run folders among paths, or refuse a folder that is none."""
    from data.results.runs import is_run

    runs = [path for path in paths if path.is_dir()]
    wrong = [str(path) for path in runs if not is_run(path)]
    if wrong:
        raise ValueError(
            f"{', '.join(wrong)}: a folder, but not a run; legal: folders with config.json and metrics.csv, "
            "trace files, executed notebooks"
        )
    return runs


def _measured(runs: list[Path]) -> "Measured":
    """Read runs once, so that a page and the tables beside it tell the same of one that is training."""
    from data.results.runs import read_heads, read_plans, read_runs

    return read_runs(runs), read_heads(runs), read_plans(runs)


def _write_tables(page: Path, measured: "Measured") -> None:
    """Write the numbers of runs beside their page and say where."""
    from data.files import write_aside
    from sisa_viz.pages.sections import run_tables

    metrics, _, plans = measured
    csv, told = page.with_suffix(CSV), page.with_suffix(JSON)
    with write_aside(csv) as aside:
        metrics.map(_no_formula).to_csv(aside, index=False)
    variants, last = (metrics, metrics) if metrics.empty else run_tables(metrics, plans)
    tables = {"runs": last, "variants": variants}
    parts = [
        f'"{name}": {table.to_json(orient="records", double_precision=15)}' for name, table in tables.items()
    ]
    with write_aside(told) as aside:  # pandas writes NaN and ∞, which JSON does not have, as null
        aside.write_text("{" + ", ".join(parts) + "}\n", encoding="utf-8")
    typer.echo(f"{csv}\n{told}")


def _no_formula(value: object) -> object:
    """Return a cell so that spreadsheets take it for no formula: a run may be called "=1+1"."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _sections(paths: list[Path], explorer: bool, measured: "Measured | None") -> "list[Section]":
    from sisa_viz.explorer import ScoreExplorer
    from sisa_viz.pages.sections import run_sections, trace_sections
    from sisa_viz.trace.store import open_trace

    sections = run_sections(*measured) if measured else []
    for path in paths:
        if path.is_dir():
            continue
        if path.suffix == NOTEBOOK:
            from sisa_viz.pages.notebooks import notebook_sections

            sections += notebook_sections(path)
            continue
        with open_trace(path) as trace:
            loaded = trace.load()
        sections += trace_sections(loaded, name=path.name)
        if explorer:
            sections.append(ScoreExplorer(loaded))
    return sections
