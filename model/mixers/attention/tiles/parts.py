"""What all kernels share: loading rows, and how much fades between two positions."""

# what a kernel computes with has no types that a checker could know
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false, reportMissingImports=false
# pyright: reportPossiblyUnbound=false

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)  # kernels take powers of 2, which are faster than those of e


@triton.jit
def rows_of(pointer, stride, at, column, n_rows, n_columns):
    """Load some rows, dense along their columns; 0 outside."""
    inside = (at[:, None] < n_rows) & (column[None, :] < n_columns)
    return tl.load(pointer + at[:, None] * stride + column[None, :], mask=inside, other=0.0)


@triton.jit
def fade(start, within, later, earlier, SPAN: tl.constexpr):
    """Return e^{ĝ_later − ĝ_earlier} in float32, from a difference in float64."""
    spans = tl.load(start + later // SPAN) - tl.load(start + earlier // SPAN)
    return tl.exp(spans.to(tl.float32) + tl.load(within + later) - tl.load(within + earlier))
