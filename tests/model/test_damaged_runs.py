"""Runs that were stopped, and run folders in which a file is damaged, foreign or another run's."""

import errno
import json
import os
import pickle
import random
import shutil

import numpy as np
import pytest
import torch
from killable_run import CONFIG, TASK, Interrupting, same, train

from data import TrainingBatches
from data.results.runs import read_heads, read_runs
from model import SISAModel, load, save
from model.training.checkpoints import find_start, seal
from model.training.loop import SISATraining
from model.training.recipe import TrainingConfig
from model.training.run import Run


def stop(folder, *, at, **changes):
    """Train until a step at which the power goes."""
    batches = Interrupting(TrainingBatches(task=TASK, batch_size=4), at=at, error=OSError("power cut"))
    with pytest.raises(OSError, match="power cut"):
        train(folder, batches=batches, **changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run that has ended, one that stopped at step 13, and another seed's."""
    folder = tmp_path_factory.mktemp("made")
    train(folder / "whole")
    stop(folder / "cut", at=13)
    stop(folder / "other", at=13, seed=1)
    return folder


@pytest.fixture
def cut(made, tmp_path):
    """A run stopped at step 13: last.ckpt is of step 12, previous.ckpt of step 6."""
    return Run(shutil.copytree(made / "cut", tmp_path / "cut"))


@pytest.fixture
def finished(made, tmp_path):
    return Run(shutil.copytree(made / "whole", tmp_path / "whole"))


def start_of(run, *, steps=20):
    module = SISATraining(SISAModel(CONFIG), TrainingConfig(steps=steps))
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    return find_start(run, shapes, steps=steps)


def flip(path, *, at):
    """Flip one bit, at a share of the file."""
    held = bytearray(path.read_bytes())
    held[min(int(at * len(held)), len(held) - 1)] ^= 4
    path.write_bytes(held)


def rewrite(path, change):
    """Save a checkpoint anew after a change, as an earlier version would: without a seal."""
    held = torch.load(path, weights_only=True)
    change(held)
    torch.save(held, path)


class Touch:
    """Pickled, it would make a file when it is unpickled carelessly."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut by one byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "one byte alone": lambda path: path.write_bytes(b"P"),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "zeroed in the middle": lambda path: path.write_bytes(
        path.read_bytes()[:40_000] + bytes(4096) + path.read_bytes()[44_096:]
    ),
    "text": lambda path: path.write_text("not a checkpoint"),
    "a pickle of code": lambda path: path.write_bytes(pickle.dumps(Touch(path.with_name("touched")))),
    "code in an archive": lambda path: torch.save({"x": Touch(path.with_name("touched"))}, path),
    "tensors of another program": lambda path: torch.save({"weight": torch.zeros(3)}, path),
    "a tensor": lambda path: torch.save(torch.zeros(3), path),
    "a list for weights": lambda path: rewrite(path, lambda held: held.update(state_dict=[1])),
    "no optimiser": lambda path: rewrite(path, lambda held: held.pop("optimizer_states")),
    "a step that is none": lambda path: rewrite(path, lambda held: held.update(global_step="12")),
    "a step past the end": lambda path: rewrite(path, lambda held: held.update(global_step=21)),
    "weights of another size": lambda path: rewrite(
        path, lambda held: held["state_dict"].update({"model.embed.weight": torch.zeros(2, 2)})
    ),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_checkpoint_before_a_damaged_one_is_taken_and_said(cut, damage):
    DAMAGES[damage](cut.checkpoint)
    start = start_of(cut)
    assert (start.checkpoint, start.step) == (cut.checkpoint, 6)
    assert start.told.startswith(f"training goes on in {cut.folder}: step 6 of 20, of previous.ckpt, because")
    assert "it is kept as damaged.ckpt" in start.told
    assert "weights_only" not in start.told
    assert not cut.previous_checkpoint.exists()  # it is last.ckpt now, so that no damaged file replaces it
    assert (cut.folder / "damaged.ckpt").exists()
    assert not (cut.folder / "touched").exists()
    assert start_of(cut).step == 6


def test_one_flipped_bit_anywhere_in_a_checkpoint_is_noticed(cut):
    whole = cut.checkpoint.read_bytes()
    rng = random.Random(0)
    for at in [0, 1, *(rng.random() for _ in range(60))]:
        spare = cut.previous_checkpoint.read_bytes()
        flip(cut.checkpoint, at=at)
        assert start_of(cut).step == 6, at
        cut.checkpoint.write_bytes(whole)
        cut.previous_checkpoint.write_bytes(spare)
    assert start_of(cut).step == 12


@pytest.mark.parametrize("at", [0.2, 0.5, 0.99])
def test_a_run_with_a_flipped_bit_ends_as_if_there_had_been_none(made, cut, at, capfd):
    flip(cut.checkpoint, at=at)
    resumed = train(cut.folder)
    assert same(Run(made / "whole"), resumed)
    told = capfd.readouterr().out.splitlines()[0]
    assert told.startswith(
        f"training goes on in {cut.folder}: step 6 of 20, of previous.ckpt, because last.ckpt"
    )


def test_a_missing_checkpoint_is_said_and_the_one_before_is_taken(made, cut, capfd):
    cut.checkpoint.unlink()  # as a kill between the two renamings leaves it
    assert same(Run(made / "whole"), train(cut.folder))
    assert "step 6 of 20, of previous.ckpt, because last.ckpt is missing" in capfd.readouterr().out


def test_two_damaged_checkpoints_are_both_named_and_nothing_is_trained(cut):
    cut.checkpoint.write_bytes(b"")
    flip(cut.previous_checkpoint, at=0.5)
    before = {path.name: path.read_bytes() for path in cut.folder.glob("*.*") if path.is_file()}
    message = (
        r"last.ckpt is empty; .*previous.ckpt has changed since it was written: its SHA-256 is another; "
        r"legal: a checkpoint that this run wrote. Put a good copy there, or delete it to train from step 0"
    )
    with pytest.raises(ValueError, match=message):
        train(cut.folder)
    assert {path.name: path.read_bytes() for path in cut.folder.glob("*.*") if path.is_file()} == before
    cut.checkpoint.unlink()
    cut.previous_checkpoint.unlink()
    assert train(cut.folder).finished


@pytest.mark.parametrize("which", ["last.ckpt", "previous.ckpt"])
def test_a_checkpoint_of_another_seed_is_refused(made, cut, which):
    cut.checkpoint.unlink()
    shutil.copy(made / "other" / which, cut.folder / which)
    with pytest.raises(
        ValueError, match=rf"{which} is 'a checkpoint of another run \(seed: 1 there, 0 here\)'; legal: "
    ):
        train(cut.folder)


def test_a_checkpoint_of_an_earlier_version_is_resumed_and_its_tensors_are_checked(made, cut):
    cut.previous_checkpoint.unlink()
    (cut.folder / "run_digests.json").unlink()
    rewrite(cut.checkpoint, lambda held: held.pop("run"))
    earlier = cut.checkpoint.read_bytes()
    weight = torch.load(cut.checkpoint, weights_only=True)["state_dict"]["model.embed.weight"].numpy()
    held = bytearray(earlier)
    held[held.find(weight.tobytes()) + 7] ^= 1
    cut.checkpoint.write_bytes(held)
    with pytest.raises(
        ValueError, match=r"last.ckpt has changed since it was written: the CRC-32 of .*data/"
    ):
        train(cut.folder)
    cut.checkpoint.write_bytes(earlier)
    assert same(Run(made / "whole"), train(cut.folder))


def test_a_seal_changes_nothing_that_is_read(tmp_path):
    torch.save({"weight": torch.arange(5)}, tmp_path / "a.ckpt")
    seal(tmp_path / "a.ckpt")
    assert torch.load(tmp_path / "a.ckpt", weights_only=True)["weight"].tolist() == [0, 1, 2, 3, 4]


def test_a_run_stopped_before_its_first_checkpoint_says_that_it_starts_anew(tmp_path, capfd):
    stop(tmp_path / "run", at=5, checkpoint_every=100)
    assert not Run(tmp_path / "run").checkpoint.exists()
    train(tmp_path / "run", checkpoint_every=100)
    lines = capfd.readouterr().out.splitlines()
    where = f"training starts anew in {tmp_path / 'run'}: step 0 of 20"
    assert lines[:2] == [where, f"{where}, since it was stopped before its first checkpoint"]


def test_slow_steps_are_kept_by_the_clock(tmp_path, monkeypatch, capfd):
    whole = train(tmp_path / "whole", checkpoint_every=100)
    seconds = iter(range(0, 100_000, 25))  # the clock is asked once a step, and after a checkpoint
    monkeypatch.setattr("model.training.callbacks.monotonic", lambda: next(seconds))
    stop(tmp_path / "run", at=5, checkpoint_every=100)
    assert start_of(Run(tmp_path / "run")).step == 3  # 75 seconds, the first above a minute
    monkeypatch.undo()
    capfd.readouterr()
    assert same(whole, train(tmp_path / "run", checkpoint_every=100))
    told = capfd.readouterr().out.splitlines()[0]
    assert told == f"training goes on in {tmp_path / 'run'}: step 3 of 20"


@pytest.mark.parametrize("name", ["metrics.csv", "heads.csv"])
def test_a_changed_number_in_a_table_is_refused_by_all_who_read_it(cut, name):
    path = cut.folder / name
    text = path.read_text()
    digit = max(at for at, sign in enumerate(text[: len(text) // 2]) if sign == "3")
    path.write_text(text[:digit] + "7" + text[digit + 1 :])
    message = (
        rf"{name} does not hold what was written to it; legal: the \d+ bytes whose SHA-256 run_digests.json"
    )
    for read in (read_runs, read_heads) if name == "metrics.csv" else (read_heads,):
        with pytest.raises(ValueError, match=message):
            read(cut.folder)
    with pytest.raises(ValueError, match=message):
        _ = cut.metrics if name == "metrics.csv" else cut.heads
    with pytest.raises(ValueError, match=message):
        train(cut.folder)


def test_a_table_that_was_emptied_is_not_one_that_has_not_begun(cut):
    (cut.folder / "heads.csv").write_text("")
    for read in (lambda: cut.heads, lambda: read_heads(cut.folder), lambda: train(cut.folder)):
        with pytest.raises(ValueError, match=r"heads.csv does not hold what was written"):
            read()


def test_a_run_is_not_resumed_without_one_of_its_tables(cut):
    (cut.folder / "heads.csv").unlink()
    with pytest.raises(ValueError, match=r"heads.csv does not hold what was written"):
        train(cut.folder)


def test_a_table_may_grow_beyond_its_note(cut):
    with (cut.folder / "metrics.csv").open("a") as file:
        file.write("13,832,lr,0.5\n13,83")
    assert cut.metrics.iloc[-1]["value"] == 0.5


def test_rows_that_are_none_are_named(cut):
    (cut.folder / "run_digests.json").unlink()
    (cut.folder / "metrics.csv").write_bytes(b"step,tokens,name,value\n\0\0\0\0\n")
    with pytest.raises(
        ValueError, match=r"a row of .*metrics.csv is .*; legal: rows that begin with the number"
    ):
        train(cut.folder)
    (cut.folder / "metrics.csv").write_text("step,tokens,name,value\n1,2\n1,2,3,4,5\n")
    with pytest.raises(ValueError, match=r"metrics.csv cannot be read as a table"):
        _ = cut.metrics


@pytest.mark.parametrize(
    "text", ['{"metrics.csv"', "[]", '{"metrics.csv": 5}', '{"a": {"bytes": "x"}}', "\0"]
)
def test_notes_that_cannot_be_read_are_named(finished, text):
    (finished.folder / "run_digests.json").write_text(text)
    with pytest.raises(ValueError, match=r"run_digests.json cannot be used: .*or delete it"):
        _ = finished.metrics


WEIGHTS = {
    "flipped": (lambda path: flip(path, at=0.9), "does not hold what was written"),
    "empty": (lambda path: path.write_bytes(b""), "does not hold what was written"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:3000]), "does not hold what was written"),
    "another seed's": (lambda path: save(SISAModel(CONFIG, seed=1), path), "does not hold what was written"),
}
UNNOTED = {
    "empty": (lambda path: path.write_bytes(b""), "no readable safetensors file"),
    "zeroed": (lambda path: path.write_bytes(bytes(5000)), "no readable safetensors file"),
    "text": (lambda path: path.write_text("weights"), "no readable safetensors file"),
    "another seed's": (lambda path: save(SISAModel(CONFIG, seed=1), path), r"seed: 1 there, 0 here"),
    "the shipped": (lambda path: save(load("niah"), path), r"weights of another run \(model.d_mlp: 576"),
}


@pytest.mark.parametrize("damage", WEIGHTS)
def test_damaged_weights_of_a_finished_run_are_refused(made, finished, damage):
    change, message = WEIGHTS[damage]
    change(finished.weights)
    for read in (lambda: train(finished.folder), finished.model, lambda: load(finished.weights)):
        with pytest.raises(ValueError, match=rf"model.safetensors {message}"):
            read()
    finished.weights.unlink()
    assert same(Run(made / "whole"), train(finished.folder))


@pytest.mark.parametrize("damage", UNNOTED)
def test_weights_of_a_run_of_an_earlier_version_are_looked_at(finished, damage):
    (finished.folder / "run_digests.json").unlink()
    change, message = UNNOTED[damage]
    change(finished.weights)
    with pytest.raises(
        ValueError, match=rf"model.safetensors.*{message}.*the same call then goes on from last"
    ):
        train(finished.folder)


def test_a_finished_run_is_returned_from_a_disk_that_is_read_only(finished, monkeypatch):
    (finished.folder / ".lock").unlink()

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("filelock.FileLock.acquire", refuse)
        for name in ("data.digests", "model.training.run", "model.training.callbacks"):
            patch.setattr(f"{name}.write_aside", refuse)
        assert train(finished.folder).finished
        assert len(finished.metrics) > 0
        finished.weights.unlink()
        message = (
            r"legal: a folder that can be written to and locked. No run can be trained there \(.*Read-only"
        )
        with pytest.raises(ValueError, match=message):
            train(finished.folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"torch": "2.0"}', r"versions.json is \{'torch': '2.0'\}; legal: a list of the software"),
        ("5", r"versions.json is 5; legal: a list"),
        ('[{"tor', r"versions.json is 'not JSON: .*; legal: a whole JSON file"),
        ("", r"versions.json is 'not JSON: .*; legal: a whole JSON file"),
        ("\udcff", r"versions.json is \"not JSON: .*; legal: a whole JSON file"),
    ],
)
def test_versions_of_another_kind_are_named_with_the_way_out(cut, text, message):
    path = cut.folder / "versions.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=rf"{message}.* Delete it; nothing else needs it."):
        train(cut.folder)
    path.unlink()
    assert train(cut.folder).finished


@pytest.mark.parametrize("text", ['{"model": {"d_st', "", "\0\0\0\0", "[]", '{"model": {}}', "[" * 100_000])
def test_a_config_that_is_none_is_named(cut, text):
    (cut.folder / "config.json").write_text(text)
    for read in (lambda: cut.config, lambda: train(cut.folder)):
        with pytest.raises(ValueError, match=r"config.json is .*; legal: .*from a copy"):
            read()


def test_a_run_notes_itself_in_its_checkpoints(cut):
    noted = torch.load(cut.checkpoint, weights_only=True)["run"]
    assert noted == json.loads((cut.folder / "config.json").read_text())
    assert np.isfinite(noted["training"]["lr"])
