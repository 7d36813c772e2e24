"""What a lesson's functions hand to the page, and what they refuse."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from data.results.intervals import share_interval
from sisa_viz import report
from sisa_viz.explorer.pack import to_json
from sisa_viz.lessons import decay_rotation, fusion_levels, score_dial, seed_curves


def data_of(text: str) -> dict:
    found = re.search(r'<script type="application/json">(.*?)</script></section>', text)
    assert found
    return json.loads(found[1])


def test_a_report_holds_style_and_script_once_and_the_data_of_each(tmp_path):
    lessons = [decay_rotation([0, 2, 0], size=2), decay_rotation([1, 1], size=1)]
    text = report(tmp_path / "page.html", *lessons, title="two").read_text(encoding="utf-8")
    assert text.count('data-lesson="decay"') == 2
    assert text.count("class DecayLesson") == text.count(".sisa-lesson svg .plus") == 1
    assert data_of(text) == {
        "content": [0.0, 2.0, 0.0],
        "size": 2.0,
        "start": {"halfLife": 22, "angle": 4, "lam": 1, "distance": 1},
    }


def test_a_token_cannot_leave_the_data(tmp_path):
    dial = score_dial(["</script><b>", "x"], products=[1, 2], importance=[0, 1], d_head=4)
    text = report(tmp_path / "page.html", dial, title="t").read_text(encoding="utf-8")
    assert data_of(text)["tokens"] == ["</script><b>", "x"]
    assert "<b>" not in text


def test_the_scale_begins_at_the_root_of_d_head():
    tokens = ["a", "b"]
    found = [
        score_dial(tokens, products=[1, 2], importance=[0, 1], d_head=d_head).data["scale"]
        for d_head in (1, 4, 9, 64)
    ]
    assert found == [1.0, 2.0, 3.0, 8.0]


@pytest.fixture
def runs() -> pd.DataFrame:
    """Two variants of four seeds, measured at three steps."""
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "run": f"{name}-{seed}",
            "architecture": name,
            "seed": seed,
            "step": step,
            "tokens": 100 * step,
            "name": "niah/exact_match",
            "value": generator.uniform(),
        }
        for name in ("transformer", "jamba")
        for seed in range(4)
        for step in (25, 50, 75)
    )


def test_curves_have_the_mean_and_the_interval_of_the_first_seeds(runs):
    data = json.loads(to_json(seed_curves(runs, variants=["jamba", "transformer"], episodes=64).data))
    assert data["steps"] == [25, 50, 75]
    assert [variant["name"] for variant in data["variants"]] == ["jamba", "transformer"]
    jamba = data["variants"][0]
    table = runs[runs["architecture"] == "jamba"].pivot_table(index="seed", columns="step", values="value")
    np.testing.assert_allclose(jamba["runs"], table.to_numpy(), atol=1e-5)
    for seeds in range(1, 5):
        for at, step in enumerate((25, 50, 75)):
            found, expected = jamba["means"][seeds - 1][at], table[step].to_numpy()[:seeds]
            assert found["mean"] == pytest.approx(expected.mean(), abs=1e-5)
            if seeds < 3:
                assert found["low"] is found["high"] is None
            else:
                interval = share_interval(expected, episodes=64)
                assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high), abs=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decay_rotation([1], size=1), r"content is \[1\]; legal: a row of at least 2 finite numbers"),
        (lambda: decay_rotation([1, np.nan], size=1), "content is .*nan.*; legal: a row"),
        (lambda: decay_rotation("ab", size=1), "content is 'ab'; legal: a row"),
        (lambda: decay_rotation([[1, 2]], size=1), r"content is \[\[1, 2\]\]; legal: a row"),
        (lambda: decay_rotation([1, 2], size=0), "size is 0; legal: a number above 0"),
        (
            lambda: score_dial(["a", "b"], products=[1], importance=[1, 2], d_head=4),
            r"products is \[1\]; legal: a row of 2 finite numbers",
        ),
        (
            lambda: score_dial(["a", "b"], products=[1, 2], importance=[1, 2], d_head=5),
            "d_head is 5; legal: 1, 4, 9, 16",
        ),
        (
            lambda: score_dial(["a", "b"], products=[1, 2], importance=[1, 2], d_head=-4),
            "d_head is -4; legal: 1, 4, 9, 16",
        ),
        (lambda: fusion_levels(["a", "b"], content=[[1, 2]]), "content is '1 rows'; legal: 2 rows"),
        (
            lambda: fusion_levels(["a", "b"], content=[[1, 2], [1]]),
            "content is .*; legal: a square of numbers",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_runs_that_cannot_be_compared_are_refused(runs):
    with pytest.raises(ValueError, match="variants is 'hymba'; legal: jamba, transformer"):
        seed_curves(runs, variants=["hymba"], episodes=64)
    with pytest.raises(ValueError, match=r"variants is \[\]; legal: 1 to 4"):
        seed_curves(runs, variants=[], episodes=64)
    short = runs[(runs["run"] != "jamba-2") | (runs["step"] < 75)]
    with pytest.raises(ValueError, match=r"runs of different lengths.*measured at the same steps"):
        seed_curves(short, variants=["jamba"], episodes=64)
    fewer = runs[runs["run"] != "jamba-3"]
    with pytest.raises(ValueError, match="as many seeds of each variant"):
        seed_curves(fewer, variants=["jamba", "transformer"], episodes=64)
