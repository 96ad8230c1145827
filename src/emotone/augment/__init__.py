"""Augmentations: random parameters are drawn from a generator, and applied in a separate step."""
