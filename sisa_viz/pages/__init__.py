"""Offline pages: reports of figures, runs, traces and executed notebooks."""
