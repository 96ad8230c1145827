"""Engines of bulk prediction, one module each."""
