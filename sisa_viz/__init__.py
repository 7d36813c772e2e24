"""Traces, plots, the explorer and offline reports of SISA models; light to import."""

from sisa_viz.trace import build_trace, check_trace, open_trace

__all__ = ["build_trace", "check_trace", "open_trace"]
