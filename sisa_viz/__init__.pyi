# The names of sisa_viz and where they are at home. Read by type checkers, by editors and, at run time, by
# lazy_loader, which takes the lines `from .module import name` and imports each home on first use.

import data.results.runs as _runs

from .explorer import Comparison as Comparison
from .explorer import ScoreExplorer as ScoreExplorer
from .explorer import compare as compare
from .pages.markdown import Markdown as Markdown
from .pages.page import Heading as Heading
from .pages.page import report as report
from .plots.arrays import plot_arrays as plot_arrays
from .plots.atlas import plot_atlas as plot_atlas
from .plots.atlas_growth import plot_atlas_growth as plot_atlas_growth
from .plots.circuit import plot_circuit as plot_circuit
from .plots.decay import plot_decay as plot_decay
from .plots.head_course import plot_head_course as plot_head_course
from .plots.knockout import plot_knockout as plot_knockout
from .plots.lam import plot_lambda as plot_lambda
from .plots.needle_lens import plot_needle_lens as plot_needle_lens
from .plots.niah_convergence import plot_niah_convergence as plot_niah_convergence
from .plots.niah_grid import plot_niah_grid as plot_niah_grid
from .plots.patching import plot_patching as plot_patching
from .plots.predictors import plot_predictors as plot_predictors
from .plots.scores import plot_scores as plot_scores
from .plots.span_mass import plot_span_mass as plot_span_mass
from .plots.state_size import plot_state_size as plot_state_size
from .plots.training import plot_training as plot_training
from .plots.why import plot_why as plot_why
from .trace import build_trace as build_trace
from .trace import check_trace as check_trace
from .trace import open_trace as open_trace

read_heads = _runs.read_heads
read_runs = _runs.read_runs  # of another room: lazy_loader takes relative imports alone, so it is not lazy

__all__ = [
    "Comparison",
    "Heading",
    "Markdown",
    "ScoreExplorer",
    "build_trace",
    "check_trace",
    "compare",
    "open_trace",
    "plot_arrays",
    "plot_atlas",
    "plot_atlas_growth",
    "plot_circuit",
    "plot_decay",
    "plot_head_course",
    "plot_knockout",
    "plot_lambda",
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
    "read_heads",
    "read_runs",
    "report",
]
