"""Emotional speech corpora, one file each, found by name."""
