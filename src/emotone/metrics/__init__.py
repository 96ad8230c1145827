"""Scores from truth and prediction, and how sure of them one may be."""
