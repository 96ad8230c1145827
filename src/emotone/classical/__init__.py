"""Classifiers of vectors: the baselines that every network has to beat."""
