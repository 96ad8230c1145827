"""Write the pages of docs/ and the layer tables that are generated from the code and from results/, or check them.

    python -m scripts.docs [--check]

Every page is a function without arguments that returns Markdown. To add one, define it in `scripts/pages`, or in the
folder of a reproduced paper, and add it to `PAGES`.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from scripts.pages import code, costs, results, transfer
from scripts.pages.markdown import RESULTS, ROOT

from emotone.fitting.distillation.source_run import results_card
from emotone.reproductions.papers import baselines
from emotone.reproductions.papers.anger_soundnet import page as anger_soundnet
from emotone.reproductions.papers.asr_reuse import page as asr_reuse
from emotone.reproductions.papers.segment_vggish import page as segment_vggish
from emotone.reproductions.papers.spectrogram_cnn_lstm import page as spectrogram_cnn_lstm
from emotone.reproductions.papers.transferable_features import page as transferable_features

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = ROOT / "docs"
PAGES: dict[str, Callable[[], str]] = {
    "../src/emotone/nets/layer_tables.json": code.layer_tables,  # first: other pages print these tables
    "commands.md": code.commands,
    "corpora.md": code.corpora,
    "errors.md": code.errors,
    "models.md": code.models,
    "nets.md": code.nets,
    "results/activity.md": results.activity,
    "results/anger-soundnet.md": partial(anger_soundnet.page, RESULTS),
    "results/anger-soundnet.svg": partial(anger_soundnet.figure, RESULTS),
    "results/asr-reuse.md": partial(asr_reuse.page, RESULTS),
    "results/asr-reuse.svg": partial(asr_reuse.figure, RESULTS),
    "results/asr-reuse-figure4.svg": partial(asr_reuse.figure4, RESULTS),
    "results/asr-reuse-figure6.svg": partial(asr_reuse.figure6, RESULTS),
    "results/asr-reuse-atlas.svg": partial(asr_reuse.atlas, RESULTS),
    "results/baselines.md": partial(baselines.page, RESULTS),
    "results/costs.md": costs.costs,
    "results/costs.svg": costs.figure,
    "results/evaluations.md": results.evaluations,
    "results/few-clips.md": transfer.few_clips,
    "results/few-clips.svg": transfer.few_clips_figure,
    "results/papers.md": results.papers,
    "results/segment-vggish.md": partial(segment_vggish.page, RESULTS),
    "results/segment-vggish.svg": partial(segment_vggish.figure, RESULTS),
    "results/sources.md": results.sources,
    "results/spectrogram-cnn-lstm.md": partial(spectrogram_cnn_lstm.page, RESULTS),
    "results/spectrogram-cnn-lstm.svg": partial(spectrogram_cnn_lstm.figure, RESULTS),
    "results/spectrogram-cnn-lstm-figure5.svg": partial(spectrogram_cnn_lstm.figure5, RESULTS),
    "results/spectrogram-cnn-lstm-figure7.svg": partial(spectrogram_cnn_lstm.figure7, RESULTS),
    "results/spectrogram-cnn-lstm-context.svg": partial(spectrogram_cnn_lstm.context_figure, RESULTS),
    "results/transfer.md": transfer.transfer,
    "results/transfer.svg": transfer.figure,
    "results/transferable-features.md": partial(transferable_features.page, RESULTS),
    "results/transferable-features.svg": partial(transferable_features.figure, RESULTS),
    "../src/emotone/sources/soundnet5-open.md": partial(results_card, RESULTS / "sources/soundnet5-open"),
    "../README.md": results.readme,
}


def main() -> int:
    """Return the exit status: 1 if a page is not current under `--check`."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/, or check them.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is not current")
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
