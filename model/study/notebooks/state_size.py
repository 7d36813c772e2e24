"""Notebook 05: its parameters, a small adaptive model, and where measured speeds lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data import NIAHTask
from data.refusal import folder_path, one_of
from model.config import PRESETS
from model.network.network import SISAModel
from model.study.findings.selection import check_needles
from model.study.findings.state_size import ADAPTIVE
from model.study.findings.training_speed import SPEED_FILE
from model.study.limits import check_seed, check_steps
from model.study.notebooks.small_models import STEPS_OF_A_SMOKE_MODEL, train_small

BENCHMARK_RESULTS = Path("benchmarks", "results")
EPISODE_TOKENS = 48


@dataclass(frozen=True, kw_only=True)
class StateSizes:
    """Hold the parameters of notebook 05.

    Args:
        needles: held-out set of the measured study.
        preset: size at which parameters are compared.
        steps, seed: of the small adaptive model that is trained here.
        output_dir: where its run folder lies.
        smoke: two steps of training only.

    Raises:
        ValueError: a parameter is not legal; names it.

    Example:
        >>> StateSizes(preset="50m").speed_file.name
        'state_size.json'
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
        check_steps(self.steps)
        check_seed("seed", self.seed)
        object.__setattr__(self, "output_dir", str(folder_path("output_dir", self.output_dir)))  # ~ expanded

    @property
    def speed_file(self) -> Path:
        """The speeds that `benchmarks/state_size.py` wrote, from the notebook's working folder.

        papermill works in the folder it was started in, the repository's root, and JupyterLab in that of the
        notebook, one below. Elsewhere there is no such file, and the table of speeds is empty.
        """
        nearby = BENCHMARK_RESULTS / SPEED_FILE
        return nearby if nearby.is_file() else Path("..") / nearby

    def adaptive_model(self) -> SISAModel:
        """Return a tiny adaptive model after a few steps on synthetic needles."""
        steps = STEPS_OF_A_SMOKE_MODEL if self.smoke else self.steps
        folder = Path(self.output_dir) / f"adaptive-{steps}steps-seed{self.seed}"
        task = NIAHTask(filler="synthetic", lengths=(EPISODE_TOKENS,))
        return train_small(ADAPTIVE, task, folder=folder, steps=steps, seed=self.seed)
