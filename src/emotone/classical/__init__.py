"""Classifiers of feature vectors: the baselines for networks."""
