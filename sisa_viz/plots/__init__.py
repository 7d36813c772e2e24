"""One file a plot: prepare_x gives plain data, plot_x a plotly figure.

A new plot x is plots/x.py with prepare_x(…) and plot_x(…), keyword-only after the first argument; it begins
with `check_trace` or `check_metrics`, sends every string of the data through `sisa_viz.look.text.escape`,
takes labels from `sisa_viz.trace.axes` and colours from `sisa_viz.look.colours`. Its name goes into
`sisa_viz/__init__.pyi`, its tests into tests/sisa_viz/test_plot_x.py: Hypothesis tries the options of
prepare_x, one test reads the figure. docs/recipes/add_a_plot.md goes through it step by step.
"""
