"""Notebook 05: what d_state brings and costs at equal parameters, and the gates of the adaptive variant."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch

from data import NIAHTask, measured, published
from data.refusal import folder_path, one_of, refusal, whole
from data.results.estimate import FEWEST_SEEDS, Estimate
from data.results.intervals import paired_difference, slope_interval
from data.results.tables import Frame
from data.results.variants import Variant
from data.results.verdicts import FALLS_HERE, GROWS_HERE, UNDECIDED, Claim, claims_table, judge
from model.config import PRESETS, SISAConfig
from model.config.sizes import mixers, total
from model.mixers.attention.adaptive import AdaptiveSISA
from model.network.network import SISAModel
from model.study.findings.reading import NOT_YET, check_needles, compared
from model.study.notebooks.small import SMOKE_STEPS, train_small
from model.study.plans import STATE_SIZES

PLANS = ("main", "state", "fusion")
ADAPTIVE = "adaptive_sisa"
STEADY = 64
THROUGHPUT = Path(__file__).parents[3] / "benchmarks" / "results" / "state_size.json"


@dataclass(frozen=True, kw_only=True)
class StateSizes:
    """Parameters of notebook 05.

    Args:
        needles: held-out set of the measured study.
        preset: size at which parameters are compared.
        steps, seed: of the small adaptive model that is trained here.
        output_dir: where its run folder lies.
        smoke: two steps of training only.
    """

    needles: str = "corpus256"
    preset: str = "small"
    steps: int = 60
    seed: int = 0
    output_dir: str = "out/state_size"
    smoke: bool = False

    def __post_init__(self) -> None:
        check_needles(self.needles)
        one_of("preset", self.preset, list(PRESETS))
        one_of("smoke", self.smoke, (True, False))
        whole("steps", self.steps, least=1)
        whole("seed", self.seed, least=0)
        folder_path("output_dir", self.output_dir)

    def adaptive_model(self) -> SISAModel:
        """A tiny one after a few steps on synthetic needles."""
        steps = SMOKE_STEPS if self.smoke else self.steps
        folder = Path(self.output_dir) / f"adaptive-{steps}steps-seed{self.seed}"
        task = NIAHTask(filler="synthetic", lengths=(48,))
        return train_small(ADAPTIVE, task, folder=folder, steps=steps, seed=self.seed)


def sizes_table(*, preset: str = "small") -> Frame:
    """What every d_state costs: d_mlp that pays for it, share of parameters in the mixers, all parameters."""
    rows = []
    for d_state in (0, *STATE_SIZES):
        config = SISAConfig.preset(preset, d_state=d_state)
        share = f"{mixers(config) / total(config):.0%}"
        sizes = {"d_state": d_state, "d_mlp": config.d_mlp, "mixers": share}
        rows.append(sizes | {"parameters": f"{total(config):,}"})
    return pd.DataFrame(rows).set_index("d_state")


def ended(*, lr: float | None = None) -> Frame:
    """One measured run a row at its last step: transformer, SISA of every d_state, and the adaptive one.

    Args:
        lr: peak learning rate; by default each variant's own, see `data.measured.chosen`.
    """
    every = compared(*PLANS) if lr is None else measured.on_text(measured.metrics()).query("lr == @lr")
    last = measured.final(every)
    sizes = [Variant("sisa", d_state=d_state).label for d_state in STATE_SIZES]
    return last[last["architecture"].isin(["transformer", ADAPTIVE, *sizes])].reset_index(drop=True)


def coverage(runs: Frame) -> Frame:
    """Seeds of each d_state; "not measured yet" where there are none."""
    seeds = runs.groupby("architecture")["seed"].nunique()
    names = [Variant("sisa", d_state=d_state).label for d_state in STATE_SIZES]
    counts = [str(seeds.get(name, NOT_YET)) for name in ("transformer", *names, ADAPTIVE)]
    return pd.DataFrame({"variant": ["transformer", *names, ADAPTIVE], "seeds": counts}).set_index("variant")


def throughput(path: Path = THROUGHPUT) -> Frame:
    """d_state, tokens_per_second in training, relative to the transformer, machine, and what plots want.

    Empty where it has not been measured yet.

    Raises:
        ValueError: the file holds no such rows.
    """
    columns = ["d_state", "tokens_per_second", "relative"]
    if not path.is_file():
        return pd.DataFrame(columns=[*columns, "architecture", "seed", "machine"])
    measured_there = json.loads(path.read_text(encoding="utf-8"))
    table = pd.DataFrame(measured_there.get("rows"))
    if not set(columns) <= set(table):
        step = "Measure it again with benchmarks/state_size.py."
        raise refusal(f"rows of {path.name}", list(table), legal=", ".join(columns), step=step)
    names = [Variant("sisa", d_state=size).label if size else "transformer" for size in table["d_state"]]
    told = {"architecture": names, "seed": 0, "machine": measured_there["machine"]}
    return table[columns].assign(**told).sort_values("d_state", ignore_index=True)


@torch.no_grad()
def gates(model: SISAModel) -> Frame:
    """Layer × pair of state channels: how far its gate is open, 0 to 1."""
    open_ = [cast(AdaptiveSISA, block.attn).gate_raw.sigmoid().tolist() for block in model.blocks]
    return pd.DataFrame(open_, index=[f"layer {n}" for n in range(len(open_))]).rename(
        columns="pair {}".format
    )


def state_claims(runs: Frame, speed: Frame, *, needles: str) -> Frame:
    """What d_state changes, each with a 95 % interval; one row a claim.

    Args:
        runs: of `ended`.
        speed: of `throughput`.
    """
    rows = [_difference(runs, metric) for metric in (f"{needles}/exact_match", "val/loss")]
    others = claims_table([*rows, _speed(speed)])
    return pd.concat([size_claims(runs, needles=needles), others], ignore_index=True)


def size_claims(runs: Frame, *, needles: str) -> Frame:
    """Slopes of exact match and loss over d_state, of all sizes and of those up to 64; one row a claim.

    Args:
        runs: of `ended`; larger sizes come close to diverging at the rates that suit small ones.
    """
    sisa = runs[[Variant.from_label(name).is_sisa for name in runs["architecture"]]]
    slopes = (
        (f"{needles}/exact_match", "exact match grows with d_state", _published_match()),
        ("val/loss", "val/loss falls with d_state", "not reported"),
    )
    limits = dict.fromkeys((sisa["d_state"].max(), STEADY))  # one where no larger size was measured
    rows = [
        _slope(sisa[sisa["d_state"] <= most], metric, f"{claim}, up to {most:g}", said)
        for metric, claim, said in slopes
        for most in limits
    ]
    return claims_table(rows)


def _published_match() -> str:
    """Needle accuracy of all published state sizes, by scale."""
    table = published.final().query("model == 'sisa'")
    rates = table.groupby("scale", sort=False)["niah_pct"].agg(["min", "max"])
    words = [
        f"{scale} {high:g} %" if low == high else f"{scale} {low:g} to {high:g} %"
        for scale, low, high in rates.itertuples()
    ]
    return f"at every d_state: {', '.join(words)}"


def _slope(runs: Frame, metric: str, claim: str, said: str) -> Claim:
    """Change a doubling of d_state, least squares over runs, seeds apart, with its t-interval."""
    known = runs.dropna(subset=[metric])
    doublings = np.log2(known["d_state"].to_numpy(float))
    found = slope_interval(doublings, known[metric].to_numpy(float), groups=known["seed"].tolist())
    judged = _change(claim, said, found, unit=" a doubling")
    if found.has_interval:
        return judged
    spread = len(set(doublings))
    need = f"at least {FEWEST_SEEDS} sizes and {FEWEST_SEEDS + 1} runs; there are {spread} and {len(known)}"
    return replace(judged, what_would_decide_it=need)


def _difference(runs: Frame, metric: str) -> Claim:
    """Adaptive minus fixed at the same d_state, of runs that share a seed, with its t-interval."""
    d_state = runs.loc[runs["architecture"] == ADAPTIVE, "d_state"]
    fixed = Variant("sisa", d_state=int(d_state.iloc[0]) if len(d_state) else 16).label
    pairs = runs[runs["architecture"].isin([ADAPTIVE, fixed])].pivot(
        index="seed", columns="architecture", values=metric
    )
    pairs = pairs.reindex(columns=[ADAPTIVE, fixed]).dropna()
    gain = paired_difference(pairs[ADAPTIVE].to_numpy(float), pairs[fixed].to_numpy(float))
    return _change(f"adaptive gates change {metric} against {fixed}", "future work there", gain)


def _change(claim: str, said: str, found: Estimate, *, unit: str = "") -> Claim:
    """Whether a number grows or falls."""
    words = (GROWS_HERE, FALLS_HERE)
    return judge(claim, said, found, border=0, side="above", words=words, form="{:+.3f}", unit=unit)


def _speed(speed: Frame) -> Claim:
    """Published for d_state 32 alone."""
    table = published.throughput()
    paper = float(table.loc[table["model"] == "sisa", "relative"].iloc[0])
    own = speed[speed["d_state"] == 32]
    nothing = Claim(
        claim="training speed at d_state=32, relative to the transformer",
        published=f"{paper:.2f} (152M, one run)",
        estimate=Estimate(value=np.nan),
        verdict=UNDECIDED,
        what_would_decide_it=f"a GPU: {THROUGHPUT.name} is {NOT_YET}",
    )
    if own.empty:
        return nothing
    return replace(
        nothing,
        estimate=Estimate(value=float(own["relative"].iloc[0]), n=1),
        unit=f" ({own['machine'].iloc[0]})",
        what_would_decide_it="repeated timings on a GPU: one has no interval",
    )
