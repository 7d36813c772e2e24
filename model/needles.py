"""What a trained model does with a needle: its answers with the importance term and without, and which heads look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from data import Episodes, NIAHTask, summarise, topics_corpus
from data.refusal import one_of, refusal, whole
from model.checkpoint import load
from model.evaluation import evaluate
from model.network import SISAModel
from model.trace import capture


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
        whole("n_episodes", self.n_episodes, least=1)
        one_of("smoke", self.smoke, (True, False))
        if isinstance(self.depth, bool) or not isinstance(self.depth, int | float) or not 0 <= self.depth <= 1:
            raise refusal("depth", self.depth, legal="0 to 1", step="0 puts the needle first, 1 right before the question.")
        if not isinstance(self.output_dir, str) or not self.output_dir:
            raise refusal("output_dir", self.output_dir, legal="the path of a folder", step="It is made where it does not exist.")

    def model(self) -> SISAModel:
        model = load(self.checkpoint)
        if model.tokenizer is None:
            raise refusal("checkpoint", self.checkpoint, legal="one with a tokenizer inside", step="Save it with its tokenizer.")
        return model

    def task(self, model: SISAModel) -> NIAHTask:
        """Needles in documentation that the shipped checkpoint's training left out."""
        corpus = topics_corpus(model.tokenizer)
        return NIAHTask(
            filler="corpus", corpus=corpus, split="heldout", lengths=(self.length,), depths=(self.depth,), value_length=self.value_length
        )

    def episode(self, model: SISAModel) -> Episodes:
        return self.task(model).build(self.seed, n_episodes=1)

    def episodes(self, model: SISAModel) -> Episodes:
        return self.task(model).build(self.seed + 1, n_episodes=4 if self.smoke else self.n_episodes)


def answers(model: SISAModel, episode: Episodes) -> pd.DataFrame:
    """Greedy answer beside the hidden value; one row."""
    line = episode.knobs.iloc[0]
    prompt = torch.as_tensor(episode.tokens[:1, : line.answer_start], device=model.device)
    said = model.generate(prompt, max_new_tokens=int(line.answer_stop - line.answer_start))[0, line.answer_start :]
    text = model.tokenizer.decode(said.tolist()) if model.tokenizer else " ".join(map(str, said.tolist()))
    return pd.DataFrame([{"hidden": line.value, "said": text.strip(), "tokens": line.context_length, "depth": round(line.actual_depth, 2)}])


def capture_episode(model: SISAModel, episodes: Episodes, *, index: int = 0) -> xr.Dataset:
    """The trace of one episode, its needle, value and answer marked."""
    length = int(episodes.knobs["context_length"].iloc[index])
    return capture(model, episodes.tokens[index, :length], spans=episodes.spans(index))


@contextmanager
def ablated(model: SISAModel, part: str) -> Iterator[SISAModel]:
    """Inside, every score lacks one part, "content" or "importance"; later layers see the consequences."""
    one_of("part", part, ("content", "importance"))
    with model.hooks(fwd_hooks=[(lambda name: name.endswith(f"hook_{part}_scores"), _zero)]):
        yield model


def _zero(scores: Tensor, hook: Any) -> Tensor:
    return torch.zeros_like(scores)


def ablations(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """Exact match of the whole model, without importance and without content, with Wilson intervals."""
    whole_model = summarise(evaluate(model, episodes), by=())
    rows = [whole_model.assign(scores="content + importance")]
    for part, left in (("importance", "content alone"), ("content", "importance alone")):
        with ablated(model, part):
            rows.append(summarise(evaluate(model, episodes), by=()).assign(scores=left))
    return pd.concat(rows)[["scores", "successes", "n", "rate", "low", "high", "nll"]].reset_index(drop=True)


def needle_heads(trace: xr.Dataset, *, query: int, span: str = "value", top: int = 8) -> pd.DataFrame:
    """Heads that look at a span from one query, most probability first.

    Columns: head (L2H5), mass with the trained λ and with λ = 0 (probability), content and importance advantage of the span
    over the other visible tokens (nats), and by which term the head finds it.
    """
    mass, without = (trace.sisa.span_mass(span=span, query=query, lam_scale=scale) for scale in (1.0, 0.0))
    content, importance = (trace.sisa.span_advantage(part, span=span, query=query) for part in ("content", "importance"))
    columns = {"mass": mass, "mass without importance": without, "content (nats)": content, "importance (nats)": importance}
    table = pd.DataFrame({name: array.values.ravel() for name, array in columns.items()})
    table.insert(0, "head", [f"L{layer}H{head}" for layer in trace["layer"].values for head in trace["head"].values])
    table["finds it by"] = [_reason(c, i) for c, i in zip(table["content (nats)"], table["importance (nats)"], strict=True)]
    return table.sort_values("mass", ascending=False).head(top).round(3).reset_index(drop=True)


def _reason(content: float, importance: float) -> str:
    if max(content, importance) <= 0:
        return "neither"
    return "content" if content >= importance else "importance"
