"""Metrics of classification, detection, segments and calibration, with confidence intervals and significance tests.

Scores of labels are functions of confusion matrices, so a bootstrap replicate costs one matrix product and no pass over
the rows. Detection and calibration metrics are computed from ranks and sums.
"""
