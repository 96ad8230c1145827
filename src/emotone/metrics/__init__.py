"""Scores from truth and predictions, how sure of them one may be, and whether a difference is more than chance.

Scores of labels are computed from confusion matrices, so a resampled score costs a matrix product and no pass over the
rows; what looks at probabilities or scores (detection, calibration) is computed from ranks and sums.
"""
