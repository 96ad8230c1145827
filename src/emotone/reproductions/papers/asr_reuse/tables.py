"""Fine-tuning MP-x of the paper's Table 1, with Whisper base as the recogniser."""

from __future__ import annotations

from emotone.reproductions.base import Cell, Heading, Paper, PublishedTable
from emotone.reproductions.papers.asr_reuse.published import CITATION, MEAN_POOLED, TABLE1, TITLE

ALL = (0, 1, 2, 3, 4, 5, 6)
ROWS = {
    **{str(layer): (f"Fine-tuning MP-{layer}", (layer,)) for layer in ALL},
    "2-4": ("Fine-tuning MP, layers 2 to 4", (2, 3, 4)),
    "all": ("Fine-tuning MP, all layers", ALL),
}
"""Row id -> title and layers; 0 is the output of the convolutions."""
FREE = {"emodb": "emodb", "savee": "seven", "emovo": "seven"}
"""Corpus that anyone can get -> label set."""
PAPERS_CORPUS, PAPERS_ROWS = "iemocap", ("1", "2", "3")
RECIPE = "whisper-mp"
UAR = Heading("uar", "unweighted average recall")
ACCURACY = Heading("accuracy", "accuracy")

TABLE = PublishedTable(
    name="table1",
    title="Fine-tuning MP-x: a layer of a frozen recogniser, averaged over time",
    source="for IEMOCAP the paper, whose recogniser is another one; for other corpora an earlier measurement of "
    "Whisper base on whole recordings with a linear support vector machine",
    note=(
        "The recogniser is Whisper base. The softmax is fitted to the minimum of the cross-entropy with a quadratic "
        "penalty, so it needs no validation speaker: all other speakers are trained on. The embedding of a recording "
        "is the mean over its utterances, as in prediction. The penalty is the same in all cells; its value was chosen "
        "on Emo-DB."
    ),
    tolerance=0.015,
    cells=(
        *(
            Cell(
                row=Heading(row, title),
                column=UAR,
                corpus=corpus,
                metric="uar",
                published=MEAN_POOLED[corpus].get(row),
                recipe=RECIPE,
                labels=labels,
                protocol="leave-one-speaker-out",
                quick=row == "1",
                changes=(("encoder.layers", list(layers)),),
            )
            for corpus, labels in FREE.items()
            for row, (title, layers) in ROWS.items()
        ),
        *(
            Cell(
                row=Heading(row, ROWS[row][0]),
                column=ACCURACY,
                corpus=PAPERS_CORPUS,
                metric="accuracy",
                published=TABLE1[f"Fine-tuning MP-{row}"][0],
                recipe=RECIPE,
                labels="four",
                protocol="leave-one-speaker-out-session-dev",
                changes=(("encoder.layers", list(ROWS[row][1])),),
            )
            for row in PAPERS_ROWS
        ),
    ),
)
PAPER = Paper(key="asr-reuse", title=TITLE, citation=CITATION, tables=(TABLE,))
