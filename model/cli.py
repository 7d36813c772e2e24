"""The `sisa` command whole: what `sisa_viz.cli` offers, and the capture of a text by a model."""

from pathlib import Path
from typing import Annotated

from data.commands import one_line
from data.refusal import file_path, refusal
from sisa_viz.cli import app

with one_line("sisa"):  # Ctrl-C while libraries load
    import typer

LONGEST_NAME = 255  # characters of a file's name; a longer text is no path


@app.command(help="Read a text with a model and save the trace, for `sisa explore` and `sisa report`.")
def capture(
    text: Annotated[str, typer.Argument(help="The text itself, or a file that holds it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The trace file to write.")] = Path(
        "trace.nc"
    ),
    model: Annotated[str, typer.Option(help="A shipped name, or a .safetensors file of save().")] = "niah",
) -> None:
    """Read a text with a model and save the trace.

    The command ends with exit code 1 and one line on standard error where the text or the model is refused.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     capture("The secret number is", output=Path(folder) / "trace.nc")
        /.../trace.nc
    """
    output = file_path("output", output)
    if output.suffix != ".nc":
        raise refusal("output", str(output), legal="a name that ends in .nc", step="Pass -o trace.nc.")
    words = _text(text)
    from model.weights.checkpoint import load

    typer.echo(load(model).capture(words).sisa.save(output))


def _text(given: str) -> str:
    """Return what a file holds where there is one of that name, else the words themselves."""
    if len(given) > LONGEST_NAME or "\n" in given or not Path(given).is_file():
        return given
    try:
        return Path(given).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        step = "Save it as UTF-8."
        raise refusal("text", f"the file {given}", legal="a text in UTF-8", step=step) from error


if __name__ == "__main__":
    app()
