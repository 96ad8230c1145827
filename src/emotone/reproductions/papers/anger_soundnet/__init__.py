"""Anger detection in speech by transfer from general sound."""

from emotone.reproductions.papers.anger_soundnet.tables import PAPER

__all__ = ["PAPER"]
