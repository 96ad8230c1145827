"""Classifiers of openSMILE features."""

from emotone.reproductions.papers.baselines.tables import PAPER

__all__ = ["PAPER"]
