"""Recipes: what to train, as frozen dataclasses and TOML files."""
