"""Variant: one record, one label, one reader of labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.results.variants import ANCHORED, Variant
from model.config.architectures import architectures

LABELS = [
    (Variant("transformer"), "transformer"),
    (Variant("transformer", rope="none"), "transformer, no RoPE"),
    (Variant("sisa", d_state=16), "SISA d_state=16"),
    (Variant("sisa", d_state=64, lr_lam=1.0), "SISA d_state=64, λ lr ×1"),
    (Variant("sisa", d_state=4, lr_lam=0.25, remarks=("yarn",)), "SISA d_state=4, λ lr ×0.25, yarn"),
    (Variant("sisa", d_state=16, anchor="exact"), "SISA d_state=16, exact anchor"),
    (
        Variant("sisa", d_state=16, lr_lam=1.0, anchor="minimax", remarks=("a",)),
        "SISA d_state=16, λ lr ×1, minimax anchor, a",
    ),
    (Variant("adaptive_sisa", anchor="exact"), "adaptive_sisa, exact anchor"),
    (Variant("jamba", remarks=("exact anchor",)), "jamba, exact anchor"),
    (Variant("adaptive_sisa"), "adaptive_sisa"),
    (Variant("jamba", lr_lam=1.0), "jamba, λ lr ×1"),
    (Variant("mine", remarks=("a", "b")), "mine, a, b"),
    (Variant("sisa"), "sisa"),
    (Variant("SISA d_state=007"), "SISA d_state=007"),
    (Variant("jamba", remarks=("λ lr ×1.00",)), "jamba, λ lr ×1.00"),
    (Variant("jamba", remarks=("λ lr ×fast",)), "jamba, λ lr ×fast"),
    (Variant("jamba", remarks=("no RoPE",)), "jamba, no RoPE"),
]


@pytest.mark.parametrize(("variant", "label"), LABELS)
def test_labels_are_written_and_read(variant, label):
    assert variant.label == label
    assert Variant.from_label(label) == variant


@given(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                [
                    "transformer",
                    "SISA d_state=16",
                    "no RoPE",
                    "λ lr ×1",
                    "λ lr ×nan",
                    "exact anchor",
                    "",
                    "yarn",
                ]
            ),
            max_size=4,
        ).map(", ".join),
    )
)
def test_any_label_is_kept_as_it_is(label):
    assert Variant.from_label(label).label == label


def test_what_a_label_does_not_name_is_not_in_it():
    assert Variant("jamba", d_state=64, rope="none").label == "jamba"
    assert Variant("transformer", anchor="exact").label == "transformer"  # nothing of it is anchored
    assert Variant("SISA", d_state=32).label == "SISA d_state=32"  # as published tables may spell it
    assert Variant("sisa", d_state=0).label == "SISA d_state=0"


def test_a_variant_knows_its_relatives():
    own = Variant.from_label("SISA d_state=16, λ lr ×1")
    assert (own.base, own.series, own.is_remarkable, own.is_sisa) == (
        "SISA d_state=16",
        "SISA, λ lr ×1",
        True,
        True,
    )
    assert own.as_published.label == "SISA d_state=16"
    assert Variant.from_label("transformer, no RoPE").as_published.label == "transformer, no RoPE"
    assert Variant.from_label("SISA d_state=16, exact anchor").as_published.label == "SISA d_state=16"
    plain = Variant.from_label("adaptive_sisa")
    assert (plain.series, plain.is_remarkable, plain.is_sisa) == ("adaptive_sisa", False, False)


def test_architectures_whose_decay_is_anchored_are_those_with_an_importance_term():
    importance = [record.name for record in architectures() if record.has_lam and record.name != "widened"]
    assert importance == [*ANCHORED]  # that of widened heads never fades
