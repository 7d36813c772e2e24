"""The score explorer: one ES module, used unchanged in notebooks and in offline pages."""

from sisa_viz.explorer.explorer import ScoreExplorer

__all__ = ["ScoreExplorer"]
