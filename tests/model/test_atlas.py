"""head_atlas: every column against a direct computation from the captured factors, in float64."""

import math

import numpy as np
import pytest
import torch
from small_models import SMALL, lively, mixers

from data.results.head_table import INITIAL_LAM
from model import SISAConfig, SISAModel, load
from model.analysis import atlas as atlas_file
from model.analysis.atlas import COLUMNS, head_atlas
from model.analysis.evaluation import head_state
from model.mixers.attention.sisa import INITIAL_LAM_RAW

KINDS = ["sisa", "adaptive_sisa", "sigmoid_sisa"]


def model_of(architecture, **options):
    """Weights of unit gain in float64, λ different in every head."""
    config = SISAConfig(**SMALL | options, architecture=architecture, d_state=4)
    model = lively(SISAModel(config), half_life=6).double()
    for layer, mixer in enumerate(mixers(model)):
        mixer.lam_raw.data = torch.tensor([-1.0 + layer, 0.5 - layer], dtype=torch.float64)
    return model


def texts(rows=3, length=12):
    return torch.randint(0, SMALL["d_vocab"], (rows, length), generator=torch.Generator().manual_seed(0))


def direct(model, tokens):
    """The same columns, query by query and key by key, from the hooks of one pass a text."""
    found = {}
    for row in tokens:
        _, cache = model.run_with_cache(row[None])
        for layer in range(model.config.n_layers):
            fired = {name: cache[f"blocks.{layer}.attn.hook_{name}"] for name in NAMES}
            for head in range(model.config.n_heads):
                of_head = found.setdefault((layer, head), {name: [] for name in MEANS})
                of_head["log_decay"] += fired["log_decay"][0, head].tolist()
                phase = fired["phase"][0, head].numpy()
                of_head["speed"].append(np.abs(np.diff(phase, axis=0, prepend=0)))
                for query in range(1, len(row)):
                    content = fired["content_scores"][0, head, query, : query + 1].numpy()
                    importance = fired["importance_scores"][0, head, query, : query + 1].numpy()
                    of_head["content_std"].append(content.std())
                    of_head["importance_std"].append(importance.std())
                    weights = [weights_of(model, scores) for scores in (content + importance, content)]
                    of_head["importance_share"].append(0.5 * np.abs(weights[0] - weights[1]).sum())
    return found


NAMES = ("log_decay", "phase", "content_scores", "importance_scores")
MEANS = ("importance_share", "content_std", "importance_std", "log_decay", "speed")


def weights_of(model, scores):
    """Softmax, or sigmoids of score − log t divided by their sum."""
    if model.config.architecture == "sigmoid_sisa":
        weights = 1 / (1 + np.exp(math.log(len(scores)) - scores))
    else:
        weights = np.exp(scores - scores.max())
    return weights / weights.sum()


@pytest.mark.parametrize("architecture", KINDS)
@pytest.mark.parametrize("anchor", ["exact", "causal"])
def test_every_column_is_what_its_definition_says(architecture, anchor):
    model, tokens = model_of(architecture, anchor=anchor), texts()
    table = head_atlas(model, tokens.numpy())
    assert table.columns.tolist() == list(COLUMNS)
    expected = direct(model, tokens)
    assert list(expected) == list(zip(table["layer"], table["head"], strict=True))
    for row, of_head in zip(table.to_dict("records"), expected.values(), strict=True):
        speeds = np.concatenate(of_head["speed"])
        assert row["half_life"] == pytest.approx(math.log(2) / -np.mean(of_head["log_decay"]), rel=1e-10)
        assert row["phase_speed"] == pytest.approx(np.median(speeds), rel=1e-10)
        pairs = np.median(speeds, axis=0)
        assert [row["phase_slowest"], row["phase_fastest"]] == pytest.approx([pairs.min(), pairs.max()])
        for name in MEANS[:3]:
            assert row[name] == pytest.approx(np.mean(of_head[name]), rel=1e-10)
            assert row[name] > 0.01
        raw = [-1.0, 0.5, 0.0, -0.5][2 * int(row["layer"]) + int(row["head"])]
        assert row["lam"] == pytest.approx(math.log1p(math.exp(raw)), rel=1e-10)
        assert row["lam_moved"] == pytest.approx(row["lam"] - INITIAL_LAM)


def test_rows_in_several_passes_give_the_same(monkeypatch):
    model, tokens = model_of("sisa"), texts(rows=5).numpy()
    whole = head_atlas(model, tokens)
    monkeypatch.setattr(atlas_file, "PAIRS_A_PASS", 2 * tokens.shape[1] ** 2)
    np.testing.assert_allclose(head_atlas(model, tokens), whole, rtol=1e-12)


def test_without_weight_importance_moves_nothing():
    model = model_of("sisa")
    for mixer in mixers(model):
        mixer.lam_raw.data.fill_(-800.0)
    table = head_atlas(model, texts().numpy())
    assert table[["lam", "importance_share", "importance_std"]].abs().to_numpy().max() == 0
    assert table["content_std"].to_numpy().min() > 0.01


def test_it_agrees_with_head_state_and_counts_the_clamp():
    model = lively(SISAModel(SISAConfig(**SMALL, d_state=4, anchor="minimax")), half_life=0.2)
    tokens = texts(length=20).numpy()
    table, state = head_atlas(model, tokens), head_state(model, tokens)
    for name in ("lam", "half_life", "clamped"):
        np.testing.assert_allclose(table[name], state[name], rtol=1e-5)
    assert table["clamped"].to_numpy().min() > 0.1


def test_one_layer_has_score_matrices_at_a_time_and_no_hook_stays():
    model, alive = model_of("sisa", n_layers=3), []
    kept = atlas_file._Sums._keep

    def counted(sums, value, hook):
        kept(sums, value, hook)
        alive.append((hook.name.split(".")[1], sorted(sums.fired)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atlas_file._Sums, "_keep", counted)
        head_atlas(model, texts().numpy())
    ends = [place for place, (layer, held) in enumerate(alive) if not held]
    assert [alive[place][0] for place in ends] == ["0", "1", "2"]
    assert [layer for layer, _ in alive] == sorted(layer for layer, _ in alive)
    assert not any(point.fwd_hooks for point in model.hook_dict.values())


def test_the_initial_lambda_is_that_of_the_mixer():
    assert torch.nn.functional.softplus(torch.tensor(INITIAL_LAM_RAW)).item() == pytest.approx(INITIAL_LAM)


@pytest.mark.parametrize("architecture", ["transformer", "fox", "mamba2", "jamba", "hymba"])
def test_models_without_lambda_are_refused(architecture):
    model = SISAModel(SISAConfig.preset("tiny", architecture=architecture))
    with pytest.raises(ValueError, match=f"model is 'a {architecture} without λ'; legal: SISA"):
        head_atlas(model, np.zeros((1, 4), int))


@pytest.mark.parametrize("shape", [(4,), (0, 4), (2, 1)])
def test_what_is_no_text_is_refused(sisa, shape):
    with pytest.raises(ValueError, match=r"tokens is .*; legal: \[row, position\]"):
        head_atlas(sisa, np.zeros(shape, int))
    with pytest.raises(ValueError, match="model is None; legal: a SISAModel"):
        head_atlas(None, np.zeros((1, 4), int))  # pyright: ignore[reportArgumentType]


def test_the_shipped_checkpoint_has_48_heads():
    model = load("niah")
    tokens = np.arange(3 * 64).reshape(3, 64)
    table = head_atlas(model, tokens)
    assert len(table) == 48
    assert table["lam"].between(0.31, 0.318).all()
    assert table["importance_share"].between(0, 1).all()
