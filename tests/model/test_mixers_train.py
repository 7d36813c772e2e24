"""Every architecture learns: two steps of training, finite, and no parameter is left out."""

import pytest
import torch

from data import NIAHTask, TrainingBatches
from model import SISAConfig, fit
from model.config.architectures import architectures
from model.network.network import SISAModel
from model.training.recipe import TrainingConfig


@pytest.mark.parametrize("architecture", [record.name for record in architectures()])
def test_two_steps_train_every_parameter(architecture, tmp_path):
    task = NIAHTask(filler="synthetic", lengths=(24,))
    config = SISAConfig.preset("tiny", architecture=architecture, d_vocab=task.d_vocab, n_ctx=24)
    batches = TrainingBatches(task=task, batch_size=4)
    training = TrainingConfig(steps=2, lr=3e-3, warmup=0, log_every=1)
    run = fit(config, folder=tmp_path / "run", batches=batches, training=training, seed=0, device="cpu")
    losses = run.metrics.loc[run.metrics["name"] == "train/loss", "value"]
    assert len(losses) == 2
    assert 0 < losses.iloc[1] < 10
    before, after = SISAModel(config, seed=0).state_dict(), run.model().state_dict()
    still = [name for name, value in after.items() if torch.equal(value, before[name])]
    assert still == []
