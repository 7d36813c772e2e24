"""One file a plot: prepare_x gives plain data, plot_x a plotly figure."""
