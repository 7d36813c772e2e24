"""Notebook 06: needles beyond the training context, by position code, and what YaRN does to the two terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from data import NIAHTask, measured, published, wilson
from data.refusal import one_of, refusal, whole
from data.results.estimate import Estimate
from data.results.intervals import share_interval
from data.results.literature import published_length
from data.results.tables import Frame
from data.results.verdicts import NOT_MEASURED, UNDECIDED, Claim, claims_table, judge
from model.analysis.ablation import score_terms
from model.config.architectures import architectures
from model.mixers.parts.rope import temperature
from model.network.extension import with_rope
from model.network.network import SISAModel
from model.study.findings.reading import SHOWN, variants
from model.study.lengths import STRETCH, length_grid
from model.study.notebooks.exploration import Exploration, heldout_topics
from model.weights.checkpoint import locate

PLANS = ("main", "fusion")
NOPE = "transformer, no RoPE"
BORDER = 0.5
SMOKE_LENGTHS = (64, 128)
CELL = ["architecture", "context_length", "depth"]


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """Parameters of notebook 06.

    Args:
        variant: of the measured study, beside the transformer without RoPE; "" takes SISA at d_state 16.
        checkpoint: of a model with RoPE, importance and a tokenizer, measured here.
        lengths: context lengths measured here, tokens.
        n_episodes: of a cell of that measurement.
        smoke: two short lengths, one episode a cell.
    """

    variant: str = ""
    checkpoint: str = "niah"
    lengths: Sequence[int] = (512, 1024, 1536)
    n_episodes: int = 1
    smoke: bool = False

    def __post_init__(self) -> None:
        one_of("variant", self.shown, variants(*PLANS))
        one_of("smoke", self.smoke, (True, False))
        locate(self.checkpoint)
        whole("n_episodes", self.n_episodes, least=1)
        if not isinstance(self.lengths, list | tuple) or not self.lengths:
            step = "With papermill: -y 'lengths: [...]'."
            raise refusal("lengths", self.lengths, legal="a list, at least one length", step=step)
        for length in self.lengths:
            whole("lengths", length, least=64)

    @property
    def shown(self) -> str:
        """The variant of the study."""
        return self.variant or SHOWN

    def model(self) -> SISAModel:
        model = Exploration(checkpoint=self.checkpoint).model()
        if "importance" not in score_terms(model) or model.config.rope == "none":
            legal = "a model with RoPE whose scores have content and importance"
            raise refusal("checkpoint", self.checkpoint, legal=legal, step="Take SISA or a variant of it.")
        return model

    def grid(self, model: SISAModel) -> Frame:
        """Measured now: what `plot_niah_grid` draws, one panel a position code."""
        lengths = SMOKE_LENGTHS if self.smoke else self.lengths
        n_episodes = 1 if self.smoke else self.n_episodes
        table = length_grid(
            model, heldout_topics(model, self.checkpoint), n_episodes=n_episodes, lengths=list(lengths)
        )
        return table.rename(columns={"rope": "architecture"})


def measured_grid(variant: str) -> Frame:
    """Cells of a measured variant under each position code, and of the transformer without any.

    The mean over seeds; their episodes are the same ones and count once. Learning rates that lost are left
    out. Empty where nothing has been measured yet.
    """
    table = _lengths()
    table = table[table["variant"].isin([variant, NOPE])]
    panels = table["rope"].where(table["variant"] == variant, NOPE)
    return over_seeds(table.assign(architecture=panels), by=CELL)


def every_variant() -> Frame:
    """Measured variant and position code × length: mean over seeds, all depths together, as text."""
    cells = over_seeds(_lengths(), by=["variant", "rope", "context_length"])
    words = [
        f"{rate:.0%}" if np.isnan(low) else f"{rate:.0%} ({low:.0%} to {high:.0%})"
        for rate, low, high in cells[["rate", "low", "high"]].itertuples(index=False)
    ]
    wide = cells.assign(words=words).pivot(
        index=["variant", "rope"], columns="context_length", values="words"
    )
    return wide.rename_axis(index=["variant", "position code"])


def _lengths() -> Frame:
    """Measured lengths of compared runs; no rows where the table is not there."""
    try:
        return measured.chosen(measured.lengths())
    except FileNotFoundError:
        return pd.DataFrame(columns=["run", "variant", "seed", "rope", *CELL[1:], "successes", "n"])


def over_seeds(table: Frame, *, by: Sequence[str]) -> Frame:
    """Rate of successes by these columns: mean over runs, with `data.results.intervals.share_interval`.

    Returns:
        by, then seeds, n (episodes of one run), rate, low, high; no interval for fewer than three seeds.
    """
    runs = table.groupby([*by, "run"], as_index=False)[["successes", "n"]].sum()
    rows = []
    for cell, own in runs.groupby(list(by)):
        n = int(own["n"].min())
        found = share_interval((own["successes"] / own["n"]).to_numpy(float), episodes=n)
        rows.append((*cell, found.n, n, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=[*by, "seeds", "n", "rate", "low", "high"])


@torch.no_grad()
def yarn_balance(
    model: SISAModel, *, factors: Sequence[float] = (1.0, 2.0, 4.0, 8.0), seed: int = 0
) -> Frame:
    """What YaRN's μ does to a model's first layer: content times μ², importance as it was.

    A token's score with itself is not turned by RoPE, so there the factor is μ² alone.

    Returns:
        stretch s, μ, μ²; content, importance: measured factor on those scores; share: of the variance of all
        visible scores, that of importance.
    """
    task = NIAHTask(filler="corpus", corpus=heldout_topics(model, "niah"), split="heldout", lengths=(128,))
    tokens = torch.as_tensor(task.build(seed, n_episodes=1).tokens)
    plain = _terms(model, tokens)
    rows = []
    for s in factors:
        stretched = with_rope(model, "yarn", s)
        content, importance = _terms(stretched, tokens)
        grown = [_on_itself(new, old) for new, old in zip((content, importance), plain, strict=True)]
        seen = torch.ones(content.shape[-2:], dtype=torch.bool).tril()
        variances = [term[..., seen].var(-1).mean() for term in (content, importance)]
        mu = temperature(stretched.config)
        share = float(variances[1] / sum(variances))
        row = {"stretch s": s, "μ": mu, "μ²": mu**2, "content": grown[0], "importance": grown[1]}
        rows.append(row | {"share of importance": share})
    return pd.DataFrame(rows).set_index("stretch s").round(4)


def _on_itself(new: torch.Tensor, old: torch.Tensor) -> float:
    """Median factor between the scores of tokens with themselves."""
    return float((new.diagonal(0, -2, -1) / old.diagonal(0, -2, -1)).median())


def _terms(model: SISAModel, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Content and importance of the first layer: head query key, nats."""
    names = [f"blocks.0.attn.hook_{part}_scores" for part in ("content", "importance")]
    _, cache = model.run_with_cache(tokens, names_filter=names, return_cache_object=False, return_type=None)
    return cache[names[0]][0], cache[names[1]][0]


def length_claims(variant: str, *, trained_on: int = 512) -> Frame:
    """Whether a model keeps less than half of its needles beyond the training context; one row a claim.

    Kept: exact match at twice or four times that context over exact match at it, all depths together, at
    most 1; mean over seeds as a share of the needles found at 1 ×. Of the transformer with and without RoPE,
    and of variant as it was trained and under each way to stretch RoPE.
    """
    table, rows, at_once = _lengths(), [], []
    as_trained = table[~table["rope"].isin(list(STRETCH))]
    asked = {name: as_trained[as_trained["variant"] == name] for name in ("transformer", variant, NOPE)}
    without_rope = [record.name for record in architectures() if record.rope == "none"]
    if variant not in (NOPE, *without_rope):
        own = table[table["variant"] == variant]
        asked |= {f"{variant}, {rope}": own[own["rope"] == rope] for rope in STRETCH}
    for name, cells in asked.items():
        counts = cells.pivot_table(
            index="run", columns="context_length", values=["successes", "n"], aggfunc="sum"
        )
        rows += [_claim(counts, name, times, trained_on) for times in (2, 4)]
        at_once += [_near(counts, trained_on)] * 2
    return claims_table(rows).assign(**{"at 1 ×": at_once})


def _claim(counts: Frame, name: str, times: int, trained_on: int) -> Claim:
    """The paper's own length test ends at 1.5 times the training context, where all but fail."""
    said, length = published_length(published.length(), variant=name), times * trained_on
    claim = f"{name}: keeps less than half at {times} ×"
    nothing = Claim(
        claim=claim,
        published=said,
        estimate=Estimate(value=np.nan, n=len(counts)),
        verdict=NOT_MEASURED,
        what_would_decide_it="python -m model.study lengths --corpus FILE, on runs of it",
    )
    if not {("n", trained_on), ("n", length)} <= set(counts.columns):
        return nothing
    rates = counts["successes"] / counts["n"]
    near = rates[trained_on]
    if not near.all():
        needed = "runs that find needles at 1 ×"
        return replace(nothing, verdict=UNDECIDED, what_would_decide_it=needed)
    # Of the needles found at 1 ×, at most all are kept; their number is what the episodes leave uncertain.
    kept = (rates[length] / near).clip(upper=1)
    found = max(1, round(counts["n"][length].min() * near.mean()))
    return judge(
        claim,
        said,
        share_interval(kept.to_numpy(float), episodes=found),
        border=BORDER,
        side="below",
        claimed=bool(said),
        form="{:.0%}",
    )


def _near(counts: Frame, trained_on: int) -> str:
    """Share found at the training context; "" where that was not measured."""
    if ("n", trained_on) not in counts:
        return ""
    return f"{(counts['successes'] / counts['n'])[trained_on].mean():.1%}"


def by_length(grid: Frame) -> Frame:
    """Position code × length: exact matches of all depths together, with Wilson intervals, as text."""
    sums = grid.groupby(["architecture", "context_length"])[["successes", "n"]].sum()
    words = [
        f"{successes} of {n} ({low:.0%} to {high:.0%})"
        for successes, n in sums.itertuples(index=False)
        for low, high in [wilson(successes, n)]
    ]
    return pd.Series(words, index=sums.index).unstack().rename_axis("position code")
