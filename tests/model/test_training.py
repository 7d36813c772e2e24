"""Training: the recipe, and runs that survive being killed."""

import hashlib
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import killable_run
import numpy as np
import pandas as pd
import pytest
import torch
from killable_run import CONFIG, TASK, Interrupting, same, train

from data import TrainingBatches
from model import SISAModel
from model.training.loop import SISATraining, row_loss
from model.training.progress import watched_by_a_person
from model.training.recipe import TrainingConfig
from model.training.run import NonFiniteLoss, Run


def test_a_run_leaves_a_whole_folder(tmp_path):
    run = train(tmp_path / "run")
    files = ["config.json", "versions.json", "metrics.csv", "heads.csv", "last.ckpt", "model.safetensors"]
    files += ["previous.ckpt", "run_digests.json"]
    assert {p.name for p in run.folder.iterdir()} == {*files, ".lock"}
    metrics = run.metrics
    assert list(metrics.columns) == ["step", "tokens", "name", "value"]
    assert metrics.query("name == 'train/loss'").step.tolist() == [4, 8, 12, 16, 20]
    heads = run.heads
    assert heads.columns[:3].tolist() == ["step", "layer", "head"]
    evaluated = metrics.query("name == 'niah/exact_match'").step.tolist()
    assert evaluated == heads.query("layer == 1 and head == 1").step.tolist() == [8, 16, 20]
    assert len(heads) == 3 * 2 * 2  # evaluations, layers, heads
    assert {"lam", "half_life", "clamped", "needle_mass"} <= set(heads)
    assert heads.notna().all(axis=None)
    assert (metrics.tokens == metrics.step * 4 * 16).all()
    others = ["niah/first_token", "niah/nll", "niah/n", "lr", "grad_norm"]
    assert set(others) <= set(metrics.name)
    assert not metrics.name.str.contains("/L").any()
    assert run.config["seed"] == 0
    assert run.config["model"]["d_state"] == 4
    assert run.config["data"]["task"]["filler"] == "synthetic"
    software = json.loads((run.folder / "versions.json").read_text())[0]
    assert software["torch"].startswith(torch.__version__.split("+")[0])


def test_finished_run_is_returned_untouched(tmp_path):
    run = train(tmp_path / "run")
    before = {p.name: p.stat().st_mtime_ns for p in run.folder.glob("*.*") if p.name != ".lock"}
    again = train(tmp_path / "run")
    assert before == {p.name: p.stat().st_mtime_ns for p in again.folder.glob("*.*") if p.name != ".lock"}


@pytest.mark.parametrize(("at", "accumulate"), [(0, 1), (5, 1), (13, 1), (0, 2), (5, 2), (13, 2), (39, 2)])
def test_resumed_run_equals_uninterrupted_run(tmp_path, at, accumulate):
    whole = train(tmp_path / "whole", accumulate=accumulate)
    batches = Interrupting(TrainingBatches(task=TASK, batch_size=4), at=at, error=OSError("power cut"))
    with pytest.raises(OSError, match="power cut"):
        train(tmp_path / "cut", batches=batches, accumulate=accumulate)
    assert not Run(tmp_path / "cut").finished
    assert same(whole, train(tmp_path / "cut", accumulate=accumulate))


@pytest.fixture(scope="module")
def compiled(project, tmp_path_factory):
    """What tests/support/compiled_training.py tells of a process of its own."""
    support = project / "tests" / "support"
    command = [sys.executable, support / "compiled_training.py", tmp_path_factory.mktemp("compiled")]
    found = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (project, support)))}
    done = subprocess.run(command, capture_output=True, text=True, env=found)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("architecture", "kinds"), [("transformer", 1), ("sisa", 1), ("jamba", 2)])
def test_compiled_blocks_of_one_kind_share_a_graph(compiled, architecture, kinds):
    found = compiled[architecture]
    assert found["graphs"] == kinds + 1  # and one of the loss
    assert found["loss"] < 1e-6
    assert found["gradient"] < 1e-6


def test_a_compiled_transformer_takes_its_angles_from_a_table(compiled):
    assert not compiled["transformer"]["angles"]
    assert compiled["sisa"]["angles"]  # those of Φ are of the data


def test_a_compiled_run_is_the_same_run_and_is_measured_without_compiling(compiled):
    assert compiled["run"]["graphs"] == 2  # of training steps, none of the evaluations between them
    assert compiled["run"]["metrics"] < 1e-4


def test_accumulated_steps_equal_one_large_batch(tmp_path):
    class Halves:
        def build(self, seed, step):
            tokens, labels = TrainingBatches(task=TASK, batch_size=8).build(seed, step // 2)
            part = slice(0, 4) if step % 2 == 0 else slice(4, 8)
            return tokens[part], labels[part]

        def spec(self):
            return {}

    large = train(tmp_path / "large", batches=TrainingBatches(task=TASK, batch_size=8), tasks=False)
    small = train(tmp_path / "small", batches=Halves(), accumulate=2, tasks=False)
    pd.testing.assert_frame_equal(large.metrics, small.metrics, rtol=1e-3)


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    killed = multiprocessing.get_context("spawn").Process(target=int)
    killed.start()
    killed.join()
    machine = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    half = tmp_path / f".{machine}-{killed.pid}-0123456789abcdef.part"
    half.write_text("half")
    (tmp_path / ".movie.mkv.part").write_text("precious")
    assert {p.name for p in train(tmp_path, steps=2).folder.glob(".*.part")} == {".movie.mkv.part"}
    half.write_text("half")  # a finished run, which writes nothing any more
    assert {p.name for p in train(tmp_path, steps=2).folder.glob(".*.part")} == {".movie.mkv.part"}


def test_interrupt_is_not_mistaken_for_the_end(tmp_path):
    batches = Interrupting(TrainingBatches(task=TASK, batch_size=4), at=9, error=KeyboardInterrupt())
    before = signal.getsignal(signal.SIGINT)
    message = rf"stopped at step 8 of 20; the same call resumes {tmp_path / 'run'} from step 6"
    with pytest.raises(KeyboardInterrupt, match=message):
        train(tmp_path / "run", batches=batches)
    assert not Run(tmp_path / "run").finished
    assert signal.getsignal(signal.SIGINT) is before  # a second interrupt would still be heard


@pytest.fixture
def start(project, monkeypatch):
    """Starts killable_run.train_long in its own process; imports happen once, in the server that forks it."""
    # the server of Python 3.11 imports what to preload before it is told this process' sys.path
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (project, project / "tests" / "support"))))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["killable_run", "model.training.loop"])

    def start(folder):
        process = context.Process(target=killable_run.train_long, args=(folder,))
        process.start()
        return process

    return start


@pytest.mark.slow
def test_kill_at_ten_random_moments_changes_nothing(tmp_path, start):
    """SIGKILL wherever it falls in ten runs; the same call resumes each to identical weights and metrics."""
    start(tmp_path / "warm").join()
    began = time.monotonic()
    start(tmp_path / "whole").join()
    whole, seconds = Run(tmp_path / "whole"), time.monotonic() - began
    rng, stopped_at = random.Random(0), []
    for trial in range(10):
        folder = tmp_path / f"killed{trial}"
        process = start(folder)
        time.sleep(rng.uniform(0, seconds))
        process.kill()
        process.join()
        metrics = folder / "metrics.csv"
        stopped_at.append(len(metrics.read_bytes()) if metrics.is_file() else 0)
        resumed = start(folder)
        resumed.join()
        assert resumed.exitcode == 0
        assert same(whole, Run(folder)), f"killed after {stopped_at[-1]} bytes of metrics"
    assert len(set(stopped_at)) > 3  # the kills did fall at different places


def test_folder_in_use_is_refused(tmp_path, start):
    process = start(tmp_path / "run")
    lock = tmp_path / "run" / "config.json"
    while not lock.is_file():
        time.sleep(0.01)
    with pytest.raises(ValueError, match="a folder that no other run is using"):
        train(tmp_path / "run")
    process.kill()
    process.join()


def test_folder_of_another_run_is_refused(tmp_path):
    train(tmp_path / "run", steps=2)
    with pytest.raises(ValueError, match=r"the folder of the same run; training.lr: 0.003 there, 0.1 here"):
        train(tmp_path / "run", steps=2, lr=0.1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match=r"not one that holds \['thesis.tex'\]"):
        train(tmp_path / "mine", steps=2)


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.tex": "precious"},
        {"config.json": '{"name": "a web page"}'},
        {"config.json": '["of another program"]'},
        {"config.json": '{"architec'},
        {"config.json": "{}", "index.html": ""},
    ],
    ids=lambda files: " ".join(files.values()),
)
def test_nothing_of_a_refused_folder_is_touched(tmp_path, files):
    found = files | {".movie.mkv.part": "half a film"}
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf"folder is '{tmp_path}'; legal: "):
        train(tmp_path, steps=2)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == found


def test_other_heldout_rows_are_another_run(tmp_path):
    rows = np.arange(16)[None]
    run = train(tmp_path / "run", steps=2, heldout=rows)
    with pytest.raises(
        ValueError, match=r"the folder of the same run; heldout_sha256: '\w+' there, '\w+' here"
    ):
        train(tmp_path / "run", steps=2, heldout=rows[:, ::-1])
    older = {name: value for name, value in run.config.items() if name != "heldout_sha256"}
    (tmp_path / "run" / "config.json").write_text(json.dumps(older))  # as earlier versions wrote it
    assert train(tmp_path / "run", steps=2, heldout=rows[:, ::-1]).finished
    with pytest.raises(ValueError, match=r"evaluations.niah.\w+: '?\w+'? there, None here"):
        train(tmp_path / "run", steps=2, tasks=False)


def test_half_a_line_goes_even_where_it_reads_as_an_early_step(tmp_path):
    run, whole = Run(tmp_path), "step,layer,head,half_life,lam\n8,0,0,,0.5\n8,0,1,inf,0.25\n"
    (tmp_path / "heads.csv").write_text(whole + "16,0,0,,0.5\n1")  # of a step 16 that a kill cut off
    run.cut_tables(8)
    assert (tmp_path / "heads.csv").read_text() == whole  # a head without a half-life stays
    (tmp_path / "heads.csv").write_text("step,lay")
    run.cut_tables(8)
    assert run.heads.empty
    run.append("heads.csv", pd.DataFrame({"step": [8], "layer": [0], "head": [0], "lam": [0.5]}))
    assert run.heads.to_numpy().tolist() == [[8, 0, 0, 0.5]]


def test_a_table_keeps_its_columns(tmp_path):
    run, row = Run(tmp_path), pd.DataFrame({"step": [8], "lam": [0.5]})
    run.append("heads.csv", row)
    with pytest.raises(ValueError, match=r"columns of .*heads.csv is 'step,half_life'; legal: step,lam"):
        run.append("heads.csv", row.rename(columns={"lam": "half_life"}))


def test_a_folder_of_an_earlier_version_is_read_and_goes_on(tmp_path):
    """Its metrics.csv holds the heads too, under names with layer and head."""
    run = Run(tmp_path)
    rows = ["4,9,lr,0.1", "4,9,lam/L0H1,0.5", "4,9,half_life/L0H1,8.0", "4,9,half_life/L1H0,9.0"]
    (tmp_path / "metrics.csv").write_text("\n".join(["step,tokens,name,value", *rows, ""]))
    assert run.metrics.to_numpy().tolist() == [[4, 9, "lr", 0.1]]
    now = pd.DataFrame({"step": [8], "layer": [0], "head": [1], "half_life": [7.0], "lam": [0.75]})
    run.append("heads.csv", now)
    told = run.heads.fillna(-1.0)[["step", "layer", "head", "half_life", "lam"]]
    assert told.to_numpy().tolist() == [[4, 0, 1, 8.0, 0.5], [4, 1, 0, 9.0, -1.0], [8, 0, 1, 7.0, 0.75]]
    run.cut_tables(4)
    assert run.heads["step"].tolist() == [4, 4]


def test_half_written_metrics_are_cut(tmp_path):
    run = Run(tmp_path)
    (tmp_path / "metrics.csv").write_text("step,tokens,name,value\n4,1,lr,0.1\n8,2,lr,0.2\n12,3,tra")
    run.cut_tables(8)
    assert (tmp_path / "metrics.csv").read_text() == "step,tokens,name,value\n4,1,lr,0.1\n8,2,lr,0.2\n"
    run.cut_tables(0)
    assert run.metrics.empty


def test_loss_that_is_not_finite_names_step_batch_and_checkpoint(tmp_path):
    class Poisoned(SISATraining):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            return loss * float("nan") if self.trainer.global_step == 8 else loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.training.loop.SISATraining", Poisoned)
        message = r"step 9: loss nan.*build\(seed=0, step=8\).*last good checkpoint is .*last.ckpt"
        with pytest.raises(NonFiniteLoss, match=message):
            train(tmp_path / "run")
    weights = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(w.isfinite().all() for w in weights.values())
    assert same(train(tmp_path / "whole"), train(tmp_path / "run"))


def test_optimizer_groups_are_the_papers():
    model = SISAModel(CONFIG)
    optimizer = SISATraining(model, TrainingConfig(steps=10, lr=6e-4)).configure_optimizers()["optimizer"]
    rest, lam = optimizer.param_groups
    assert (rest["initial_lr"], rest["weight_decay"], rest["betas"]) == (6e-4, 0.1, (0.9, 0.95))
    assert (lam["initial_lr"], lam["weight_decay"]) == (pytest.approx(6e-5), 0.0)
    assert {id(p) for p in lam["params"]} == {id(block.attn.lam_raw) for block in model.blocks}
    assert len(rest["params"]) + len(lam["params"]) == len(list(model.parameters()))


def test_plain_transformer_has_one_group():
    model = SISAModel(replace(CONFIG, d_state=0))
    optimizer = SISATraining(model, TrainingConfig(steps=1)).configure_optimizers()["optimizer"]
    assert len(optimizer.param_groups) == 1


def test_learning_rate_warms_up_and_falls_to_zero():
    training = TrainingConfig(steps=100, warmup=10)
    rates = [training.rate(step) for step in range(101)]
    assert rates[:10] == [pytest.approx((step + 1) / 10) for step in range(10)]
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0)
    assert np.all(np.diff(rates[10:]) < 0)
    assert TrainingConfig(steps=1, warmup=0).rate(0) == 1.0


def test_every_row_counts_the_same():
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[0, 1, 2, 3, 4], [-100, -100, -100, -100, 6]])
    nll = -logits.log_softmax(-1)[:, :-1].gather(-1, labels[:, 1:, None].clamp(min=0))[..., 0]
    torch.testing.assert_close(row_loss(logits, labels), (nll[0].mean() + nll[1, -1]) / 2)


@pytest.mark.parametrize(
    ("field", "value", "legal"),
    [
        ("steps", 0, ">= 1"),
        ("lr", -1.0, "above 0"),
        ("lr", "fast", "above 0"),
        ("lr", True, "above 0"),
        ("clip", 0, "above 0"),
        ("weight_decay", -0.1, "from 0"),
        ("lr_lam", float("nan"), "from 0"),
        ("warmup", -1, ">= 0"),
        ("accumulate", 1.5, ">= 1"),
    ],
)
def test_bad_settings_are_named(field, value, legal):
    with pytest.raises(ValueError, match=rf"{field} is .*legal: .*{legal}"):
        TrainingConfig(**{"steps": 5, field: value})


def test_missing_device_is_explained(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ValueError, match="device is 'cuda'; legal: 'cpu' on this machine"):
        train(tmp_path, device="cuda")


def test_headless_runs_print_lines_and_no_bar(tmp_path, capfd):
    train(tmp_path / "run")
    out, err = capfd.readouterr()
    start, *lines = out.splitlines()
    assert start == f"training starts anew in {tmp_path / 'run'}: step 0 of 20"
    assert [line.split()[1] for line in lines] == ["8/20", "16/20", "20/20"]
    assert "tokens/s" in out
    assert "%" not in err


def test_a_person_is_watching_only_where_one_can(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert not watched_by_a_person()
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    assert watched_by_a_person()


def test_a_run_that_is_being_written_is_read_as_far_as_its_lines_are_whole(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,tokens,name,value\n10,100,val/loss,3.5\n20,200,val/lo")
    (tmp_path / "heads.csv").write_text("step,layer,head,lam\n10,0,0,0.5\n20,0,0,0.")
    run = Run(tmp_path)
    assert run.metrics.to_numpy().tolist() == [[10, 100, "val/loss", 3.5]]
    assert run.heads.to_numpy().tolist() == [[10, 0, 0, 0.5]]
