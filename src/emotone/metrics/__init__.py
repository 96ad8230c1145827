"""Scores from truth and prediction, and how sure of them one may be.

Everything is computed from confusion matrices, so a resampled score costs a matrix product and no pass over the rows.
"""
