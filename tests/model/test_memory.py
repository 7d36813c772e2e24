"""Memory grows with the length, not with its square, as long as nobody watches a score.

A process of its own reads its peak, which only ever rises, after each of three tasks of a small model.
"""

import subprocess
import sys

import pytest

LENGTH = 4096
SQUARE = 4 * LENGTH**2 / 2**20  # MiB of one float32 tensor query × key of one head

MEASURE = f"""
import pathlib, resource
import torch
from model import SISAConfig, SISAModel, capture

def peak():
    status = pathlib.Path("/proc/self/status")
    if status.is_file():  # on Linux, getrusage would start from the peak of the process that started this one
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

torch.set_num_threads(1)
config = SISAConfig(d_model=16, n_layers=2, n_heads=2, d_mlp=24, d_vocab=11, n_ctx=64, d_state=4)
model = SISAModel(config)
tokens = torch.zeros((1, {LENGTH}), dtype=torch.int64)
capture(model, tokens[0, :64])
model(tokens[:, :64], return_type="loss").backward()
peaks = [peak()]
model(tokens, return_type="loss").backward()
peaks.append(peak())
capture(model, tokens[0])
peaks.append(peak())
with model.hooks(fwd_hooks=[("blocks.1.attn.hook_pattern", lambda pattern, hook: None)]), torch.no_grad():
    model(tokens)
peaks.append(peak())
print(*(later - earlier for earlier, later in zip(peaks, peaks[1:])))
"""


@pytest.fixture(scope="module")
def growth(project):
    """MiB by which the peak rose: forward and backward, then a capture, then one watched layer."""
    command = [sys.executable, "-c", MEASURE]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(zip(("training", "capture", "watched"), map(float, done.stdout.split()), strict=True))


def test_forward_and_backward_stay_far_below_one_square(growth):
    assert growth["training"] < 0.5 * SQUARE


def test_a_trace_stays_far_below_one_square(growth):
    assert growth["capture"] < 0.25 * SQUARE


def test_one_watched_pattern_does_build_squares(growth):
    assert growth["watched"] > 2 * SQUARE  # of two heads: so the figures above could have shown one
