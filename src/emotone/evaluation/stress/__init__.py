"""Robustness of a model: labels that change when recordings are changed in ways that keep the emotion."""
