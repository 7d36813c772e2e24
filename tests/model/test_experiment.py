"""Experiments and studies: wrong values stop before anything runs, and a folder belongs to one run."""

from dataclasses import replace
from typing import Any

import pytest

from model.study.notebooks.experiment import SMOKE_STEPS, Experiment
from model.study.notebooks.exploration import Exploration
from model.study.notebooks.fusion import FusionTour
from model.study.notebooks.small_study import SmallStudy
from model.study.notebooks.state_size import StateSizes
from model.training.run import Run

QUICK: dict[str, Any] = dict(smoke=True, length=24, batch_size=4, evaluate_every=6, device="cpu")


def quick(folder, **changes):
    settings: dict[str, Any] = QUICK | {"output_dir": str(folder)} | changes
    return Experiment(**settings)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"architecture": "rnn"}, "architecture is 'rnn'; legal: 'transformer', 'sisa', 'mamba2'"),
        ({"preset": "huge"}, "preset is 'huge'; legal: 'tiny', 'small', '12m', '50m', '152m', '369m'"),
        ({"d_state": 0}, "d_state is 0; legal: whole numbers >= 2"),
        ({"d_state": 3}, "d_state is 3; legal: even numbers"),
        ({"d_state": 10_000}, "d_state is 10000; legal: what the MLP can pay for"),
        ({"architecture": "transformer", "d_state": -2}, "d_state is -2; legal: whole numbers >= 0"),
        ({"steps": 0}, "steps is 0; legal: whole numbers >= 1"),
        ({"steps": 1e3}, "steps is 1000.0; legal: whole numbers >= 1"),
        ({"seed": -1}, "seed is -1; legal: whole numbers >= 0"),
        ({"filler": "noise"}, "filler is 'noise'; legal: 'synthetic', 'repeated', 'corpus'"),
        ({"length": 4}, "lengths is 4; legal: token counts >= 5"),
        ({"length": "long"}, "lengths is 'long'; legal: whole numbers >= 1"),
        ({"value_length": 0}, "value_length is 0; legal: whole numbers >= 1"),
        ({"n_needles": 0}, "n_needles is 0; legal: whole numbers >= 1"),
        ({"n_distractors": -1}, "n_distractors is -1; legal: whole numbers >= 0"),
        ({"batch_size": 0}, "batch_size is 0; legal: whole numbers >= 1"),
        ({"lr": "fast"}, "lr is 'fast'; legal: numbers above 0"),
        ({"lr": 0}, "lr is 0; legal: numbers above 0"),
        ({"evaluate_every": 0}, "evaluate_every is 0; legal: whole numbers >= 1"),
        ({"device": "tpu"}, "device is 'tpu'; legal: 'auto', 'cpu', 'cuda'"),
        ({"output_dir": ""}, "output_dir is ''; legal: the path of a folder"),
        ({"output_dir": None}, "output_dir is None; legal: the path of a folder"),
        ({"smoke": "yes"}, "smoke is 'yes'; legal: True, False"),
    ],
)
def test_a_wrong_value_is_named_with_the_legal_ones(wrong, message):
    with pytest.raises(ValueError) as refused:
        Experiment(**wrong)
    assert str(refused.value).startswith(message)


def test_a_missing_corpus_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no corpus at .*absent\.npz"):
        Experiment(filler="corpus", corpus=str(tmp_path / "absent.npz"))


def test_folder_names_tell_apart_what_a_person_compares():
    base = Experiment()
    assert base.name == "tiny-sisa16-synthetic128-400steps-seed0"
    changes = [
        {"architecture": "transformer"},
        {"preset": "small"},
        {"d_state": 8},
        {"steps": 500},
        {"seed": 1},
        {"filler": "repeated"},
        {"length": 64},
        {"smoke": True},
        {"value_length": 2},
        {"n_needles": 2},
        {"n_distractors": 1},
        {"batch_size": 8},
        {"lr": 1e-3},
        {"lr": 1e-2},
    ]
    names = {replace(base, **change).name for change in changes}
    assert len(names) == len(changes)
    assert base.name not in names
    assert replace(base, lr=1e-3).name == "tiny-sisa16-synthetic128-400steps-lr0.001-seed0"
    transformer = replace(base, architecture="transformer")
    assert transformer.name == replace(transformer, d_state=8).name  # it has no state


def test_smoke_is_a_few_steps_that_still_evaluate():
    training = Experiment(smoke=True).training()
    assert (training.steps, training.evaluate_every) == (SMOKE_STEPS, SMOKE_STEPS)
    assert Experiment(smoke=True, evaluate_every=5).training().evaluate_every == 5
    assert Experiment().training().steps == 400


def test_measured_episodes_are_never_those_of_training():
    experiment = Experiment()
    learned, measured = (
        experiment.task(split).build(0, n_episodes=8).tokens for split in ("train", "heldout")
    )
    assert (learned != measured).any(axis=1).all()


@pytest.mark.parametrize(
    ("filler", "knobs"),
    [
        ("synthetic", {"value_length": 2, "n_distractors": 1}),
        ("repeated", {"n_needles": 2}),
        ("corpus", {"value_length": 4}),
    ],
)
def test_a_run_keeps_what_it_was_asked(tmp_path, filler, knobs):
    run = quick(tmp_path, filler=filler, length=96, evaluate_every=12, seed=3, lr=1e-3, **knobs).run()
    task = run.config["data"]["task"]
    assert task["filler"] == filler
    assert task["lengths"] == [96]
    assert {name: task[name] for name in knobs} == knobs
    assert (run.config["seed"], run.config["training"]["lr"], run.config["data"]["batch_size"]) == (
        3,
        1e-3,
        4,
    )
    assert run.config["evaluations"]["niah"]["split"] == "heldout"
    assert (task["corpus_sha256"] is not None) == (filler == "corpus")
    assert run.metrics.step.max() == SMOKE_STEPS
    model = run.model()
    assert (model.tokenizer is None) == (filler == "synthetic")
    assert model.config.n_ctx == 96


def test_both_architectures_train_with_equal_parameters(tmp_path):
    runs = [quick(tmp_path, architecture=name).run() for name in ("sisa", "transformer")]
    assert [run.config["architecture"] for run in runs] == ["sisa", "transformer"]
    assert [run.config["model"]["d_state"] for run in runs] == [16, 0]
    sizes = [sum(p.numel() for p in run.model().parameters()) for run in runs]
    assert sizes[0] == pytest.approx(sizes[1], rel=2e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 1e-3}, r"training\.lr: 0\.003 there, 0\.001 here"),
        ({"batch_size": 8}, r"data\.batch_size: 4 there, 8 here"),
        ({"value_length": 2}, r"data\.task\.value_length: 1 there, 2 here"),
    ],
)
def test_a_folder_of_other_settings_is_refused_and_left_alone(tmp_path, change, message):
    other = quick(tmp_path, **change)
    folder = quick(tmp_path).run().folder.rename(tmp_path / other.name)
    files = folder / "config.json", folder / "model.safetensors"
    before = [file.read_bytes() for file in files]
    with pytest.raises(ValueError, match=rf"folder is .*{message}.*Choose another folder"):
        other.run()
    assert before == [file.read_bytes() for file in files]


def test_a_stopped_experiment_goes_on_and_a_finished_one_is_read(tmp_path, monkeypatch):
    whole = quick(tmp_path / "whole").run()

    def stop(*_, **__):
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("model.training.fit.save", stop)  # after the last checkpoint, before the weights
        with pytest.raises(OSError, match="power cut"):
            quick(tmp_path / "cut").run()
    assert not Run(tmp_path / "cut" / whole.folder.name).finished
    resumed = quick(tmp_path / "cut").run()
    assert resumed.metrics.equals(whole.metrics)
    written = resumed.weights.stat().st_mtime_ns
    assert quick(tmp_path / "cut").run().weights.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"architectures": ["rnn"]}, "architectures is 'rnn'"),
        ({"architectures": "sisa"}, "architectures is 'sisa'; legal: a list of different values"),
        ({"architectures": []}, r"architectures is \[\]; legal: a list .* at least one"),
        (
            {"architectures": ["sisa", "sisa"]},
            r"architectures is \['sisa', 'sisa'\]; legal: a list of different",
        ),
        ({"seeds": "[0, 1]"}, r"seeds is '\[0, 1\]'; .* -y 'seeds: \[\.\.\.\]'"),
        ({"seeds": 3}, "seeds is 3; legal: a list"),
        ({"seeds": [0, 0]}, r"seeds is \[0, 0\]; legal: a list of different"),
        ({"seeds": [0, -1]}, "seeds is -1; legal: whole numbers >= 0"),
        ({"seeds": [0.5]}, "seeds is 0.5; legal: whole numbers >= 0"),
        ({"length": 4}, "lengths is 4"),
        ({"preset": "huge"}, "preset is 'huge'"),
        ({"device": "tpu"}, "device is 'tpu'"),
    ],
)
def test_a_wrong_value_of_a_study_is_named(wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        SmallStudy(**wrong)


def test_a_study_finishes_one_seed_before_the_next():
    asked = [
        (e.seed, e.architecture)
        for e in SmallStudy(architectures=["transformer", "sisa"], seeds=[5, 2]).experiments()
    ]
    assert asked == [(5, "transformer"), (5, "sisa"), (2, "transformer"), (2, "sisa")]


def test_a_study_hands_its_settings_to_every_experiment():
    settings: dict[str, Any] = dict(d_state=8, steps=7, filler="repeated", length=64)
    settings |= dict(device="cpu", output_dir="elsewhere")
    for experiment in SmallStudy(**settings).experiments():
        assert {name: getattr(experiment, name) for name in settings} == settings


def test_a_study_in_smoke_mode_takes_one_seed_and_returns_every_metric(tmp_path, capsys):
    study = SmallStudy(seeds=[4, 5], length=24, device="cpu", output_dir=str(tmp_path), smoke=True)
    assert study.heads().empty
    metrics, heads = study.run(), study.heads()
    runs = set(zip(metrics["architecture"], metrics["seed"], strict=True))
    assert runs == {("SISA d_state=16", 4), ("transformer", 4)}
    assert max(metrics["step"].tolist()) == SMOKE_STEPS
    assert {"train/loss", "niah/exact_match", "niah/n"} <= set(metrics["name"])
    assert set(heads.dropna(subset=["lam"])["architecture"]) == {"SISA d_state=16"}
    assert set(heads["run"]) == set(metrics["run"])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(set(metrics["run"]))
    assert set(metrics["run"]) <= set(capsys.readouterr().out.split("\n"))


@pytest.mark.parametrize("parameters", [Experiment, Exploration, FusionTour, StateSizes])
def test_a_home_folder_is_where_things_are_written(parameters, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parameters(output_dir="~/out").output_dir == str(tmp_path / "out")


@pytest.mark.parametrize("parameters", [Experiment, Exploration, FusionTour, StateSizes])
def test_a_home_that_nobody_has_is_refused(parameters):
    with pytest.raises(ValueError, match="output_dir is '~nobody-at-all/out'"):
        parameters(output_dir="~nobody-at-all/out")
