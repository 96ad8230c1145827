"""A tiny corpus, a training on it, and its bundle."""

from tests.toy_fixtures import corpus, exported, recipe, trained

__all__ = ["corpus", "exported", "recipe", "trained"]
