"""Notebook 09: a checkpoint that the paper's authors published, or a random stand-in where it is not here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
import xarray as xr
from torch.nn import functional

from data import Episodes, NIAHTask, summarise, train_tokenizer
from data import published as figures
from data.niah.paper_protocol import FILLER_SENTENCE, KEYS_AND_ANSWERS, SCRIPT_LENGTH, SCRIPT_SEED
from data.refusal import folder_path, one_of
from model.analysis.episode import capture_episode
from model.analysis.evaluation import evaluate
from model.config import SISAConfig
from model.mixers.attention.sisa import INITIAL_DECAY_BIAS, INITIAL_LAM_RAW
from model.network.network import SISAModel
from model.study.limits import check_episodes, check_seed
from model.weights.paper import import_paper_checkpoint, released_name
from model.weights.published import PUBLISHED, load_published, published_names
from sisa_viz.trace.axes import head_name

EPISODES_OF_A_SMOKE_RUN = 2
STAND_IN = "What follows is of a small random model in the same layout: it shows what the cells do, no more."
NO_CONCLUSION = (
    "Random stand-in: it was never trained, so nothing here is said about the published checkpoint."
)


@dataclass(frozen=True)
class Found:
    """Hold the model that notebook 09 looks at, whether it is the random stand-in, and words for that."""

    model: SISAModel
    random: bool
    said: str


@dataclass(frozen=True, kw_only=True)
class PublishedRun:
    """Hold the parameters of notebook 09.

    Args:
        checkpoint: one of `model.published_names()`.
        folder: where it is looked for and kept; "" takes the cache.
        download: fetch it from the hub where it is not here: up to some GB.
        n_episodes: of the paper's own needle test, 512 tokens each; its script takes 200.
        seed: of the episodes; its script takes 42.
        smoke: two episodes only.

    Raises:
        ValueError: a parameter is not legal; names it.

    Example:
        >>> PublishedRun(checkpoint="152M")
        Traceback (most recent call last):
        ValueError: checkpoint is '152M'; legal: '369M/sisa_ds16', '369M/sisa_ds32', ...
    """

    checkpoint: str = "152M/sisa_ds16"
    folder: str = ""
    download: bool = False
    n_episodes: int = 40
    seed: int = SCRIPT_SEED
    smoke: bool = False

    def __post_init__(self) -> None:
        one_of("checkpoint", self.checkpoint, published_names())
        one_of("download", self.download, (True, False))
        check_seed("seed", self.seed)
        check_episodes(self.n_episodes, length=SCRIPT_LENGTH)
        one_of("smoke", self.smoke, (True, False))
        if self.folder:
            object.__setattr__(self, "folder", str(folder_path("folder", self.folder, writable=False)))

    def find(self) -> Found:
        """Return the checkpoint, or the stand-in with the words that name the file to put where."""
        try:
            model = load_published(self.checkpoint, folder=self.folder or None, download=self.download)
        except FileNotFoundError as error:
            return Found(stand_in(), random=True, said=f"{error} {STAND_IN}")
        return Found(model, random=False, said=f"{self.checkpoint}, as the authors published it.")

    def episodes(self, model: SISAModel) -> Episodes | None:
        """Return episodes of the paper's needle test; None for a model without a tokenizer to write them."""
        if model.tokenizer is None:
            return None
        n_episodes = EPISODES_OF_A_SMOKE_RUN if self.smoke else self.n_episodes
        return NIAHTask(protocol="paper", tokenizer=model.tokenizer).build(self.seed, n_episodes=n_episodes)

    def needles(self, found: Found, episodes: Episodes) -> pd.DataFrame:
        """Return the share of first answer tokens that are right, its interval, and the published figure."""
        measured = summarise(evaluate(found.model, episodes), by=(), measure="first_token")
        if found.random:
            return measured.assign(published="not compared: random stand-in")
        entry, final = PUBLISHED[self.checkpoint], figures.final().query("model == 'sisa'")
        rows = final.loc[(final["scale"] == entry.size) & (final["d_state"] == entry.d_state)]
        said = "no figure" if rows.empty else f"{rows['niah_pct'].iloc[0]:g} %"
        return measured.assign(published=said)


def first_trace(model: SISAModel, episodes: Episodes) -> tuple[xr.Dataset, int]:
    """Return the trace of the first episode and its query, the position that must say the answer next.

    Args:
        model: one that knows the episodes' vocabulary.
        episodes: of one build.

    Example:
        >>> task = NIAHTask(lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> first_trace(model, task.build(0, n_episodes=1))[1]
        14
    """
    return capture_episode(model, episodes), int(episodes.knobs["answer_start"].iloc[0]) - 1


def labelled(figure: go.Figure, found: Found) -> go.Figure:
    """Return a figure whose subtitle says so where it is of the random stand-in.

    Args:
        figure: one of `sisa_viz`; it is changed.
        found: what was looked at.

    Example:
        >>> from sisa_viz import plot_decay
        >>> from sisa_viz.examples import example_trace
        >>> found = Found(SISAModel(SISAConfig.preset("tiny")), random=True, said="")
        >>> labelled(plot_decay(example_trace()), found).layout.title.subtitle.text
        'random stand-in · the clamp never acts · retention since position 0'
    """
    title: Any = figure.layout["title"]  # plotly's stubs know no properties
    subtitle = title.subtitle
    if found.random:
        subtitle.text = " · ".join(filter(None, ["random stand-in", subtitle.text]))
    return figure


def stored_heads(model: SISAModel) -> pd.DataFrame:
    """Return λ and decay of every head as a checkpoint stores them, beside where training began.

    λ = softplus(λ_raw) began at λ_raw = −1, the decay bias b_α at −5. Without the text's own share, b_α alone
    makes a half-life of ln 2 / softplus(b_α) tokens.

    Args:
        model: a SISA.

    Returns:
        A row a head: name, layer, head, lam_raw, lam, lam_moved (λ less 0.3133), decay_bias, bias_half_life.

    Example:
        >>> table = stored_heads(SISAModel(SISAConfig.preset("tiny")))
        >>> print(table[["name", "lam_raw", "lam", "bias_half_life"]].round(4).head(1).to_string(index=False))
        name  lam_raw    lam  bias_half_life
        L0H0     -1.0 0.3133        103.2183
    """
    parameters = dict(model.named_parameters())
    rows = []
    for layer in range(model.config.n_layers):
        raw = parameters[f"blocks.{layer}.attn.lam_raw"].detach().cpu().double()
        bias = parameters[f"blocks.{layer}.attn.to_decay.bias"].detach().cpu().double()
        lam, rate = functional.softplus(raw), functional.softplus(bias)
        moved = lam - functional.softplus(torch.full_like(raw, INITIAL_LAM_RAW))
        half_life = torch.log(torch.tensor(2.0, dtype=torch.float64)) / rate
        table = torch.stack([raw, lam, moved, bias, half_life], dim=1).tolist()
        rows += [(head_name(layer, head), layer, head, *row) for head, row in enumerate(table)]
    columns = ["name", "layer", "head", "lam_raw", "lam", "lam_moved", "decay_bias", "bias_half_life"]
    return pd.DataFrame(rows, columns=columns)


def by_layer(heads: pd.DataFrame) -> pd.DataFrame:
    """Return a row a layer: the range of λ, how many heads moved, and the head that moved furthest.

    Args:
        heads: what `stored_heads` gives.

    Returns:
        By layer: heads, "lowest λ", "highest λ", "λ moved in" and "b_α moved in" (heads whose number is not
        exactly the initial one), and "furthest" (the name, "none" where none moved).

    Example:
        >>> by_layer(stored_heads(SISAModel(SISAConfig.preset("tiny"))))["furthest"].to_dict()
        {0: 'none', 1: 'none'}
    """
    rows = {}
    for layer, part in heads.groupby("layer"):
        lam, moved = part["lam"].to_numpy(), part["lam_raw"].to_numpy() != INITIAL_LAM_RAW
        furthest = part["name"].iloc[int(np.abs(part["lam_moved"].to_numpy()).argmax())]
        rows[layer] = {
            "heads": len(part),
            "lowest λ": lam.min().round(4),
            "highest λ": lam.max().round(4),
            "λ moved in": int(moved.sum()),
            "b_α moved in": int((part["decay_bias"].to_numpy() != INITIAL_DECAY_BIAS).sum()),
            "furthest": furthest if moved.any() else "none",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("layer")


def conclusion(found: Found, heads: pd.DataFrame, needles: pd.DataFrame | None = None) -> list[str]:
    """Return what the tables say, in sentences; of the random stand-in that it says nothing.

    Args:
        found: what was looked at.
        heads: what `stored_heads` gives.
        needles: what `PublishedRun.needles` gives; None where no tokenizer is.

    Example:
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> conclusion(Found(model, random=False, said=""), stored_heads(model))[0]
        'λ never moved: all 8 heads hold λ_raw = -1 exactly, where training began (λ = 0.3133).'
    """
    if found.random:
        return [NO_CONCLUSION]
    lam = f"λ_raw = {INITIAL_LAM_RAW:g}"
    began = f"where training began (λ = {functional.softplus(torch.tensor(INITIAL_LAM_RAW)):.4f})"
    bias = f"b_α = {INITIAL_DECAY_BIAS:g}"
    said = [
        _moved("λ", heads, "lam_raw", INITIAL_LAM_RAW, words=f"{lam} exactly, {began}", shown="lam"),
        _moved(
            "The decay bias", heads, "decay_bias", INITIAL_DECAY_BIAS, words=f"{bias} exactly", shown=None
        ),
    ]
    if needles is None:
        return [*said, "Needles were not asked for: there is no tokenizer here."]
    row = needles.iloc[0]
    share = f"{row.successes} of {row.n} first answer tokens are right ({row.low:.0%} to {row.high:.0%})"
    return [*said, f"By the paper's own needle test {share}; published: {row.published}."]


def _moved(
    what: str, heads: pd.DataFrame, column: str, initial: float, *, words: str, shown: str | None
) -> str:
    """Return the sentence that says whether a number left its initial value, and in how many heads."""
    moved = heads.loc[heads[column] != initial]
    if moved.empty:
        return f"{what} never moved: all {len(heads)} heads hold {words}."
    values = moved.set_index("name")[shown or column]
    low, high = f"{values.min():.4g} ({values.idxmin()})", f"{values.max():.4g} ({values.idxmax()})"
    return f"{what} moved in {len(moved)} of {len(heads)} heads: there it is from {low} to {high}."


def stand_in() -> SISAModel:
    """Return a small random model that went through a file in the published layout; it was never trained.

    Its weights are bfloat16 in that file, and its λ and decay biases are scattered around their initial
    values, so that tables and figures have something to show.

    Example:
        >>> model = stand_in()
        >>> model.config.anchor, model.config.n_layers, model.config.n_heads
        ('minimax', 3, 4)
    """
    texts = [FILLER_SENTENCE, *(f"{key} {answer}." for key, answer in KEYS_AND_ANSWERS)]
    tokenizer = train_tokenizer(texts, d_vocab=320)
    d_vocab, n_ctx = tokenizer.get_vocab_size(), SCRIPT_LENGTH
    config = SISAConfig(
        d_model=64, n_layers=3, n_heads=4, d_mlp=128, d_state=16, d_vocab=d_vocab, n_ctx=n_ctx
    )
    drawn = SISAModel(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, p in drawn.named_parameters():
            if name.endswith(("lam_raw", "to_decay.bias")):
                p.add_(torch.randn(p.shape, generator=generator) / 2)
    weights = {released_name(name): p.detach().bfloat16() for name, p in drawn.named_parameters()}
    with TemporaryDirectory() as folder:
        path = Path(folder, "final.pt")
        torch.save({"model": weights, "step": 0, "config": {"seq_len": n_ctx}}, path)
        model = import_paper_checkpoint(path)
    model.tokenizer = tokenizer
    return model
