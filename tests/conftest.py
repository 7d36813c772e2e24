"""What every test shares: shape checks, Hypothesis profiles, few threads, and honest skips."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")  # small tensors gain nothing from more
os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")

import importlib.util

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

if importlib.util.find_spec("model"):
    install_import_hook("model", "beartype.beartype").__enter__()

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_modifyitems(items):
    """Skip `gpu` tests where no CUDA device answers, and say so."""
    wanted = [item for item in items if item.get_closest_marker("gpu")]
    if not wanted:
        return
    import torch

    if not torch.cuda.is_available():
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
