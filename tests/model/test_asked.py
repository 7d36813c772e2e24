"""What `fit` is given and cannot use is refused before a folder is made, not after the last step."""
# what is no config, task or recipe is given where one is meant: what is tested
# pyright: reportArgumentType=false

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from data import NIAHTask, TrainingBatches
from model import SISAConfig, fit
from model.training.recipe import TrainingConfig

TASK = NIAHTask(lengths=(16,), n_symbols=16)
CONFIG = SISAConfig.preset("tiny", d_vocab=TASK.d_vocab)
GIVEN: dict[str, Any] = {
    "config": CONFIG,
    "batches": TrainingBatches(task=TASK, batch_size=1),
    "training": TrainingConfig(steps=1),
}
REFUSED: list[tuple[str, Any, str]] = [
    *(("config", value, "config is .*; legal: a SISAConfig") for value in (None, "tiny", CONFIG.to_dict())),
    *(("batches", value, "batches is .*; legal: batches such as") for value in (None, 5, TASK)),
    *(("training", value, "training is .*; legal: a TrainingConfig") for value in (None, 5, {"steps": 1})),
    *(("tokenizer", value, "tokenizer is .*; legal: a tokenizers.Tokenizer") for value in (5, "bpe", {})),
    *(("evaluations", value, "evaluations is .*; legal: needle tasks") for value in (5, [TASK], TASK)),
    *(("evaluations", {name: TASK}, "a name of evaluations is ") for name in (5, "", " ", "a\nb")),
    ("evaluations", {"a": 5}, r"evaluations\['a'\] is 5; legal: a NIAHTask"),
    (
        "evaluations",
        {"a": NIAHTask(lengths=(16,), n_symbols=500)},
        "is 'd_vocab 500'; legal: d_vocab",
    ),
    *(
        ("heldout", value, "heldout is .*; legal: whole numbers")
        for value in (5, [[1, 2]], np.zeros((2, 8)), np.zeros(8, int), np.zeros((0, 8), int))
    ),
    *(
        ("heldout", value, "heldout is .*; legal: whole")
        for value in (np.zeros((2, 1), int), np.ones((2, 8), bool))
    ),
    *(("heldout", np.full((2, 8), token), "heldout is 'ids .*; legal: 0 to 15") for token in (-1, 16, 10**6)),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_refused_before_a_folder_is_made(tmp_path, name, value, message):
    given = GIVEN | {name: value}
    with pytest.raises(ValueError, match=f"(?s){message}"):
        fit(given.pop("config"), folder=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_numbers_of_numpy_are_those_of_a_run(tmp_path):
    numbers = {"steps": np.int64(1), "lr": np.float32(0.5), "warmup": np.int32(0), "clip": np.float64(1)}
    training = TrainingConfig(**numbers, lr_lam=np.float32(0.25))
    plain = TrainingConfig(steps=1, lr=0.5, warmup=0, clip=1.0, lr_lam=0.25)
    assert json.loads(json.dumps(asdict(training))) == asdict(plain)
    run = fit(CONFIG, folder=tmp_path / "run", **numbered(training))
    assert run.config["seed"] == 0
    assert fit(CONFIG, folder=tmp_path / "run", **numbered(plain, seed=0)).folder == run.folder


def numbered(training: TrainingConfig, *, seed: object = np.int64(0)) -> dict[str, Any]:
    return {"batches": GIVEN["batches"], "training": training, "seed": seed}


@pytest.mark.parametrize("compiled", ["no", 1, None, np.True_], ids=repr)
def test_compile_is_true_or_false(compiled):
    with pytest.raises(ValueError, match=r"compile is .*; legal: True or False"):
        TrainingConfig(steps=1, compile=compiled)
