"""What all kernels share: loading rows."""

# what a kernel computes with has no types that a checker could know
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false, reportMissingImports=false

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)  # kernels take powers of 2, which are faster than those of e


@triton.jit
def rows_of(pointer, stride, at, column, n_rows, n_columns):
    """Load some rows, dense along their columns; 0 outside."""
    inside = (at[:, None] < n_rows) & (column[None, :] < n_columns)
    return tl.load(pointer + at[:, None] * stride + column[None, :], mask=inside, other=0.0)


@triton.jit
def falls(g, at, since, length):
    """Return ĝ of some positions less that of one, float32 of a difference in float64; −∞ outside."""
    return (tl.load(g + at, mask=at < length, other=float("-inf")) - since).to(tl.float32)


@triton.jit
def state_dot(left, right):
    """Multiply tiles of state channels in TensorFloat-32: 10 binary digits where bfloat16 has 7."""
    return tl.dot(left, right, input_precision="tf32")
