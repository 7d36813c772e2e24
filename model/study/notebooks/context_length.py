"""Notebook 06: its parameters, and a shipped model measured now, beyond its training context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.refusal import one_of, refusal, whole
from model.analysis.ablation import score_terms
from model.network.network import SISAModel
from model.study.findings.context_lengths import PLANS_OF_LENGTHS
from model.study.findings.selection import SHOWN_VARIANT, variants
from model.study.lengths import DEPTHS, length_grid
from model.study.limits import check_episodes, check_reading
from model.study.notebooks.exploration import Exploration, heldout_topics
from model.weights.checkpoint import read_config

SHORTEST = 64  # tokens; a shorter text has no room for the needle and its question
LENGTHS_OF_A_SMOKE_RUN = (64, 128)  # tokens
LENGTH_OF_A_ROW, MOST_ROWS = 2048, 3  # tokens, texts: four times the training context of "niah"


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """Hold the parameters of notebook 06.

    Args:
        variant: of the measured study, beside the transformer without RoPE; "" takes SISA at d_state 16.
        checkpoint: of a model with RoPE, importance and a tokenizer, measured here.
        lengths: context lengths measured here, tokens.
        n_episodes: of a cell of that measurement.
        smoke: two short lengths, one episode a cell.

    Raises:
        ValueError: a parameter is not legal; names it.

    Example:
        >>> Contexts().shown
        'SISA d_state=16'
    """

    variant: str = ""
    checkpoint: str = "niah"
    lengths: Sequence[int] = (512, 1024)
    n_episodes: int = 1
    smoke: bool = False

    def __post_init__(self) -> None:
        one_of("variant", self.shown, variants(*PLANS_OF_LENGTHS))
        one_of("smoke", self.smoke, (True, False))
        config = read_config(self.checkpoint)
        if not isinstance(self.lengths, list | tuple) or not self.lengths:
            step = "With papermill: -y 'lengths: [...]'."
            raise refusal("lengths", self.lengths, legal="a list, at least one length", step=step)
        for length in self.lengths:
            check_reading(config, name="lengths", length=whole("lengths", length, least=SHORTEST))
        check_episodes(self.n_episodes, length=max(self.lengths), cells=len(DEPTHS))

    @property
    def shown(self) -> str:
        """The label of the variant of the study that is shown."""
        return self.variant or SHOWN_VARIANT

    def model(self) -> SISAModel:
        """Return the model of the checkpoint; ValueError unless it has RoPE and both terms."""
        model = Exploration(checkpoint=self.checkpoint).model()
        if "importance" not in score_terms(model) or model.config.rope == "none":
            legal = "a model with RoPE whose scores have content and importance"
            raise refusal("checkpoint", self.checkpoint, legal=legal, step="Take SISA or a variant of it.")
        return model

    def grid(self, model: SISAModel) -> pd.DataFrame:
        """Return what `sisa_viz.plot_niah_grid` draws, measured now, one panel a position code and anchor."""
        lengths = LENGTHS_OF_A_SMOKE_RUN if self.smoke else self.lengths
        n_episodes = 1 if self.smoke else self.n_episodes
        corpus = heldout_topics(model, self.checkpoint)
        table = length_grid(model, corpus, n_episodes=n_episodes, lengths=list(lengths))
        codes = list(dict.fromkeys(table["rope"]))  # the two anchors of a code side by side
        paired = table.sort_values("rope", kind="stable", key=lambda names: names.map(codes.index))
        return paired.assign(architecture=paired["rope"] + ", " + paired["anchor"])

    def text(self, model: SISAModel) -> np.ndarray:
        """Return rows of the held-out text that shows what the clamp does: token ids [row, position]."""
        length = max(LENGTHS_OF_A_SMOKE_RUN) if self.smoke else LENGTH_OF_A_ROW
        tokens = heldout_topics(model, self.checkpoint).split("heldout")
        n_rows = min(1 if self.smoke else MOST_ROWS, len(tokens) // length)
        return tokens[: n_rows * length].reshape(n_rows, length).astype(np.int64)
