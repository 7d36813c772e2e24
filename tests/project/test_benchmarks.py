"""Benchmarks of models run, small, and write what others read."""

import json
import runpy
import sys

import pytest
import torch

from model.study.findings.training_speed import throughput

OPTIONS = {
    "cost": ["--batch", "1"],
    "state_size": ["--batch", "1"],
    "capture": ["--d-state", "8"],
    "decoding": ["--new", "3"],
    "step": ["--micro-batches", "1", "2", "--variants", "eager", "whole"],
}


def no_compiler(*args, **options):
    raise RuntimeError("this machine has no compiler")


@pytest.fixture(scope="module")
def results(project, tmp_path_factory):
    """Paths of what each wrote, by name."""
    folder = tmp_path_factory.mktemp("results")
    written = {name: folder / f"{name}.json" for name in OPTIONS}
    for name, out in written.items():
        script = project / "benchmarks" / f"{name}.py"
        preset = "small" if name == "state_size" else "tiny"  # tiny cannot pay for its largest sizes
        asked = ["--preset", preset, "--length", "16", "--device", "cpu", "--repeats", "1", "--out", str(out)]
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(script.parent)
            patch.setattr(torch, "compile", no_compiler)
            patch.setattr(sys, "argv", [str(script), *asked, *OPTIONS[name]])
            runpy.run_path(str(script), run_name="__main__")
    return written


@pytest.mark.slow
@pytest.mark.parametrize("name", list(OPTIONS))
def test_results_say_where_they_come_from(results, name):
    written = json.loads(results[name].read_text())
    assert {"command", "date", "machine", "versions"} <= set(written)
    assert f"{name}.py --preset" in written["command"]


@pytest.mark.slow
def test_decoding_compares_the_same_tokens(results):
    written = json.loads(results["decoding"].read_text())
    for name in ("transformer", "sisa"):
        row = written[name]
        assert row["same_tokens"]
        assert row["cached_over_uncached"] == row["uncached_s"] / row["cached_s"] > 0


@pytest.mark.slow
def test_the_readme_reads_what_the_benchmark_of_cost_writes(results):
    written = json.loads(results["cost"].read_text())
    assert {name: written[name] for name in ("preset", "d_state", "batch", "length")} == {
        "preset": "tiny",
        "d_state": 16,
        "batch": 1,
        "length": 16,
    }
    assert "sisa_over_transformer_eager" in written


@pytest.mark.slow
def test_notebook_05_reads_what_its_benchmark_writes(results):
    speed = throughput(results["state_size"]).set_index("d_state")["relative"]
    assert speed.index.tolist() == [0, 4, 8, 16, 32, 48, 64, 96, 128]
    assert speed.to_dict()[0] == 1
    assert (speed.to_numpy(float) > 0).all()


@pytest.mark.slow
def test_a_variant_that_fails_leaves_its_error_and_the_others_their_numbers(results):
    rows = json.loads(results["step"].read_text())["rows"]
    assert [(row["batch"], row["variant"], row["architecture"]) for row in rows] == [
        (batch, variant, name)
        for batch in (1, 2)
        for variant in ("eager", "whole")
        for name in ("transformer", "sisa")
    ]
    for row in rows:
        assert ("error" in row) == (row["variant"] == "whole")
        assert ("tokens_per_second" in row) == (row["variant"] == "eager")
