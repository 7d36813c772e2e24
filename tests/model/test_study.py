"""The study: plans that name runs, runs over a cluster, tables of what they measured."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from studies import TOLD, command
from typer.testing import CliRunner

from model.analysis.episode import capture_episode
from model.analysis.needle_lens import needle_lens
from model.analysis.needles import needle_heads
from model.study import runs as study_runs
from model.study.__main__ import app
from model.study.notebooks.exploration import Exploration
from model.study.plans import PLANS, planned
from model.study.runs import StudyRun, expand, heldout_rows, train_all
from model.training.run import Run


@pytest.fixture
def inside(monkeypatch, tmp_path):
    """A cluster in this process, and the file where trainings note their seed; that of seed 7 fails."""
    from dask.distributed import LocalCluster

    begun = tmp_path / "begun"

    def note(run):
        with begun.open("a") as lines:
            lines.write(f"{run.seed}\n")
        if run.seed == 7:
            raise ValueError("seed 7")
        return run.name

    monkeypatch.setattr(study_runs, "_train", note)
    local: dict[str, Any] = {"processes": False, "dashboard_address": ":0", "memory_limit": 0}
    cluster: Any = LocalCluster(n_workers=1, threads_per_worker=1, protocol="inproc://", **local)
    with cluster:
        yield cluster.scheduler_address, begun


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"architecture": "rnn"}, "architecture is 'rnn'; legal: 'transformer', 'sisa'"),
        ({"preset": "huge"}, "preset is 'huge'; legal: 'tiny'"),
        ({"d_state": 3}, "d_state is 3; legal: even numbers"),
        ({"rope": "spiral"}, "rope is 'spiral'; legal: "),
        ({"anchor": "loose"}, "anchor is 'loose'; legal: 'exact', 'causal', 'minimax'"),
        ({"device": "tpu"}, "device is 'tpu'; legal: 'auto', 'cpu', 'cuda'"),
        ({"seed": -1}, "seed is -1; legal: whole numbers >= 0"),
        ({"steps": 0}, "steps is 0; legal: whole numbers >= 1"),
        ({"lr": 0}, "lr is 0; legal: numbers above 0"),
        ({"lr_lam": -1}, "lr_lam is -1; legal: numbers"),
        ({"n_episodes": 0}, "n_episodes is 0; legal: whole numbers >= 1"),
        ({"evaluate_every": 0}, "evaluate_every is 0; legal: whole numbers >= 1"),
    ],
)
def test_a_wrong_value_is_named_with_the_legal_ones(wrong, message):
    with pytest.raises(ValueError) as refused:
        StudyRun(**wrong)
    assert str(refused.value).startswith(message)


def test_every_run_of_the_plans_has_one_name_and_one_variant():
    asked: dict[str, set[Any]] = {}
    for plan in PLANS:
        runs = planned(plan, StudyRun())
        assert len({run.name for run in runs}) == len(runs)
        for run in runs:
            settled = (run.preset, run.variant, run.training(), run.episode_fraction, run.seed)
            asked.setdefault(run.name, set()).add(settled)
    assert all(len(settled) == 1 for settled in asked.values())
    assert len(set.union(*asked.values())) == len(asked)
    with pytest.raises(ValueError, match=r"plan is 'all'; legal: 'lr', 'main'"):
        planned("all", StudyRun())


@pytest.mark.parametrize(
    ("changes", "name", "variant"),
    [
        ({}, "small-sisa-16-lr0.001-1500steps-seed0", "SISA d_state=16"),
        (
            {"d_state": 64, "lr_lam": 1.0, "lr": 0.002},
            "small-sisa-64-lam1-lr0.002-1500steps-seed0",
            "SISA d_state=64, λ lr ×1",
        ),
        (
            {"architecture": "transformer", "rope": "none", "seed": 3},
            "small-transformer-nope-lr0.001-1500steps-seed3",
            "transformer, no RoPE",
        ),
        (
            {"architecture": "jamba", "episode_fraction": 0.25},
            "small-jamba-64-lr0.001-episodes0.25-1500steps-seed0",
            "jamba",
        ),
        (
            {"anchor": "exact", "rope": "none"},
            "small-sisa-16-nope-exact-lr0.001-1500steps-seed0",
            "SISA d_state=16, exact anchor",
        ),
        (
            {"architecture": "transformer", "anchor": "exact"},  # nothing of it is anchored: the same run
            "small-transformer-lr0.001-1500steps-seed0",
            "transformer",
        ),
    ],
)
def test_names_say_what_a_person_compares(changes, name, variant):
    run = StudyRun(**changes)
    assert (run.name, run.variant) == (name, variant)


def test_an_early_end_leaves_whole_rounds():
    runs = expand(StudyRun(), [{"lr": 0.1}, {"lr": 0.2}], range(2))
    assert [(run.seed, run.lr) for run in runs] == [(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.2)]


def test_other_seeds_of_a_plan():
    runs = planned("main", StudyRun(), seeds=(7, 3))
    assert [run.seed for run in runs] == [7] * 7 + [3] * 7


def test_heldout_rows_spread_over_the_text():
    rows = heldout_rows(np.arange(1000), length=10)
    assert rows.shape == (64, 10)
    assert (rows[0, 0], rows[-1, -1]) == (0, 999)
    assert (np.diff(rows, axis=1) == 1).all()


def test_training_text_holds_no_episode_unless_asked(quick):
    assert quick.batches().task is None
    with_episodes = replace(quick, episode_fraction=0.25).batches()
    assert with_episodes.task.split == "train"
    assert {task.split for task in quick.tasks().values()} == {"heldout"}
    assert list(quick.tasks()) == ["repeated64", "repeated128", "corpus64", "corpus128"]


def test_runs_begin_in_their_order_and_one_that_fails_stops_no_other(inside):
    address, begun = inside
    seeds = [5, 7, 1, 4, 0, 3]
    done = train_all([StudyRun(seed=seed) for seed in seeds], address=address)
    names = []
    with pytest.raises(RuntimeError, match=r"1 of 6 runs failed: .*seed7.*ValueError\('seed 7'\)"):
        names.extend(path.name for path in done)
    assert [int(line) for line in begun.read_text().split()] == seeds
    assert names == [StudyRun(seed=seed).name for seed in seeds if seed != 7]


def test_twins_and_empty_clusters_are_refused():
    with pytest.raises(ValueError, match=r"legal: runs of different names\. Drop the twins"):
        list(train_all([StudyRun(), StudyRun(corpus="elsewhere.npz")]))
    with pytest.raises(ValueError, match="workers is 0; legal: whole numbers >= 1"):
        list(train_all([StudyRun()], workers=0))


def test_a_cluster_trains_what_is_not_finished_and_is_closed(folders, quick):
    from dask import config
    from dask.distributed import SpecCluster

    assert folders[0].name == quick.name
    for folder in folders:
        assert Run(folder).finished
        assert {"val/loss", "corpus128/exact_match", "repeated64/nll"} <= set(Run(folder).metrics["name"])
    assert all(cluster.status.name == "closed" for cluster in SpecCluster._instances)
    assert config.get("distributed.worker.daemon")  # as it was before
    weights = Run(folders[0]).weights
    before = weights.stat().st_mtime_ns
    quick.run()  # finished: returned as it is
    assert weights.stat().st_mtime_ns == before


def test_commands_train_collect_and_write_the_readme(folders, quick, corpus_file, tmp_path, monkeypatch):
    assert "jamba, λ lr ×1" in command("collect", *folders, "--out", tmp_path, *TOLD)
    asked = []
    monkeypatch.setattr("model.study.__main__.write_reproduction", lambda *paths, **more: asked.append(more))
    monkeypatch.setattr("model.study.__main__.train_all", lambda runs, **how: asked.append((runs, how)) or [])
    command("readme", "--results", "elsewhere")
    picked = ["--seeds", 0, "--variant", "transformer", "--variant", "SISA d_state=32"]
    command("train", "lr", "main", *picked, "--corpus", corpus_file, "--steps", 9, "--workers", 3)
    (said, (runs, how)) = asked
    assert said == {"results": Path("elsewhere")}
    assert how == {"workers": 3, "address": ""}
    assert [(run.variant, run.lr, run.steps) for run in runs] == [
        ("transformer", 5e-4, 9),
        ("transformer", 1e-3, 9),
        ("transformer", 2e-3, 9),
        ("transformer", 4e-3, 9),
        ("SISA d_state=32", 2e-3, 9),
    ]
    command("train", "lr", "--missing", "--corpus", corpus_file)
    assert asked.pop()[0] == []  # all of them have been measured
    command("train", "lr", "--missing", "--corpus", corpus_file, "--steps", 9)
    assert len(asked.pop()[0]) == 8
    command("train", "main", "--lr", 3e-3, "--seeds", 1, "--corpus", corpus_file)
    assert {run.lr for run in asked.pop()[0]} == {3e-3}
    for more, preset in ((), "50m"), (("--preset", "tiny"), "tiny"):
        command("train", "50m", "--corpus", corpus_file, *more)
        assert {run.preset for run in asked.pop()[0]} == {preset}
    refused = CliRunner().invoke(app, ["train", "main", "--variant", "jamba"])
    assert refused.exit_code == 2
    assert refused.stderr.startswith(
        "model.study: variant is 'jamba'; legal: 'transformer', 'SISA d_state=16'"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "nope"], "plan is 'nope'; legal: 'lr', 'main'"),
        (["train", "main", "--lr", "1e300"], "lr is 1e+300; legal: numbers above 0 and at most 1"),
        (["train", "main", "--workers", "0"], "workers is 0; legal: whole numbers >= 1"),
        (["train", "main", "--output-dir", ""], "output_dir is ''; legal: the path of a folder"),
        (["train", "main", "--preset", "huge"], "preset is 'huge'; legal: 'tiny'"),
        (["lengths", "absent"], "folder is 'absent'; legal: folders of finished runs"),
        (["collect", "absent", *TOLD], "folder is 'absent'; legal: folders of finished runs"),
        (["tiny", "absent"], "folder is 'absent'; legal: folders of finished runs"),
        (
            ["readme", "--readme", "absent.md"],
            "results is 'benchmarks/results'; legal: a folder of benchmark",
        ),
    ],
)
def test_what_a_command_refuses_is_one_line_and_exit_code_2(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"model.study: {said}")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_one_line_that_says_what_resumes(monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt("stopped at step 3 of 9; the same call resumes out")

    monkeypatch.setattr("model.study.__main__.train_all", stop)
    result = CliRunner().invoke(app, ["train", "main"])
    assert result.exit_code == 130
    assert result.stderr == "model.study: stopped at step 3 of 9; the same call resumes out\n"


@pytest.mark.parametrize("module", ["model.study", "sisa_viz.cli"])
def test_ctrl_c_while_libraries_load_is_one_line(project, module):
    """The first import of a library is where it comes."""
    code = f"""
import runpy, sys
class Stop:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
runpy.run_module("{module}", run_name="__main__")
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False
    )
    name = "sisa" if module == "sisa_viz.cli" else module
    assert (ended.returncode, ended.stderr) == (130, f"{name}: stopped\n")


def test_the_anchor_of_a_plan_is_causal_unless_told(corpus_file, monkeypatch):
    asked = []
    monkeypatch.setattr("model.study.__main__.train_all", lambda runs, **_: asked.append(runs) or [])
    command("train", "main", "--seeds", 0, "--missing", "--corpus", corpus_file)
    assert asked.pop() == []  # all of them were trained under the causal anchor
    command("train", "main", "--seeds", 0, "--missing", "--corpus", corpus_file, "--anchor", "exact")
    (runs,) = asked
    assert len(runs) == 6
    assert {run.config().anchor for run in runs} == {"exact"}
    assert all("-exact-" in run.name and run.variant.endswith(", exact anchor") for run in runs)


def test_the_needle_lens_agrees_with_the_trace_of_the_shipped_checkpoint():
    lesson = Exploration()
    model = lesson.model()
    episode = lesson.episode(model)
    lens = needle_lens(model, episode)
    lens.index = pd.Index("L" + lens["layer"].astype(str) + "H" + lens["head"].astype(str))
    trace = capture_episode(model, episode)
    query = int(episode.knobs["answer_start"].iloc[0]) - 1
    table = needle_heads(trace, query=query, top=trace.sizes["layer"] * trace.sizes["head"])
    columns = {"mass": "mass", "content": "content alone", "importance": "importance alone"}
    assert max(table["mass"]) > 0.5
    for part, column in columns.items():
        found = lens.loc[list(table["head"]), f"needle_{part}"]
        np.testing.assert_allclose(found, table[column], rtol=1e-2, atol=6e-4)  # the table has three digits
