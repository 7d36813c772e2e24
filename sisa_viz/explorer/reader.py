"""Who reads a typed text: a model with a method `capture`, or a function from a text to its trace."""

from typing import Any

import xarray as xr

from data.refusal import refusal


def check_reader(model: Any) -> None:
    """Refuse what cannot make a trace of a typed text.

    Args:
        model: A SISAModel with a tokenizer, or a function from a text to its trace.

    Raises:
        ValueError: It is neither, or has no tokenizer.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> check_reader(lambda text: example_trace())
        >>> check_reader("gpt2")
        Traceback (most recent call last):
        ValueError: the model has no tokenizer, so it cannot read text; set model.tokenizer, or pass a trace
    """
    if hasattr(model, "run_with_cache") and not hasattr(model, "capture"):  # callable, but for logits
        step = "For a model of TransformerLens write model=partial(capture, model)."
        raise refusal("model", model, legal="what makes a trace of a text", step=step)
    is_function = callable(model) and not hasattr(model, "capture")
    if not is_function and getattr(model, "tokenizer", None) is None:
        raise ValueError(
            "the model has no tokenizer, so it cannot read text; set model.tokenizer, or pass a trace"
        )


def trace_of(model: Any, text: str) -> xr.Dataset:
    """Return the trace that a reader makes of a text.

    Args:
        model: One that `check_reader` lets pass.
        text: What was typed.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> trace_of(lambda text: example_trace(), "the sky").sizes["position"]
        8
    """
    read = getattr(model, "capture", model)
    return read(text)
