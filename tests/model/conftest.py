"""Small models and tokens for the tests of this room."""

import pytest
import torch
from small_models import SMALL, lively

from model import SISAConfig, SISAModel
from model.config.architectures import architecture as record_of

SISA = ["sisa-exact", "sisa-causal", "sisa-minimax"]
ATTENTION = [*SISA, "transformer", "adaptive_sisa", "sigmoid_sisa", "fox", "alibi"]


@pytest.fixture(params=ATTENTION)
def config(request):
    """One small model of every architecture that has attention scores."""
    architecture, _, anchor = request.param.partition("-")
    d_state = 4 if record_of(architecture).d_state else 0
    return SISAConfig(
        **SMALL, architecture=architecture, d_state=d_state, anchor=anchor or "exact", anchor_block=8
    )


@pytest.fixture
def sisa():
    return lively(SISAModel(SISAConfig(**SMALL, d_state=4), seed=1))


@pytest.fixture
def tokens():
    return torch.randint(0, SMALL["d_vocab"], (2, 12), generator=torch.Generator().manual_seed(0))
