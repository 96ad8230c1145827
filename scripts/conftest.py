"""Doctests of scripts: leave out what needs the extra `docs`, which needs Python 3.11."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("griffe") else ["docstring_sections.py"]
