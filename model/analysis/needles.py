"""What a trained model does with a needle: answers with and without importance, and heads that look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from scipy.special import softmax
from torch import Tensor

from data import Episodes, NIAHTask, summarise, topics_corpus
from data.refusal import folder_path, one_of, refusal, whole
from model.analysis.evaluation import evaluate
from model.network.capture import capture
from model.network.network import SISAModel
from model.weights.checkpoint import load, locate

FACTORS = {"content": "hook_q", "importance": "hook_lam"}  # a factor of each part of a score


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Parameters of notebook 01.

    Args:
        checkpoint: a file that model.save wrote, or the name of a shipped one.
        length: tokens of the episode.
        depth: share of the text before the needle, 0 to 1.
        value_length: digits of the value.
        seed: of the episode.
        n_episodes: for the counts with and without importance.
        output_dir: where the trace is written.
        smoke: a few episodes only.
    """

    checkpoint: str = "niah"
    length: int = 192
    depth: float = 0.4
    value_length: int = 4
    seed: int = 0
    n_episodes: int = 100
    output_dir: str = "out/explore"
    smoke: bool = False

    def __post_init__(self) -> None:
        whole("seed", self.seed, least=0)
        for name in ("n_episodes", "length", "value_length"):
            whole(name, getattr(self, name), least=1)
        locate(self.checkpoint)
        one_of("smoke", self.smoke, (True, False))
        number = isinstance(self.depth, int | float) and not isinstance(self.depth, bool)
        if not number or not 0 <= self.depth <= 1:
            step = "0 puts the needle first, 1 right before the question."
            raise refusal("depth", self.depth, legal="0 to 1", step=step)
        folder_path("output_dir", self.output_dir)

    def model(self) -> SISAModel:
        model = load(self.checkpoint)
        if model.tokenizer is None:
            step = "Save it with its tokenizer."
            raise refusal("checkpoint", self.checkpoint, legal="one with a tokenizer inside", step=step)
        return model

    def task(self, model: SISAModel) -> NIAHTask:
        """Needles in documentation that the shipped checkpoint's training left out."""
        corpus = topics_corpus(model.tokenizer)
        return NIAHTask(
            filler="corpus",
            corpus=corpus,
            split="heldout",
            lengths=(self.length,),
            depths=(self.depth,),
            value_length=self.value_length,
        )

    def episode(self, model: SISAModel) -> Episodes:
        return self.task(model).build(self.seed, n_episodes=1)

    def episodes(self, model: SISAModel) -> Episodes:
        return self.task(model).build(self.seed + 1, n_episodes=4 if self.smoke else self.n_episodes)


def answers(model: SISAModel, episode: Episodes) -> pd.DataFrame:
    """Greedy answer beside the hidden value; one row."""
    line = episode.knobs.iloc[0]
    start, stop = int(line.answer_start), int(line.answer_stop)
    prompt = torch.as_tensor(episode.tokens[:1, :start], device=model.device)
    said = model.generate(prompt, max_new_tokens=stop - start)[0, start:].tolist()
    text = model.tokenizer.decode(said) if model.tokenizer else " ".join(map(str, said))
    row = {"hidden": line.value, "said": text.strip()}
    return pd.DataFrame([row | {"tokens": line.context_length, "depth": round(line.actual_depth, 2)}])


def capture_episode(model: SISAModel, episodes: Episodes, *, index: int = 0) -> xr.Dataset:
    """The trace of one episode, its needle, value and answer marked."""
    length = int(episodes.knobs["context_length"].iloc[index])
    return capture(model, episodes.tokens[index, :length], spans=episodes.spans(index))


@contextmanager
def ablated(model: SISAModel, part: str) -> Iterator[SISAModel]:
    """Inside, every score lacks one part, "content" or "importance"; later layers see the consequences.

    A factor of the part is set to zero, not the part itself, so that no score-sized tensor is built.

    Raises:
        ValueError: the scores of this model have no such part.
    """
    one_of("part", part, parts(model))
    with model.hooks(fwd_hooks=[(lambda name: name.endswith(FACTORS[part]), _zero)]):
        yield model


def parts(model: SISAModel) -> list[str]:
    """Those of "content" and "importance" that some layer's scores have."""
    return [part for part, name in FACTORS.items() if any(hook.endswith(name) for hook in model.hook_dict)]


def _zero(factor: Tensor, hook: Any) -> Tensor:
    return torch.zeros_like(factor)


def ablations(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """Exact match of the whole model, without importance and without content, with Wilson intervals.

    A model whose scores have one part or none has the first row alone.
    """
    whole_model, both = summarise(evaluate(model, episodes), by=()), parts(model)
    rows = [whole_model.assign(scores=" + ".join(both) or "no scores")]
    for part in reversed(both if len(both) > 1 else []):
        (left,) = set(both) - {part}
        with ablated(model, part):
            rows.append(summarise(evaluate(model, episodes), by=()).assign(scores=f"{left} alone"))
    columns = ["scores", "successes", "n", "rate", "low", "high", "nll"]
    return pd.concat(rows, ignore_index=True).loc[:, columns]


def needle_head(trace: xr.Dataset, *, span: str = "value") -> dict[str, int]:
    """layer and head with the most attention on a span, from the token before the answer."""
    mass = trace.sisa.span_mass(span=span, query=trace.sisa.spans["answer"][0] - 1)
    best = mass.stack(at=("layer", "head")).idxmax().item()
    return dict(zip(("layer", "head"), map(int, best), strict=True))


def needle_heads(trace: xr.Dataset, *, query: int, span: str = "value", top: int = 8) -> pd.DataFrame:
    """Heads that look at a span from one query, most probability first.

    Columns: head (L2H5), then the share of attention on the span under the whole score, and under softmax of
    content alone and of importance alone, and by which term the head finds the span (see `found_by`).

    Raises:
        ValueError: the trace is of a mixer whose weights are no attention, a state space.
    """
    if trace.sisa.weighing.score == "linear":
        step = "Capture another part, or a model that attends."
        raise refusal("trace", "of a state space", legal="one of attention heads", step=step)
    start, stop = trace.sisa.spans[span]
    whole_score = trace.sisa.span_mass(span=span, query=query)
    rows = []
    for layer, head in product(trace["layer"].values, trace["head"].values):
        at = {"layer": int(layer), "head": int(head), "query": query}
        content, importance = (
            getattr(trace.sisa, part)(**at).values.ravel() for part in ("content", "importance")
        )
        alone = [float(softmax(score[~np.isnan(score)])[start:stop].sum()) for score in (content, importance)]
        masses = [float(whole_score.sel(layer=layer, head=head)), *alone]
        chance = (stop - start) / (query + 1)
        rows.append([f"L{layer}H{head}", *masses, found_by(*masses, chance=chance)])
    columns = ["head", "mass", "content alone", "importance alone", "found by"]
    table = pd.DataFrame(rows, columns=columns).sort_values("mass", ascending=False)
    return table.head(top).round(3).reset_index(drop=True)


def found_by(mass: float, content: float, importance: float, *, chance: float) -> str:
    """Which term alone puts at least half of a head's probability on the span; all three are masses.

    A head that puts less than three times the uniform share there finds nothing.
    """
    if mass < 3 * chance:
        return "not found"
    found = [name for name, alone in (("content", content), ("importance", importance)) if alone >= mass / 2]
    return " or ".join(found) or "both together"
