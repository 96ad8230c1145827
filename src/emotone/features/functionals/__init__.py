"""Functionals: one vector of statistics for a whole recording. One file each."""
