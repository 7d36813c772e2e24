"""What numpy would take without a word for numbers of a trace, or trip over, is refused by name."""
# values of the wrong kinds are what is tested
# pyright: reportArgumentType=false

import numpy as np
import pytest

from sisa_viz.explorer.state import ExplorerState
from sisa_viz.trace import build_trace

ONES = np.ones((1, 1, 3, 4))
GIVEN = {"q": ONES, "k": ONES, "token_ids": [0, 1, 2], "labels": ["a", "b", "c"], "config": {"d_state": 0}}
HUGE = 10**5000  # Python writes no whole number of more than 4,300 digits


@pytest.mark.parametrize(
    "values",
    [
        ONES * 1j,
        ONES.astype(str),
        np.ma.masked_array(ONES, mask=True),
        np.full(ONES.shape, None),
        ONES.astype("M8[s]"),
        [[1, 2], [3]],
    ],
    ids=["complex", "text", "masked", "objects", "dates", "ragged"],
)
def test_factors_are_real_numbers(values):
    with pytest.raises(ValueError, match=r"q is an array of .*; legal: real numbers, in rows of one length"):
        build_trace(**GIVEN | {"q": values})


def test_a_token_id_beyond_int64_is_no_other_token_id():
    with pytest.raises(ValueError, match="token_ids reaches 18446744073709551615; legal: up to"):
        build_trace(**GIVEN | {"token_ids": np.full(3, 2**64 - 1, dtype=np.uint64)})


@pytest.mark.parametrize("name", ["config", "versions", "spans"])
@pytest.mark.parametrize(
    "value", ["d_state", 5, np.ones(3), [1, 2], HUGE], ids=["text", "number", "array", "list", "huge"]
)
def test_dictionaries_are_dictionaries(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; legal: a dictionary"):
        build_trace(**GIVEN | {name: value})


@pytest.mark.parametrize(
    "score", [{"d_state": 0}, "softmax", 5, np.ones(2)], ids=["dict", "text", "number", "array"]
)
def test_a_score_is_a_form(score):
    with pytest.raises(ValueError, match=r"score is .*; legal: a ScoreForm"):
        build_trace(**GIVEN | {"score": score})


@pytest.mark.parametrize("value", [HUGE, np.ones(2), [HUGE]], ids=["huge", "array", "list"])
def test_a_value_that_cannot_be_written_out_is_refused_like_any_other(trace, tmp_path, value):
    access, state = trace.sisa, ExplorerState(trace)
    for door in (
        lambda: access.content(layer=value, head=0),
        lambda: access.content(layer=0, head=0, query=value),
        lambda: access.pattern(layer=0, head=0, lam_scale=value),
        lambda: access.span_advantage(value),
        lambda: access.save(value),
        lambda: state.set_trait("query", value),
        lambda: state.set_trait("window", value),
        lambda: build_trace(**GIVEN | {"dtype": value}),
        lambda: build_trace(**GIVEN | {"labels": value}),
        lambda: build_trace(**GIVEN | {"seed": value}),
    ):
        with pytest.raises(
            Exception, match=r"(?s) is .*legal: | of length .*needs 3 strings|labels is .*needs"
        ):
            door()


def test_a_window_of_uneven_rows_is_refused_by_what_is_legal(trace):
    with pytest.raises(Exception, match=r"window is \[\[1, 2\], \[3\]\]; legal: None, or \(query start"):
        ExplorerState(trace).window = [[1, 2], [3]]
