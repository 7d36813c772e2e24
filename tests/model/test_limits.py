"""Values that would end in a traceback or a killed process minutes later are refused in the first cell."""
# what people pass, whatever the signature says
# pyright: reportArgumentType=false

from dataclasses import fields
from typing import Any

import pytest

from data import NIAHTask, TrainingBatches
from model import SISAConfig, fit
from model.study import limits
from model.study.notebooks.context_length import Contexts
from model.study.notebooks.convergence import ConvergenceStudy
from model.study.notebooks.experiment import Experiment
from model.study.notebooks.exploration import Exploration
from model.study.notebooks.fusion import FusionTour
from model.study.notebooks.state_size import StateSizes
from model.study.runs import StudyRun
from model.training.recipe import TrainingConfig

SPECS: tuple[Any, ...] = (
    Exploration,
    Experiment,
    ConvergenceStudy,
    FusionTour,
    StateSizes,
    Contexts,
    StudyRun,
)
FIGURES = r"legal: what fits into [\d,.]+ GiB of memory; this would take about [\d,.]+ GiB\. "


def having(name) -> list[Any]:
    """Parameters of every notebook and of the study that have this field."""
    return [spec for spec in SPECS if name in {field.name for field in fields(spec)}]


@pytest.fixture
def modest(monkeypatch):
    """A machine of 16 GiB without a GPU, wherever the tests run."""
    for module in ("model.study.limits", "data.memory"):
        monkeypatch.setattr(f"{module}.machine_memory", lambda: 16 << 30)
    monkeypatch.setattr(limits.torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("seed", [10**30, 2**64, 2**63, -1, 0.5, float("nan"), True])
def test_seeds(seed):
    for spec in having("seed"):
        with pytest.raises(ValueError, match=r"^seed is .*; legal: whole numbers >= 0 and <= 9,223,372,03"):
            spec(seed=seed)
    with pytest.raises(ValueError, match=r"^seeds is .*; legal: whole numbers >= 0 and <= 9,223,372,03"):
        ConvergenceStudy(seeds=[0, seed])


def test_the_largest_seed_can_be_used():
    exploration = FusionTour(seed=2**63 - 1)
    assert exploration.episode.tokens.shape == (1, 48)
    assert len(exploration.task("heldout").build(exploration.seed + 1, n_episodes=1)) == 1


@pytest.mark.parametrize("steps", [10**30, 10**9 + 1, 0, float("inf")])
def test_steps(steps):
    for spec in having("steps"):
        with pytest.raises(ValueError, match=r"^steps is .*; legal: whole numbers >= 1 and <= 1,000,000,000"):
            spec(steps=steps)


@pytest.mark.parametrize("lr", [1e300, 1.5, 10**400, float("inf"), float("nan"), 0, -1e-3, True, "1"])
def test_rates(lr):
    for spec in having("lr"):
        with pytest.raises(ValueError, match=r"^lr is .*; legal: numbers above 0 and at most 1\. Usual are"):
            spec(lr=lr)
    if lr != 0 and lr != 1.5 and lr is not True:
        with pytest.raises(ValueError, match=r"^lr_lam is .*; legal: numbers from 0 to 100\. "):
            StudyRun(lr_lam=lr)


@pytest.mark.parametrize("length", [10**9, 10**7, 10**30])
@pytest.mark.usefixtures("modest")
def test_lengths(length):
    for spec in having("length"):
        with pytest.raises(ValueError, match=rf"^lengths? is {length}; {FIGURES}"):
            spec(length=length)
    with pytest.raises(ValueError, match=rf"^lengths is {length}; {FIGURES}"):
        Contexts(lengths=[64, length])


@pytest.mark.parametrize("batch_size", [10**9, 10**6, 10**30])
@pytest.mark.usefixtures("modest")
def test_batches(batch_size):
    with pytest.raises(ValueError, match=rf"^batch_size is {batch_size}; {FIGURES}"):
        Experiment(batch_size=batch_size, preset="small")


@pytest.mark.parametrize("n_episodes", [10**9, 10**30])
def test_episodes(n_episodes):
    for spec in having("n_episodes"):
        with pytest.raises(ValueError, match=rf"^n_episodes is {n_episodes}; {FIGURES}"):
            spec(n_episodes=n_episodes)


@pytest.mark.parametrize("value_length", [65, 10**9, 0])
def test_values(value_length):
    for spec in having("value_length"):
        with pytest.raises(ValueError, match=f"^value_length is {value_length}; legal: "):
            spec(value_length=value_length)


@pytest.mark.parametrize(
    ("name", "value"), [("n_needles", 10**9), ("n_distractors", 10**9), ("d_state", 10**9)]
)
def test_other_counts(name, value):
    for spec in having(name):
        with pytest.raises(ValueError, match=r" is .*; legal: "):
            spec(**{name: value})


WRONG_PATHS = {
    "NUL": "out\0put",
    "long": "a" * 100_000,
    "long name": "nowhere/" + "a" * 256,
    "long path": "aaa/" * 1000,
    "surrogate": "\ud800",
    "nobody": "~nobody-at-all",
}


@pytest.mark.parametrize("path", WRONG_PATHS.values(), ids=WRONG_PATHS)
def test_paths(path):
    for name in ("output_dir", "checkpoint"):
        for spec in having(name):
            with pytest.raises(ValueError, match=rf"^{name} is '.*legal: the path of a .*no path here") as e:
                spec(**{name: path})
            assert len(str(e.value)) < 1000


@pytest.mark.usefixtures("modest")
def test_what_works_is_not_refused():
    large: dict[str, Any] = {"preset": "152m", "batch_size": 4, "length": 1024}
    assert Experiment(**large).batch_size == 4
    assert Exploration(length=2048).length == 2048
    assert max(Contexts(lengths=[512, 4096]).lengths) == 4096
    assert FusionTour(length=4096).length == 4096


def test_a_gpu_is_asked_for_its_own_memory(monkeypatch):
    class Card:
        total_memory = 1 << 30

    monkeypatch.setattr(limits.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(limits.torch.cuda, "get_device_properties", lambda _: Card)
    with pytest.raises(ValueError, match=r"^batch_size is 4096; legal: what fits into 1\.0 GiB of memory"):
        Experiment(preset="small", batch_size=4096, device="auto")
    Experiment(preset="small", batch_size=4, device="auto")


def fitted(folder, **changed):
    """What two steps of a tiny model leave in a folder."""
    batches = TrainingBatches(task=NIAHTask(lengths=(16,)), batch_size=2)
    training = TrainingConfig(steps=2, evaluate_every=2, n_episodes=2)
    settings: dict[str, Any] = {"batches": batches, "training": training, "device": "cpu"} | changed
    return fit(SISAConfig.preset("tiny"), folder=folder, **settings).folder


@pytest.mark.parametrize("folder", ["", None, 3, "a\0b", "a" * 300, "~nobody-at-all/x"])
def test_a_run_without_a_folder_writes_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^folder is .*; legal: the path of a folder\. "):
        fitted(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_run_may_lie_in_the_current_folder_and_at_home(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (fitted(".") / "model.safetensors").is_file()
    assert fitted("~/home") == tmp_path / "home"


def test_a_seed_beyond_torch_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(ValueError, match=r"^seed is 1000.*; legal: whole numbers >= 0 and <= 18,446,744,073"):
        fitted(tmp_path / "run", seed=10**30)
    assert list(tmp_path.iterdir()) == []
