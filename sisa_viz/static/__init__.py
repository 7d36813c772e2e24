"""Printed twins of plots: the same prepared data and colours, as matplotlib figures for SVG and PDF.

    figure = static.plot_niah_convergence(runs)
    figure.savefig("convergence.pdf")

A twin takes the options of the plotly plot of the same name, returns a matplotlib Figure and displays
nothing. Each stands in a file named as the plot; `sheet` holds what they share.
"""

from data.extras import needs_extra

with needs_extra("print"):
    from sisa_viz.static.atlas import plot_atlas
    from sisa_viz.static.atlas_growth import plot_atlas_growth
    from sisa_viz.static.circuit import plot_circuit
    from sisa_viz.static.decay import plot_decay
    from sisa_viz.static.knockout import plot_knockout
    from sisa_viz.static.needle_lens import plot_needle_lens
    from sisa_viz.static.niah_convergence import plot_niah_convergence
    from sisa_viz.static.niah_grid import plot_niah_grid
    from sisa_viz.static.patching import plot_patching
    from sisa_viz.static.predictors import plot_predictors
    from sisa_viz.static.scores import plot_scores
    from sisa_viz.static.span_mass import plot_span_mass
    from sisa_viz.static.state_size import plot_state_size
    from sisa_viz.static.training import plot_training
    from sisa_viz.static.why import plot_why

__all__ = [
    "plot_atlas",
    "plot_atlas_growth",
    "plot_circuit",
    "plot_decay",
    "plot_knockout",
    "plot_needle_lens",
    "plot_niah_convergence",
    "plot_niah_grid",
    "plot_patching",
    "plot_predictors",
    "plot_scores",
    "plot_span_mass",
    "plot_state_size",
    "plot_training",
    "plot_why",
]
