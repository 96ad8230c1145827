"""A Griffe extension for the API reference: docstrings have a section `Example:`, which Griffe calls `Examples:`."""

from __future__ import annotations

import re
from typing import Any

import griffe

HEADING = re.compile(r"^(?P<indent>[ \t]*)Example:[ \t]*$", re.MULTILINE)


class ExampleSections(griffe.Extension):  # type: ignore[misc]  # Any to mypy
    """Renames sections so that doctests are rendered as code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of a loaded object, in place."""
        if obj.docstring is not None:
            obj.docstring.value = HEADING.sub(r"\g<indent>Examples:", obj.docstring.value)
