"""Write the pages of docs/ that are made from the code and from results/, or check that they are current.

    python -m scripts.docs [--check]

Every page is a function without arguments that returns Markdown: to add one, write it in `scripts/pages` and name it
in `PAGES`.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from scripts.pages import activity, code, reproductions, results, segments, transfer, transferable_features
from scripts.pages.markdown import RESULTS, ROOT

from emotone.fitting.distillation.card import results_card

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = ROOT / "docs"
PAGES: dict[str, Callable[[], str]] = {
    "commands.md": code.commands,
    "corpora.md": code.corpora,
    "errors.md": code.errors,
    "models.md": code.models,
    "nets.md": code.nets,
    "results/activity.md": activity.activity,
    "results/anger-soundnet.md": reproductions.anger_soundnet,
    "results/baselines.md": reproductions.baselines,
    "results/evaluations.md": results.evaluations,
    "results/segment-vggish.md": segments.segment_vggish,
    "results/sources.md": results.sources,
    "results/transfer.md": transfer.transfer,
    "results/transfer.svg": transfer.figure,
    "results/transferable-features.md": transferable_features.transferable_features,
    "../src/emotone/sources/soundnet5-open.md": partial(results_card, RESULTS / "sources/soundnet5-open"),
    "../README.md": results.readme,
}


def main() -> int:
    """Return the exit status: 1 where a page is not current and was only to be checked."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/, or check them.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is not current")
    check = parser.parse_args().check
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"written: docs/{name}")
    if check and stale:
        print(f"not current: {', '.join(stale)}; run: make docs", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
