"""Emotion recognition in one-second segments by transfer from AudioSet."""

from emotone.reproductions.papers.segment_vggish.tables import PAPER

__all__ = ["PAPER"]
