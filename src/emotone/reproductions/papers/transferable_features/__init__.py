"""Features trained on many corpora and transferred to one."""

from emotone.reproductions.papers.transferable_features.tables import PAPER

__all__ = ["PAPER"]
