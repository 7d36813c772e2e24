"""What a model does with a needle: its answers, the lesion of a term, and the heads that look."""

from typing import Any

import numpy as np
import pytest
from small_models import SMALL, lively

from data import NIAHTask, topics_corpus
from model import SISAConfig, SISAModel, capture, load, save
from model.analysis.ablation import ablations
from model.analysis.episode import answers, capture_episode
from model.analysis.needle_lens import needle_lens
from model.analysis.needles import needle_heads
from model.study.notebooks.context_length import Contexts
from model.study.notebooks.exploration import Exploration
from sisa_viz import build_trace
from sisa_viz.trace.needles import found_by, needle_head

SYNTHETIC = NIAHTask(filler="synthetic", lengths=(16, 24), value_length=2, n_symbols=16)


@pytest.fixture(scope="module")
def shipped():
    return load("niah")


@pytest.fixture
def small():
    return lively(SISAModel(SISAConfig.from_dict(SMALL | {"d_vocab": SYNTHETIC.d_vocab, "d_state": 4})))


def crafted(content, importance):
    """A trace of one head whose last query sees keys 0 to 9, its span "value" the key 4.

    The two arguments are the scores of that key, in nats; all other scores are 0.
    """
    length, key = 10, 4
    q, k, b, c = (np.zeros((1, 1, length, 2), np.float32) for _ in range(4))
    q[..., 0], c[..., 0] = 2**0.5, 1  # q·k / √2 is then k[0], and C·B is B[0]
    k[0, 0, key, 0], b[0, 0, key, 0] = content, importance
    still = np.zeros((1, 1, length), np.float32)
    config = SISAConfig(d_model=2, n_layers=1, n_heads=1, d_mlp=2, d_vocab=10, n_ctx=10, d_state=2)
    return build_trace(
        q=q,
        k=k,
        b_rot=b,
        c_rot=c,
        log_decay=still - 1e-6,
        cum_decay=still,
        anchored_decay=still,
        clamped=still.astype(bool),
        phase=np.zeros((1, 1, length, 1), np.float32),
        lam=np.ones((1, 1), np.float32),
        token_ids=np.arange(length),
        labels=list("abcdefghij"),
        config=config.to_dict(),
        spans={"value": [key, key + 1]},
    )


def test_the_answer_is_decoded_beside_what_was_hidden(shipped):
    exploration = Exploration(length=160, depth=0.25)
    table = answers(shipped, exploration.episode(shipped))
    (line,) = table.to_dict("records")
    assert line["said"] == line["hidden"]
    assert len(line["hidden"]) == 4
    assert line["tokens"] == 160
    assert line["depth"] == pytest.approx(0.25, abs=0.1)


def test_without_a_tokenizer_the_answer_is_token_ids(small):
    (line,) = answers(small, SYNTHETIC.build(0, n_episodes=1)).to_dict("records")
    assert [0 <= int(token) < 16 for token in line["said"].split()] == [True, True]


def test_a_captured_episode_has_its_spans_and_no_padding(small):
    episodes = SYNTHETIC.build(0, n_episodes=2)
    lengths = episodes.knobs["context_length"].tolist()
    assert sorted(lengths) == [16, 24]
    for index, length in enumerate(lengths):
        trace = capture_episode(small, episodes, index=index)
        assert trace.sizes["position"] == length
        assert trace["token_id"].values.tolist() == episodes.tokens[index, :length].tolist()
        spans = trace.sisa.spans
        assert {name: list(span) for name, span in spans.items()} == episodes.spans(index)
        value, answer = (trace["token_id"].values[slice(*spans[name])] for name in ("value", "answer"))
        assert value.tolist() == answer.tolist()


def test_what_has_no_importance_is_not_without_it():
    sizes: Any = SMALL | {"d_model": 32, "d_vocab": SYNTHETIC.d_vocab}
    episodes = SYNTHETIC.build(3, n_episodes=2)
    for architecture, scores in (("fox", "content"), ("mamba2", "no scores")):
        model = SISAModel(SISAConfig(**sizes, architecture=architecture))
        assert ablations(model, episodes)["scores"].tolist() == [scores]


def test_shares_of_sigmoid_weights_are_theirs_and_a_state_space_has_none():
    sizes: Any = SMALL | {"d_model": 32, "d_vocab": SYNTHETIC.d_vocab}
    sigmoid, space = (
        lively(SISAModel(SISAConfig(**sizes, architecture=name))) for name in ("sigmoid_sisa", "mamba2")
    )
    episode = SYNTHETIC.build(3, n_episodes=1)
    trace, query = capture_episode(sigmoid, episode), int(episode.knobs["answer_start"].iloc[0]) - 1
    table = needle_heads(trace, query=query).set_index("head")["mass"]
    found = needle_lens(sigmoid, episode)
    names = "L" + found["layer"].astype(str) + "H" + found["head"].astype(str)
    lens = dict(zip(names, found["needle_mass"], strict=True))
    for head, mass in table.items():
        assert lens[head] == pytest.approx(mass, abs=6e-4)
    with pytest.raises(ValueError, match="trace is 'of a state space'; legal: one of attention heads"):
        needle_heads(capture_episode(space, episode), query=query)


def test_ablations_count_the_same_episodes_three_times(shipped):
    exploration = Exploration(length=96, smoke=True)
    table = ablations(shipped, exploration.episodes(shipped))
    assert list(table.columns) == ["scores", "successes", "n", "rate", "low", "high", "nll"]
    assert table["scores"].tolist() == ["content + importance", "content alone", "importance alone"]
    assert table["n"].tolist() == [4, 4, 4]
    assert table["successes"].tolist()[0] == 4
    assert max(table["successes"].tolist()[1:]) <= 2  # each term is needed
    assert table["nll"].tolist() == sorted(table["nll"])


@pytest.mark.parametrize(
    ("content", "importance", "reason"),
    [
        (4, 0.5, "content"),
        (0.5, 4, "importance"),
        (4, 4, "content or importance"),
        (1.5, 1.5, "both together"),
        (5, -5, "not found"),
        (0, 0, "not found"),
    ],
)
def test_heads_find_a_span_by_the_term_that_would_do_alone(content, importance, reason):
    (line,) = needle_heads(crafted(content, importance), query=9).to_dict("records")
    assert (line["head"], line["found by"]) == ("L0H0", reason)
    parts = {"mass": content + importance, "content alone": content, "importance alone": importance}
    for column, nats in parts.items():
        assert line[column] == pytest.approx(np.exp(nats) / (np.exp(nats) + 9), abs=1e-3)


def test_only_tokens_up_to_the_query_count():
    early, late = (needle_heads(crafted(2, 0), query=query)["mass"].tolist()[0] for query in (5, 9))
    assert early == pytest.approx(np.exp(2) / (np.exp(2) + 5), abs=1e-3)
    assert late < early


@pytest.mark.parametrize(
    ("masses", "reason"),
    [
        ((0.29, 0.9, 0.9), "not found"),  # below three times the uniform share
        ((0.4, 0.2, 0.19), "content"),
        ((0.4, 0.19, 0.2), "importance"),
        ((0.4, 0.2, 0.2), "content or importance"),
        ((0.4, 0.19, 0.19), "both together"),
    ],
)
def test_half_of_the_mass_is_what_a_term_must_give(masses, reason):
    assert found_by(*masses, chance=0.1) == reason


def test_heads_come_with_the_most_probability_first(small):
    episodes = SYNTHETIC.build(3, n_episodes=1)
    trace = capture_episode(small, episodes)
    query = int(episodes.knobs["answer_start"].iloc[0]) - 1
    table = needle_heads(trace, query=query, top=3)
    mass = trace.sisa.span_mass(span="value", query=query)
    best = mass.stack(place=("layer", "head")).sortby("place").to_series().nlargest(3)
    assert table["head"].tolist() == [f"L{layer}H{head}" for layer, head in best.index]
    assert table["mass"].tolist() == pytest.approx(best.tolist(), abs=1e-3)
    assert needle_head(trace) == dict(zip(("layer", "head"), best.index[0], strict=True))
    assert len(needle_heads(trace, query=query)) == 4


def test_a_transformer_finds_nothing_by_importance(tokens):
    model = lively(SISAModel(SISAConfig(**SMALL, d_state=0)))
    table = needle_heads(capture(model, tokens[0], spans={"value": [2, 4]}), query=11)
    assert set(table["importance alone"]) == {round(2 / 12, 3)}  # uniform
    assert set(table["found by"]) <= {"content", "not found"}
    assert table["mass"].tolist() == table["content alone"].tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": -1}, "seed is -1; legal: whole numbers >= 0"),
        ({"n_episodes": 0}, "n_episodes is 0; legal: whole numbers >= 1"),
        ({"smoke": "yes"}, "smoke is 'yes'; legal: True, False"),
        ({"depth": 1.5}, "depth is 1.5; legal: 0 to 1"),
        ({"depth": float("nan")}, "depth is nan; legal: 0 to 1"),
        ({"depth": True}, "depth is True; legal: 0 to 1"),
        ({"output_dir": ""}, "output_dir is ''; legal: the path of a folder"),
        (
            {"output_dir": f"{__file__}/out"},
            ".*; legal: .* folder that can be written to. .* is a file; choose",
        ),
    ],
)
def test_a_wrong_value_of_an_exploration_is_named(wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Exploration(**wrong)


def test_wrong_lengths_are_named_by_the_task(shipped):
    with pytest.raises(ValueError, match="lengths is 5; legal: token counts >="):
        Exploration(length=5).task(shipped)
    with pytest.raises(ValueError, match="value_length is 0"):
        Exploration(value_length=0).task(shipped)


@pytest.mark.parametrize("spec", [Exploration, Contexts])
def test_checkpoints_that_cannot_be_explored_are_refused(tmp_path, sisa, spec):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at absent; .*'niah'"):
        spec(checkpoint="absent").model()
    save(sisa, tmp_path / "mute.safetensors")
    with pytest.raises(ValueError, match="legal: one with a tokenizer inside"):
        spec(checkpoint=str(tmp_path / "mute.safetensors")).model()


def test_counted_episodes_are_not_the_shown_one(shipped):
    exploration = Exploration(length=96, n_episodes=6)
    shown, counted = exploration.episode(shipped), exploration.episodes(shipped)
    assert len(counted) == 6
    assert len(Exploration(length=96, n_episodes=6, smoke=True).episodes(shipped)) == 4
    assert not (counted.tokens == shown.tokens).all(axis=1).any()


def test_episodes_are_natural_text_that_was_held_out(shipped):
    task = Exploration().task(shipped)
    assert (task.filler, task.split, task.lengths, task.depths) == ("corpus", "heldout", (192,), (0.4,))
    assert task.corpus is not None
    assert task.corpus.sha256 == topics_corpus(shipped.tokenizer, split="parts").sha256
