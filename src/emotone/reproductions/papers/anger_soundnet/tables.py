"""Table 2 of the paper on anger detection with SoundNet, its published numbers, and systems that extend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.reproductions.base import Cell, Heading, Paper, PublishedTable

if TYPE_CHECKING:
    from emotone.reproductions.base import Changes

TITLE = "Transfer Learning from Sound Representations for Anger Detection in Speech"
CITATION = (
    "M. Ezzeldin A. ElShaer, S. Wisdom, T. Mishra: Transfer Learning from Sound Representations for Anger Detection in "
    "Speech. arXiv:1902.02120, 2019"
)

PUBLISHED = {
    "scratch": {"iemocap": 0.719, "emoprosody": 0.792, "masc": 0.481},
    "frozen-2": {"iemocap": 0.736, "emoprosody": 0.803, "masc": 0.626},
}
"""AU-ROC over windows of 1.2 s, by row id and tested corpus."""
PRINTED_ONLY = {
    "scratch": {"AngerSES": 0.581, "all English": 0.621},
    "frozen-2": {"AngerSES": 0.669, "all English": 0.698},
}
"""Rows of the same table that can't be measured: AngerSES is not published, and all English includes it."""
MINUTES = {
    "IEMOCAP": (227.0, 343.4),
    "Emotional Prosody": (3.6, 78.0),
    "AngerSES": (195.0, 54.0),
    "MASC": (149.0, 691.0),
}
"""Table 1: minutes of anger and of other emotions."""


PAPERS_CORPUS, FREE_CORPUS = "iemocap", "ravdess"
"""Training corpus of the paper, and of the same experiment on corpora without a licence agreement."""
FREE = ("ravdess", "savee", "emodb", "emovo", "nemo")
"""Tested corpora without a licence agreement: English, English, German, Italian, Polish."""


@dataclass(frozen=True)
class System:
    """A row of the table: a shipped recipe with some changes."""

    row: Heading
    recipe: str
    changes: Changes = ()


def _frozen(layers: int) -> Changes:
    return ("name", f"anger-soundnet-frozen-{layers}"), ("transfer.plan", f"anger-{layers}")


SYSTEMS = (
    System(Heading("scratch", "from scratch"), "anger-soundnet-scratch"),
    System(Heading("frozen-2", "transfer, two layers frozen"), "anger-soundnet"),
    System(Heading("frozen-0", "transfer, no layer frozen"), "anger-soundnet", _frozen(0)),
    System(Heading("frozen-1", "transfer, one layer frozen"), "anger-soundnet", _frozen(1)),
    System(Heading("frozen-3", "transfer, three layers frozen"), "anger-soundnet", _frozen(3)),
)
"""The systems of the paper. It prints numbers of the first two, and states that two frozen layers are best."""
EXTENSIONS = (
    System(Heading("average", "two layers frozen, averaged weights"), "anger-soundnet-average"),
    System(
        Heading("average-context", "two layers frozen, averaged weights, 3 windows pooled"),
        "anger-soundnet-average-context",
    ),
    System(Heading("average-mixup", "two layers frozen, averaged weights, mixup"), "anger-soundnet-average-mixup"),
    System(Heading("average-wide", "two layers frozen, averaged weights, 256 filters"), "anger-soundnet-average-wide"),
    System(Heading("soundnet8", "two layers of SoundNet-8 frozen"), "anger-soundnet8"),
    System(Heading("log-mel", "log-mel front end, from scratch"), "anger-log-mel"),
)
"""Systems that are not in the paper. All process windows of 1.2 s; all but the wide one are as small as the paper's."""


def _cell(system: System, corpus: str, *, train_corpus: str) -> Cell:
    return Cell(
        row=system.row,
        column=Heading(f"train-on-{train_corpus}", f"trained on {train_corpus}"),
        corpus=corpus,
        metric="window-au-roc",
        published=PUBLISHED[system.row.id].get(corpus) if train_corpus == PAPERS_CORPUS else None,
        recipe=system.recipe,
        labels="anger-frustration",
        protocol=f"train-on-{train_corpus}",
        train_corpus=train_corpus,
        changes=system.changes,
    )


TABLE2 = PublishedTable(
    name="table2",
    title="Anger detection in windows of 1.2 s, from scratch and by transfer: AU-ROC per window",
    source="Table 2 of the paper",
    note=(
        "As in the paper: training on sessions 1 to 3 of IEMOCAP, selection of the weights on session 4, test on "
        "session 5 and, without adaptation, on other corpora. RAVDESS replaces IEMOCAP where it is not available (16 "
        "actors for training, 4 for selection, 4 for the test). The source is not the paper's SoundNet: it was "
        "distilled from an AudioSet tagger on two hours of openly licensed sound (see `emotone sources show "
        "soundnet5-open`), which includes Emo-DB without its labels. The paper's own corpus AngerSES is not "
        "published. The rows after those with frozen layers are not in the paper."
    ),
    tolerance=0.02,
    cells=(
        *(
            _cell(system, corpus, train_corpus=PAPERS_CORPUS)
            for corpus in PUBLISHED["scratch"]
            for system in SYSTEMS
            if system.row.id in PUBLISHED
        ),
        *(_cell(system, corpus, train_corpus=FREE_CORPUS) for corpus in FREE for system in (*SYSTEMS, *EXTENSIONS)),
    ),
)

PAPER = Paper(key="anger-soundnet", title=TITLE, citation=CITATION, tables=(TABLE2,))
