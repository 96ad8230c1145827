"""The page on all publications: what they claim, and what the stored predictions say."""

from __future__ import annotations

from scripts.pages.markdown import RESULTS

from emotone.reproductions.document import document, overview
from emotone.reproductions.papers.anger_soundnet import page as anger_soundnet
from emotone.reproductions.papers.asr_reuse import page as asr_reuse
from emotone.reproductions.papers.segment_vggish import page as segment_vggish
from emotone.reproductions.papers.spectrogram_cnn_lstm import page as spectrogram_cnn_lstm
from emotone.reproductions.papers.transferable_features import page as transferable_features


def papers() -> str:
    """Return the scoreboards of all publications, from the predictions under results/."""
    boards = [
        page.claims(RESULTS)
        for page in (transferable_features, anger_soundnet, segment_vggish, spectrogram_cnn_lstm, asr_reuse)
    ]
    lines = [
        "# Papers: what they claim, and what we find",
        "",
        "emotone implements the experiments of published papers. None of their corpora but Emo-DB and EMOVO is freely",
        "available, so most experiments use other corpora or other weights, and the verdicts are about these.",
        "",
        *overview(boards),
    ]
    return document(lines)
