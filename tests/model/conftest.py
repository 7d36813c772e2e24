"""Small models and tokens for the tests of this room."""

import pytest
import torch
from small_models import SMALL, lively

from model import SISAConfig, SISAModel


@pytest.fixture(params=["sisa-causal", "sisa-minimax", "transformer"])
def config(request):
    architecture, _, anchor = request.param.partition("-")
    return SISAConfig(**SMALL, d_state=4 if architecture == "sisa" else 0, anchor=anchor or "causal")


@pytest.fixture
def sisa():
    return lively(SISAModel(SISAConfig(**SMALL, d_state=4), seed=1))


@pytest.fixture
def tokens():
    return torch.randint(0, SMALL["d_vocab"], (2, 12), generator=torch.Generator().manual_seed(0))
