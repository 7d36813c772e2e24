"""The score explorer and its comparisons: one ES module, used unchanged in notebooks and in offline pages."""

from sisa_viz.explorer.comparison import Comparison, compare
from sisa_viz.explorer.explorer import ScoreExplorer

__all__ = ["Comparison", "ScoreExplorer", "compare"]
