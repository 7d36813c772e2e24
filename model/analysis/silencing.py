"""Silence one term of one head and read a text again: what the explorer offers beside its maps.

The trace on show says which text: its tokens, labels and spans. The same text is captured once more while
`intervened` keeps the term at zero, so the new trace holds what the changed model computed, in that head and
in every later layer.
"""

from __future__ import annotations

import json
from functools import partial
from typing import NamedTuple, cast

import torch
import xarray as xr
from jaxtyping import Int
from torch import Tensor

from data.refusal import one_of, refusal
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import Intervention, Target
from model.analysis.interventions.sites import layers_with, n_heads_of
from model.analysis.knockouts import checked_terms
from model.mixers.parts.hooks import at_least_float32
from model.network.capture import STATE_SPACE, capture, position_labels
from model.network.network import SISAModel
from model.network.unembedding import next_token_loss
from sisa_viz.explorer.silence import WHOLE_HEAD, Reading, Silenced, Silencer

LARGEST_DIFFERENCE = 0.02  # of a factor, as a share of the largest: more than float16 and other kernels make


class Question(NamedTuple):
    """A text, and which of its tokens, or of those after it, are asked about."""

    tokens: Int[Tensor, "1 position"]
    start: int  # of the answer, after the meta tokens
    answer: Int[Tensor, " answer"]


def silencing(model: SISAModel) -> Silencer:
    """Return what `ScoreExplorer(trace, silence=…)` needs to run a model again without a term of a head.

    Args:
        model: the one that the explorer's traces are captured of; each run leaves it as it came.

    Example:
        >>> from model import SISAConfig, capture
        >>> from sisa_viz import ScoreExplorer
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> explorer = ScoreExplorer(capture(model, [5, 3, 5, 7]), silence=silencing(model), head=2)
        >>> explorer.silence("content").change
        'without content of L0H2'
        >>> float(explorer.trace.sisa.content(layer=0, head=2, query=3).max())
        0.0
    """
    return Silencer(terms=partial(silent_terms, model), run=partial(silenced, model))


def silent_terms(model: SISAModel, trace: xr.Dataset) -> list[str]:
    """Return the terms of a trace's heads that can be silenced, and "head" where a head's output can.

    Args:
        model: that the trace was captured of.
        trace: of its attention, or of its state space.

    Example:
        >>> from model import SISAConfig, capture
        >>> models = [SISAModel(SISAConfig.preset("tiny", architecture=name)) for name in ("sisa", "mamba2")]
        >>> [silent_terms(model, capture(model, [5, 3, 5, 7])) for model in models]
        [['content', 'importance', 'head'], ['head']]
    """
    terms = [] if trace.sisa.is_state_space else list(checked_terms(model, None))
    layers = trace["layer"].values.tolist()
    heads = {n_heads_of(model, layer, WHOLE_HEAD) for layer in set(layers) & {*layers_with(model, "head")}}
    # a Hymba's attention and its state space may have unlike numbers of heads, and what W_O maps mixes both
    own = model.config.n_heads if not trace.sisa.is_state_space else max(heads, default=0)
    return [*terms, *([WHOLE_HEAD] if heads == {own} else [])]


@torch.no_grad()
def silenced(model: SISAModel, trace: xr.Dataset, *, term: str, layer: int, head: int) -> Silenced:
    """Read the text of a trace again with one term of one head set to zero.

    Beside the new trace stand the greedy answer, log p of the answer and the mean loss, before and after. The
    answer is the span of that name; without one it is what the unchanged model says after the last token.

    Args:
        model: that the trace was captured of; left as it came.
        trace: whose tokens, labels and spans are taken; it may hold some of the layers and heads alone.
        term: one of `silent_terms`.
        layer, head: coordinates of the trace.

    Returns:
        A Silenced, whose trace has the axes of the given one and says in its versions what was silenced.

    Raises:
        ValueError: the head has no such term, or the trace is not of this model as it is now.

    Example:
        >>> from model import SISAConfig, capture
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> trace = capture(model, [5, 3, 5, 7], spans={"answer": (3, 4)})
        >>> found = silenced(model, trace, term="importance", layer=0, head=1)
        >>> found.asked, found.answer, found.before.loss != found.after.loss
        ('answer', '7', True)
    """
    one_of("term", term, silent_terms(model, trace))
    change = Intervention(cast(Target, term), layers=[layer], heads=[head])
    _check_of_this_model(model, trace)
    question, asked = _question(model, trace)
    before = _reading(model, question)
    with intervened(model, change):
        after, new = _reading(model, question), _again(model, trace)
    said = {**json.loads(new.attrs["versions"]), "intervention": repr(change)}
    return Silenced(
        term=term,
        layer=layer,
        head=head,
        asked=asked,
        answer=_written(model, question.answer),
        before=before,
        after=after,
        trace=new.assign_attrs(versions=json.dumps(said)),
    )


def _again(model: SISAModel, trace: xr.Dataset) -> xr.Dataset:
    """Capture the text of a trace once more, on the same layers and heads."""
    n_meta = model.config.n_meta
    new = capture(
        model,
        trace["token_id"].values[n_meta:],
        labels=trace["token"].values[n_meta:].tolist(),
        spans={name: [edge - n_meta for edge in span] for name, span in trace.sisa.spans.items()},
        dtype=str(trace["q"].dtype),
        part=STATE_SPACE if trace.sisa.is_state_space else "attention",
    )
    return new.sel(layer=trace["layer"].values, head=trace["head"].values)


def _check_of_this_model(model: SISAModel, trace: xr.Dataset) -> None:
    """Refuse a trace whose factors the model, as it is now, does not compute.

    A difference between two models would otherwise pass for what the silencing did.
    """
    legal, step = "one of this model as it is now", "Capture the text once more."
    if trace.sisa.config != model.config.to_dict():
        raise refusal("trace", "of another config", legal=legal, step=step)
    now = _again(model, trace)
    for name in {"q", "k", "b_rot", "c_rot"} & set(trace.data_vars):
        largest, off = abs(trace[name]).max(), abs(trace[name] - now[name]).max()
        if trace[name].size and off > LARGEST_DIFFERENCE * largest:
            raise refusal("trace", "of other weights", legal=legal, step=step)


def _question(model: SISAModel, trace: xr.Dataset) -> tuple[Question, str]:
    """Return the text with its answer, and what that is."""
    n_meta = model.config.n_meta
    tokens = torch.as_tensor(trace["token_id"].values[n_meta:], device=model.device)[None]
    start, stop = trace.sisa.spans.get("answer", (0, 0))
    if start > n_meta:  # something is read before it
        return Question(tokens, start - n_meta, tokens[0, start - n_meta : stop - n_meta]), "answer"
    said = model(tokens)[0, -1:].argmax(-1)
    return Question(tokens, tokens.shape[1], said), "next token"


def _reading(model: SISAModel, question: Question) -> Reading:
    """Return what a model says, with whatever hooks it has."""
    tokens, start, answer = question
    logits = at_least_float32(model(tokens))
    log_p = logits[0, start - 1 : start - 1 + len(answer)].log_softmax(-1)
    said = model.generate(tokens[:, :start], max_new_tokens=len(answer))[0, start:]
    return Reading(
        said=_written(model, said),
        log_p=log_p.gather(-1, answer[:, None]).sum().item(),
        loss=next_token_loss(logits, tokens).item(),
    )


def _written(model: SISAModel, ids: Int[Tensor, " position"]) -> str:
    """Return token ids as their labels in a row, or apart where they are numbers."""
    labels = position_labels(model, ids.tolist())[model.config.n_meta :]
    return ("" if model.tokenizer else " ").join(labels)
