"""Scores, intervals and comparisons, computed from the predictions table."""
