"""What finished runs lose when a term, a branch or a head is taken out: levels.csv and knockouts.csv.

Weights are not kept, so a run is measured where it was trained.
"""

from __future__ import annotations

import pandas as pd

from data import TokenCorpus
from data.files import write_aside
from model.analysis.atlas import head_atlas
from model.analysis.interventions.sites import layers_with
from model.analysis.knockouts import knockouts
from model.analysis.levels import fusion_levels
from model.network.network import SISAModel
from model.study.lengths import check_corpus, heldout_episodes
from model.training.run import Run

LEVELS, KNOCKOUTS, ATLAS = "levels.csv", "knockouts.csv", "atlas.csv"  # of a run folder
CAUSES_FILES = (LEVELS, KNOCKOUTS, ATLAS)
CONTEXT = 256  # tokens of the episodes
HELDOUT_ROWS = 32  # of n_ctx tokens, for the loss


def measure_causes(run: Run, corpus: TokenCorpus, *, n_episodes: int = 40, device: str = "cpu") -> list[str]:
    """Measure a finished run into levels.csv, knockouts.csv and atlas.csv; return which were written.

    Files that are newer than the weights are left alone, so that a measurement that was stopped goes on.

    Args:
        run: a finished one.
        corpus: that it was trained on.
        n_episodes: of each of five depths, 256 tokens long.
        device: "cpu" or "cuda".

    Raises:
        ValueError: the model has another tokenizer than corpus.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from data import topics_corpus, train_tokenizer
        >>> from model import SISAConfig
        >>> corpus = topics_corpus(train_tokenizer(["a"], d_vocab=258))
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("model.safetensors", LEVELS, KNOCKOUTS, ATLAS):
        ...         _ = Path(folder, name).write_bytes(b"")
        ...     measure_causes(Run(Path(folder)), corpus)  # all are there
        []
    """
    written_at = run.weights.stat().st_mtime
    paths = {name: run.folder / name for name in CAUSES_FILES}
    missing = [name for name, at in paths.items() if not at.is_file() or at.stat().st_mtime < written_at]
    if not missing:
        return []
    model = run.model().to(device)
    check_corpus(model, corpus)
    done = []
    for name in missing:
        table = _measured(model, corpus, name, n_episodes=n_episodes)
        if table is not None:
            with write_aside(paths[name]) as aside:
                table.to_csv(aside, index=False)
            done.append(name)
    return done


def _measured(model: SISAModel, corpus: TokenCorpus, name: str, *, n_episodes: int) -> pd.DataFrame | None:
    """Return one of the three tables; None where the model has no such thing."""
    if not layers_with(model, "content") or (name == ATLAS and not layers_with(model, "lam")):
        return None
    episodes = heldout_episodes(corpus, length=CONTEXT, n_episodes=n_episodes)
    if name == KNOCKOUTS:
        return knockouts(model, episodes, n_control=len(episodes)).assign(context_length=CONTEXT)
    n_ctx = model.config.n_ctx
    heldout = corpus.split("heldout")[: HELDOUT_ROWS * n_ctx].reshape(-1, n_ctx)
    if name == ATLAS:
        return head_atlas(model, heldout[:8, :CONTEXT])
    return fusion_levels(model, episodes, heldout).assign(context_length=CONTEXT)
