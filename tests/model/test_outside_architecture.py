"""An architecture from outside the package: one mixer, one record, and everything else follows.

`docs/recipes/add_an_architecture.md` is this file in words.
"""
# a mixer's own layers and hooks are known when it runs: to the type checker `attn` is any Mixer
# pyright: reportArgumentType=false

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import sisa_viz
from data import NIAHTask, TrainingBatches
from data.results.claims import steps_to
from data.results.tables import pick_metric
from model import SISAConfig, SISAModel, capture, fit, load, save
from model.config.architectures import Architecture, architectures, register, unregister
from model.config.shape import Shape
from model.config.sizes import total
from model.mixers.attention.attention import Attention
from model.study.collect import collect
from model.study.findings.fusion_levels import architecture_table
from model.study.notebooks.experiment import Experiment
from model.study.runs import StudyRun
from model.training.recipe import TrainingConfig

NAME = "tempered"


class TemperedAttention(Attention):
    """Attention with a temperature a head: s_ij = e^τ q_i·k_j / sqrt(d_h).

    hook_temper fires e^τ, head; a trace holds q already multiplied by it.
    """

    no_weight_decay: ClassVar[tuple[str, ...]] = ("temper",)

    def __init__(self, config: Any, layer: int = 0) -> None:
        super().__init__(config, layer)
        self.temper = nn.Parameter(torch.empty(config.n_heads))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        self.temper.normal_(std=0.3, generator=generator)

    def _content(self, x: Tensor, start: int) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = super()._content(x, start)
        return q * self.temper.exp()[:, None, None], k, v

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        factors = super().factors(fired)
        return factors | {"q": factors["q"] * self.temper.exp()[:, None, None]}


def parameters(shape: Shape, layer: int) -> int:
    """4·d² of attention and one temperature a head."""
    return 4 * shape.d_model**2 + shape.n_heads


@pytest.fixture
def tempered() -> Iterator[Architecture]:
    """The record, registered while a test runs."""
    record = register(
        Architecture(
            name=NAME,
            label="tempered attention",
            level="attention alone",
            what="softmax of q·k with a learned temperature a head",
            arxiv="1706.03762",
            mixer=TemperedAttention,
            parameters=parameters,
        )
    )
    try:
        yield record
    finally:
        if record in architectures():
            unregister(NAME)


@pytest.fixture
def task() -> NIAHTask:
    return NIAHTask(filler="synthetic", lengths=(24,))


@pytest.fixture
def config(tempered, task) -> SISAConfig:
    return SISAConfig.preset("tiny", architecture=tempered.name, d_vocab=task.d_vocab, n_ctx=24)


def test_a_preset_of_it_has_the_transformers_parameters(config):
    plain = SISAConfig.preset("tiny", architecture="transformer", d_vocab=config.d_vocab, n_ctx=24)
    assert abs(total(plain) - total(config)) <= 1.5 * plain.d_model * plain.n_layers
    assert sum(p.numel() for p in SISAModel(config).parameters()) == total(config)
    assert (config.rope, config.d_state) == ("rope", 0)


def test_it_decodes_from_the_cache_as_without(config):
    model = SISAModel(config)
    tokens = torch.tensor([[3, 1, 4, 1, 5]])
    with_cache = model.generate(tokens, max_new_tokens=6)
    without = model.generate(tokens, max_new_tokens=6, use_cache=False)
    assert with_cache.shape == (1, 11)
    assert torch.equal(with_cache, without)


def test_its_trace_has_the_scores_of_the_model_and_is_drawn(config):
    model = SISAModel(config)
    tokens = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    trace = capture(model, tokens[0])
    _, cache = model.run_with_cache(tokens)
    ours = torch.tensor(trace.sisa.pattern(layer=1, head=2).fillna(0).values)
    assert (ours - cache["blocks.1.attn.hook_pattern"][0, 2]).abs().max() <= 1e-5
    figure = sisa_viz.plot_scores(trace, layer=1, head=2)
    assert figure.to_dict()["data"]


def test_it_trains_is_tabulated_and_saved(config, task, tmp_path):
    run = fit(
        config,
        folder=tmp_path / "run",
        batches=TrainingBatches(task=task, batch_size=4),
        training=TrainingConfig(steps=6, lr=3e-3, warmup=0, log_every=1, evaluate_every=3, n_episodes=4),
        evaluations={"niah": task},
        device="cpu",
    )
    metrics = sisa_viz.read_runs(run.folder)
    loss = pick_metric(metrics, "train/loss")["value"].tolist()
    assert len(loss) == 6
    assert loss[-1] < loss[0]
    assert set(metrics["architecture"]) == {NAME}
    assert "niah/exact_match" in set(metrics["name"])
    assert sisa_viz.read_heads(run.folder)["needle_mass"].between(0, 1).all()
    (collected,) = collect([run.folder], out=tmp_path / "tables").to_dict("records")
    assert (collected["variant"], collected["params"]) == (NAME, total(config))
    assert steps_to(metrics, level=0.0, metric="niah/exact_match").loc[NAME].tolist() == [3]
    assert sisa_viz.plot_niah_convergence(metrics, metric="niah/nll").to_dict()["data"]

    model = run.model()
    fresh = SISAModel(config, seed=0)
    assert not torch.equal(model.blocks[0].attn.temper, fresh.blocks[0].attn.temper)
    save(model, tmp_path / "copy.safetensors")
    copy = load(tmp_path / "copy.safetensors")
    assert copy.config == config
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), copy.parameters(), strict=True))


def test_a_checkpoint_of_an_architecture_that_is_not_there_says_so(config, tempered, tmp_path):
    save(SISAModel(config), tmp_path / "lone.safetensors")
    unregister(NAME)
    with pytest.raises(ValueError, match=f"describes no model .*{NAME}"):
        load(tmp_path / "lone.safetensors")
    register(tempered)
    assert load(tmp_path / "lone.safetensors").config == config


def test_studies_and_tables_know_it(tempered):
    assert architecture_table(preset="tiny").loc[NAME, "what"] == tempered.what
    assert StudyRun(architecture=NAME, preset="tiny").variant == NAME
    assert Experiment(architecture=NAME).name.startswith(f"tiny-{NAME}-")


def test_a_twin_is_refused(tempered):
    with pytest.raises(ValueError, match=rf"architecture is '{NAME}'; legal: names other than .*{NAME}"):
        register(tempered)


def test_afterwards_nothing_knows_it():
    assert NAME not in [record.name for record in architectures()]
    with pytest.raises(ValueError, match=rf"architecture is '{NAME}'; legal: 'transformer', 'sisa'"):
        SISAConfig.preset("tiny", architecture=NAME)
