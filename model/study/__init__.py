"""The convergence study: its runs, its plans, what is kept of them; see `python -m model.study --help`."""
