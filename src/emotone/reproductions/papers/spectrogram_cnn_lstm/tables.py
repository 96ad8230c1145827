"""Tables 2, 4 and 5 of the paper on spectrogram CNNs, its LSTM, and the systems that it plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.base import Cell, Heading, Paper, PublishedTable
from emotone.reproductions.papers.spectrogram_cnn_lstm import published
from emotone.scoring.segments import SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SPLITS = {"random": ("random split", "random-60-20-20"), "speakers": ("new speakers", "speakers-60-20-20")}
"""Column id -> title and protocol: the paper's split, of recordings instead of chunks, and its counterpart."""
FREE = ("emodb", "savee")
"""Corpora of the paper that anyone can get; each system is trained on both together."""
ALL = ("enterface", *FREE)
CLIPS = "accuracy"
TITLES = {
    "softmax": "softmax on hand-built values",
    "fc2": "FC-2 on hand-built values",
    "fc3": "FC-3 on hand-built values",
    "s1": "S1, 16 filters of 5 x 5",
    "s2": "S2, 32 filters of 5 x 5",
    "s3": "S3, 16 and 32 filters of 5 x 5",
    "s4": "S4, 256 filters of 5 x 5",
    "r1": "R1, 1024 filters over time",
    "r2": "R2, 32 filters over time",
    "r3": "R3, 16 and 32 filters over time",
    "r4": "R4, 128 wide filters over time",
    "r5": "R5, 1024 wide filters over time",
    "r6": "R6, R1 with dropout and leaky ReLU",
    "r7": "R7, R1 on nine variants of the data",
    "er1": "ER1, R1 averaged over time",
    "lstm-chunks": "LSTM on raw chunks",
    "lstm": "LSTM on R1's layers, trained together",
    "lstm-bidirectional": "bidirectional LSTM on R1's layers",
    "attention": "attention over R1's chunks",
}
"""Row id -> title; the recipe is `spectrogram-` and the row id."""
CONTEXT = ("r1", "lstm-chunks", "lstm", "lstm-bidirectional", "attention")
QUICK = {"softmax", "fc2", "fc3", "r2", "face-xception", "lstm-chunks"}
FACE_ROWS = {"face-xception": "mini-Xception, fine-tuned", "face-alexnet": "AlexNet, fine-tuned"}


def cell(
    row: str,
    title: str,
    recipe: str,
    corpus: str,
    split: str,
    *,
    metric: str,
    others: tuple[str, ...],
    number: float | None,
) -> Cell:
    """Return the cell of a system on a corpus and a split."""
    column, protocol = SPLITS[split]
    return Cell(
        row=Heading(row, title),
        column=Heading(split, column),
        corpus=corpus,
        metric=metric,
        published=number if split == "random" else None,
        recipe=recipe,
        labels="seven",
        protocol=protocol,
        quick=row in QUICK,
        other_corpora=others,
    )


def systems(rows: Mapping[str, float | None], *, metric: str) -> Iterator[Cell]:
    """Yield the cells of systems on the paper's three corpora together, and on the two free ones."""
    for corpora in (ALL, FREE):
        tested = ALL[:1] if corpora == ALL else FREE  # published numbers are those of all corpora
        for corpus in tested:
            for row, number in rows.items():
                for split in SPLITS:
                    others = tuple(name for name in corpora if name != corpus)
                    found = number if corpora == ALL else None
                    yield cell(
                        row,
                        TITLES[row],
                        f"spectrogram-{row}",
                        corpus,
                        split,
                        metric=metric,
                        others=others,
                        number=found,
                    )


def _one_corpus(rows: Mapping[str, tuple[str, str, float | None]], *, metric: str) -> Iterator[Cell]:
    """Yield the cells of systems that the paper trains on eNTERFACE'05 alone."""
    for row, (title, recipe, number) in rows.items():
        for split in SPLITS:
            yield cell(row, title, recipe, "enterface", split, metric=metric, others=(), number=number)


_SPLIT = (
    "The paper divides chunks, so that pieces of a recording are in several parts. Here recordings are divided "
    "(random split), and speakers (new speakers). Chunks of 512 ms are scored with the label of their recording. "
)
_EPOCHS = "Networks are trained for 40 epochs, the paper's for 400."

TABLE2 = PublishedTable(
    name="table2",
    title="Hand-built values and convolutions: accuracy on chunks",
    source="Table 2 of the paper, on three corpora",
    note=_SPLIT + _EPOCHS,
    tolerance=0.03,
    cells=tuple(systems(published.TABLE2, metric=SEGMENT)),
)
TABLE4 = PublishedTable(
    name="table4",
    title="Convolutions: accuracy on chunks",
    source="Table 4 of the paper, on three corpora; R7 on eNTERFACE'05",
    note=f"{_SPLIT}{_EPOCHS} ER1 averages the chunks of a recording so far.",
    tolerance=0.03,
    cells=(
        *systems({**published.TABLE4, "r7": None}, metric=SEGMENT),
        *_one_corpus({"r7-alone": (f"{TITLES['r7']}, one corpus", "spectrogram-r7", published.R7)}, metric=SEGMENT),
    ),
)
TABLE5 = PublishedTable(
    name="table5",
    title="Faces: accuracy on images",
    source="Table 5 of the paper, whose network is CaffeNet",
    note="A face every 512 ms instead of five random images. Weights are given with --source.",
    tolerance=0.03,
    cells=tuple(
        _one_corpus(
            {row: (title, row, published.FACES if row == "face-alexnet" else None) for row, title in FACE_ROWS.items()},
            metric=SEGMENT,
        )
    ),
)
LSTM = PublishedTable(
    name="lstm",
    title="Temporal context: accuracy on clips",
    source="section 3.3 of the paper, on eNTERFACE'05",
    note="R1 averages the probabilities of the chunks of a clip. The systems on R1's layers are planned by the paper.",
    tolerance=0.03,
    cells=(
        *_one_corpus(
            {
                "lstm-chunks-alone": (
                    f"{TITLES['lstm-chunks']}, one corpus",
                    "spectrogram-lstm-chunks",
                    published.LSTM,
                ),
                "audiovisual-lstm": ("LSTM on sound and face", "audiovisual-lstm", None),
            },
            metric=CLIPS,
        ),
        *systems(dict.fromkeys(CONTEXT), metric=CLIPS),
    ),
)
PAPER = Paper(
    key="spectrogram-cnn-lstm",
    title=published.TITLE,
    citation=published.CITATION,
    tables=(TABLE2, TABLE4, TABLE5, LSTM),
)
