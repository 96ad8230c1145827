"""Augmentations: drawing parameters apart from applying them; every draw takes a generator."""
