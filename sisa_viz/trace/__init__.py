"""The trace: what a model hands over, the scores recomputed from it, and the file that holds it."""

from sisa_viz.trace.build import build_trace as build_trace
from sisa_viz.trace.check import check_trace as check_trace
from sisa_viz.trace.store import open_trace as open_trace
