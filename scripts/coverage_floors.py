"""Check that every package of emotone has the line coverage that its floor requires.

python scripts/coverage_floors.py .coverage.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

FULL, PARTIAL = 100.0, 90.0
"""Percent of lines, for floors 0 to 2 and for the rest."""

FULLY_COVERED = frozenset(
    {"errors", "types", "registry", "config", "files", "audio", "metrics", "nets", "corpora", "features", "augment"}
)
"""Floors 0 to 2."""


def package(path: str) -> str:
    """Return the package, or the module of floor 0, that a source file belongs to.

    Example:
        >>> package("src/emotone/audio/read.py"), package("src/emotone/files.py")
        ('audio', 'files')

    """
    parts = Path(path).parts
    return Path(parts[parts.index("emotone") + 1]).stem


def shortfalls(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> list[str]:
    """Return one line per package whose coverage is too low, with the lines that no test runs."""
    files = report["files"]
    packages = defaultdict(list)
    for path in sorted(files):
        packages[package(path)].append(path)
    lines = []
    for name, paths in sorted(packages.items()):
        covered = sum(files[path]["summary"]["covered_lines"] for path in paths)
        statements = sum(files[path]["summary"]["num_statements"] for path in paths)
        percent = 100.0 * covered / statements if statements else 100.0
        wanted = FULL if name in FULLY_COVERED else PARTIAL
        if percent < wanted:
            missing = "; ".join(
                f"{path}: {files[path]['missing_lines']}" for path in paths if files[path]["missing_lines"]
            )
            lines.append(f"{name}: {percent:.1f} % of lines covered, {wanted:g} % required; not run: {missing}")
    return lines


def main(path: str) -> int:
    """Print the packages with too little coverage; return the exit status."""
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    found = shortfalls(report)
    print("\n".join(found) or f"coverage: {report['totals']['percent_covered']:.1f} % of lines, every floor is reached")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
