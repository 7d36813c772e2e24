"""Notebook 07: its parameters, the texts that the atlas is measured on, and the study's heads."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from data import Episodes, measured
from data.refusal import one_of, refusal, whole
from data.results.tables import in_order
from model.analysis.ablation import score_terms
from model.network.network import SISAModel
from model.study.findings.selection import SHOWN_VARIANT
from model.study.limits import check_seed
from model.study.notebooks.exploration import Exploration

TEXTS_OF_A_SMOKE_RUN = 2


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """Hold the parameters of notebook 07.

    Args:
        checkpoint: a shipped name, or a file that model.save wrote; with λ and a tokenizer.
        n_texts: needle episodes that the atlas and the knock-outs are measured on.
        length: tokens of each.
        seed: of the episodes.
        variant: of the study, whose growth is shown; "" takes SISA at d_state 16.
        smoke: two texts only.

    Raises:
        ValueError: a parameter is not legal; names it.

    Example:
        >>> Atlas().shown
        'SISA d_state=16'
        >>> Atlas(variant="transformer")
        Traceback (most recent call last):
        ValueError: variant is 'transformer'; legal: 'SISA d_state=4', ...
    """

    checkpoint: str = "niah"
    n_texts: int = 16
    length: int = 192
    seed: int = 0
    variant: str = ""
    smoke: bool = False

    def __post_init__(self) -> None:
        whole("n_texts", self.n_texts, least=1, most=1000)
        check_seed("seed", self.seed)
        Exploration(checkpoint=self.checkpoint, length=self.length)  # refuses what it cannot read
        one_of("variant", self.shown, in_order(study_heads()["variant"].unique()))
        one_of("smoke", self.smoke, (True, False))

    @property
    def shown(self) -> str:
        """The label of the variant of the study whose growth is shown."""
        return self.variant or SHOWN_VARIANT

    def model(self) -> SISAModel:
        """Return the model of the checkpoint; ValueError where it has no λ or no tokenizer."""
        model = Exploration(checkpoint=self.checkpoint).model()
        if "importance" not in score_terms(model):
            step = "Take SISA or a variant of it."
            raise refusal("checkpoint", self.checkpoint, legal="a model with λ", step=step)
        return model

    def episodes(self, model: SISAModel) -> Episodes:
        """Return the texts of the atlas: needle episodes, whose answers the knock-outs are measured on."""
        n_texts = TEXTS_OF_A_SMOKE_RUN if self.smoke else self.n_texts
        told = Exploration(checkpoint=self.checkpoint, length=self.length)
        return told.task(model).build(self.seed, n_episodes=n_texts)


def study_heads() -> pd.DataFrame:
    """Return the measured heads of the study's runs that have λ, at every step that was measured.

    Example:
        >>> bool(study_heads()["lam"].notna().all())
        True
    """
    return measured.chosen(measured.heads()).dropna(subset=["lam"])
