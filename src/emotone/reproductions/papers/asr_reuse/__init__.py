"""Emotion recognition with the representations of a speech recogniser."""

from emotone.reproductions.papers.asr_reuse.tables import PAPER

__all__ = ["PAPER"]
