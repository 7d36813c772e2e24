"""The record of what is compared, and its name in tables, legends and claims."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

USUAL_ROPE = "rope"
USUAL_LR_LAM = 0.1  # λ's learning rate as a multiple of that of the other weights
NO_ROPE = "no RoPE"
SISA_LABEL = re.compile(r"SISA d_state=(\d+)")
LR_LAM_REMARK = re.compile(r"λ lr ×(\S+)")
# The measured runs were trained when "causal" was the only anchor of the decay but the paper's. The study and
# the small models of the notebooks stay with it, so that new seeds join old ones and numbers stay the same.
USUAL_ANCHOR: Literal["causal"] = "causal"
ANCHORED = ("sisa", "adaptive_sisa", "sigmoid_sisa")  # architectures whose decay has an anchor
ANCHOR_REMARK = re.compile(r"(exact|minimax) anchor")


@dataclass(frozen=True)
class Variant:
    """One thing that is compared: an architecture, its state size and how it was trained.

    Tables, legends and claims call a variant by its `label`. Only this class makes labels and reads them, so
    that a plot never takes a name apart on its own.

    Args:
        architecture: name as in `SISAConfig`, such as "sisa" or "transformer".
        d_state: size of the state, None where it is not told. Labels of SISA alone name it, since the other
            architectures are compared at one size each.
        rope: position code. "none" is remarkable for the transformer alone; hybrids go without by default.
        lr_lam: λ's learning rate as a multiple of the learning rate; 0.1 is the usual one.
        anchor: under which it was trained, of SISA and its relatives; "causal" is the usual one, see
            `USUAL_ANCHOR`.
        remarks: what else a label says, kept as it is written.

    Example:
        >>> Variant("sisa", d_state=16, lr_lam=1.0).label
        'SISA d_state=16, λ lr ×1'
        >>> Variant("sisa", d_state=16, anchor="exact").label
        'SISA d_state=16, exact anchor'
        >>> Variant.from_label("transformer, no RoPE").rope
        'none'
    """

    architecture: str
    d_state: int | None = None
    rope: str = USUAL_ROPE
    lr_lam: float = USUAL_LR_LAM
    anchor: str = USUAL_ANCHOR
    remarks: tuple[str, ...] = ()

    @classmethod
    def from_label(cls, label: str) -> Variant:
        """Read a label; `label` of the result is the same text, whatever it was.

        Words that this project does not write stay in `remarks`, and an unknown architecture is taken as it
        stands, because people name variants of their own in the column architecture.
        """
        base, *remarks = label.split(", ")
        sisa = SISA_LABEL.fullmatch(base)
        # "SISA d_state=016" is somebody's own name: read as SISA's, it would be written as another one.
        if sisa and base == f"SISA d_state={int(sisa[1])}":
            found = cls("sisa", d_state=int(sisa[1]))
        else:
            found = cls(base)
        if remarks[:1] == [NO_ROPE] and base == "transformer":
            found, remarks = replace(found, rope="none"), remarks[1:]
        lr_lam = _lr_lam(remarks[0]) if remarks else None
        if lr_lam is not None:
            found, remarks = replace(found, lr_lam=lr_lam), remarks[1:]
        anchor = ANCHOR_REMARK.fullmatch(remarks[0]) if remarks and found.architecture in ANCHORED else None
        if anchor:
            found, remarks = replace(found, anchor=anchor[1]), remarks[1:]
        return replace(found, remarks=tuple(remarks))

    @property
    def label(self) -> str:
        """The name that people read: "SISA d_state=16, λ lr ×1", "transformer, no RoPE", "jamba"."""
        return ", ".join([self.base, *self._said()])

    @property
    def base(self) -> str:
        """The label without remarks: the architecture, and its state size if it is SISA."""
        return f"SISA d_state={self.d_state}" if self.is_sisa else self.architecture

    @property
    def series(self) -> str:
        """The label without the state size, which variants of one line in a plot over d_state share."""
        name = "SISA" if self.is_sisa else self.architecture
        return ", ".join([name, *self._said()])

    @property
    def is_sisa(self) -> bool:
        """Whether it is SISA of a known size; adaptive and sigmoid SISA are architectures of their own."""
        return self.architecture.lower() == "sisa" and self.d_state is not None

    @property
    def is_remarkable(self) -> bool:
        """Whether the label says more than architecture and state size."""
        return bool(self._said())

    @property
    def as_published(self) -> Variant:
        """The same without remarks on λ's rate and the anchor, which published tables do not tell."""
        return replace(self, lr_lam=USUAL_LR_LAM, anchor=USUAL_ANCHOR)

    def _said(self) -> list[str]:
        remarks = []
        if self.architecture == "transformer" and self.rope == "none":
            remarks.append(NO_ROPE)
        if self.lr_lam != USUAL_LR_LAM:
            remarks.append(f"λ lr ×{self.lr_lam:g}")
        if self.architecture.lower() in ANCHORED and self.anchor != USUAL_ANCHOR:
            remarks.append(f"{self.anchor} anchor")
        return [*remarks, *self.remarks]


def _lr_lam(remark: str) -> float | None:
    """Return the rate that a remark names; None where it is not as this project writes it."""
    found = LR_LAM_REMARK.fullmatch(remark)
    try:
        rate = float(found[1]) if found else USUAL_LR_LAM
    except ValueError:
        return None
    return rate if rate != USUAL_LR_LAM and remark == f"λ lr ×{rate:g}" else None
