"""Tables 2 to 5 of the paper on spectrogram CNNs, their published accuracies, and the systems that it plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.base import Cell, Combination, Heading, Paper, PublishedTable
from emotone.reproductions.cells import mean_of, mean_so_far
from emotone.reproductions.papers.spectrogram_cnn_lstm.class_scores import combination
from emotone.reproductions.papers.spectrogram_cnn_lstm.figures import FIGURES, FREE, SHORT, SHORT_LSTM, SPLITS
from emotone.scoring.segments import SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emotone.reproductions.base import Changes

TITLE = "CNN features from spectrograms and faces, LSTM for context"
CITATION = (
    "Convolutional features from audio and images with an LSTM over chunks of 512 ms, on Emo-DB, SAVEE and "
    "eNTERFACE'05; a project report without a publisher"
)

PUBLISHED_TABLE2 = {"svm": 0.237, "softmax": 0.212, "fc2": 0.273, "fc3": 0.255, "s2": 0.364, "r1": 0.397}
PUBLISHED_TABLE3 = {
    "naive-bayes": 0.386,
    "logistic-regression": 0.396,
    "linear-discriminant": 0.388,
    "quadratic-discriminant": 0.391,
    "gaussian-mixture": 0.392,
}
PUBLISHED_TABLE4 = {
    "s1": 0.351,
    "s2": 0.364,
    "s3": 0.355,
    "s4": 0.368,
    "r1": 0.397,
    "r2": 0.368,
    "r3": 0.339,
    "r4": 0.334,
    "r5": 0.394,
    "r6": 0.380,
    "er1": 0.392,
    "er2": 0.408,
}
R7 = 0.55
"""With nine times the data, of eNTERFACE'05 only; the text calls it the validation accuracy."""
PUBLISHED_FACES = 0.886
"""CaffeNet, fine-tuned."""
PUBLISHED_LSTM = 0.70
"""On raw chunks of eNTERFACE'05."""

NOT_BUILT = {
    "Table 5": {"softmax": 0.305, "FC-2": 0.321},
}
"""Published numbers without an experiment here, by table."""


ALL = ("enterface", *FREE)
CLIPS = "accuracy"
TITLES = {
    "svm": "linear SVM on hand-built values",
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
    "r2-long": "R2, trained for 40 epochs",
    "r7": "R7, R1 on nine variants of the data",
    "er1": "ER1, R1 averaged over time",
    "er2": "ER2, mean of R1 and R3",
    "naive-bayes": "naive Bayes on R1's class scores",
    "logistic-regression": "softmax on R1's class scores",
    "linear-discriminant": "LDA on R1's class scores",
    "quadratic-discriminant": "QDA on R1's class scores",
    "gaussian-mixture": "GMM, 7 mixtures, on R1's class scores",
    "lstm-chunks": "LSTM on raw chunks",
    "lstm": "LSTM on R1's layers, trained together",
    "lstm-bidirectional": "bidirectional LSTM on R1's layers",
    "attention": "attention over R1's chunks",
}
"""Row id -> title; the recipe is `spectrogram-` and the row id."""
SO_FAR = 16  # chunks: 8.192 s, as in the recipe `spectrogram-er1`
ENSEMBLES = {
    "er1": Combination("spectrogram-er1", ("spectrogram-r1",), lambda tables: mean_so_far(tables[0], windows=SO_FAR)),
    "er2": Combination("spectrogram-er2", ("spectrogram-r1", "spectrogram-r3"), mean_of),
    **{name: combination(name) for name in PUBLISHED_TABLE3},
}
"""Row id -> what is computed from the predictions of R1, and of R3."""
CHUNK_SECONDS = 0.512
LENGTHS = {
    "context-1": (1, 64),
    "context-2": (2, 48),
    "context-4": (4, 24),
    "context-8": (8, 16),
    "context-16": (16, 16),
}
"""Row id -> chunks of a window, and windows of a batch; the last one has the settings of `lstm`."""
TITLES |= {
    row: f"LSTM on R1's layers, windows of {chunks * CHUNK_SECONDS:.2f} s" for row, (chunks, _) in LENGTHS.items()
}
WHISPER_LENGTHS = {f"whisper-{row}": chunks for row, (chunks, _) in LENGTHS.items()}
"""Row id -> chunks of a window, of an LSTM on layers of Whisper."""
TITLES |= {
    "whisper-lstm": "LSTM on layers 2 to 4 of Whisper base",
    "whisper-lstm-bidirectional": "bidirectional LSTM on layers 2 to 4 of Whisper base",
    "whisper-attention": "attention over chunks of layers 2 to 4 of Whisper base",
    **{
        row: f"LSTM on layers 2 to 4 of Whisper base, windows of {chunks * CHUNK_SECONDS:.2f} s"
        for row, chunks in WHISPER_LENGTHS.items()
    },
}
CONTEXT = ("r1", "lstm-chunks", "lstm", "lstm-bidirectional", "attention")
ON_WHISPER = {
    "whisper-lstm": (),
    "whisper-lstm-bidirectional": (("net.context", "bidirectional-lstm"),),
    "whisper-attention": (("net.context", "attention"), ("net.context_units", 64)),
}
"""Row id -> what differs from the recipe `whisper-lstm`."""
QUICK = {
    *("softmax", "fc2", "fc3", "r2", "naive-bayes", "face-xception"),
    *("lstm-chunks", "context-16", "whisper-lstm", "whisper-context-16"),
}
LONG = "-long"
HAND_BUILT = ("svm", "softmax", "fc2", "fc3")
"""Rows that are trained as their recipe says."""
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
        changes=_changes(row),
        other_corpora=others,
        combination=ENSEMBLES.get(row),
    )


def _recipe(row: str) -> str:
    """Return the name of a row's recipe; of a combination, the first one."""
    if row in ENSEMBLES:
        return ENSEMBLES[row].recipes[0]
    if row in ON_WHISPER or row in WHISPER_LENGTHS:
        return "whisper-lstm"
    return "spectrogram-lstm" if row in LENGTHS else f"spectrogram-{row.removesuffix(LONG)}"


def _changes(row: str) -> Changes:
    """Return the settings of a row that differ from its recipe."""
    if row in HAND_BUILT or row in FACE_ROWS or row.endswith(LONG):
        return ()
    if row in ON_WHISPER:
        return ON_WHISPER[row]
    if row in WHISPER_LENGTHS:
        seconds = WHISPER_LENGTHS[row] * CHUNK_SECONDS
        return (("windows.seconds", seconds), ("windows.hop", seconds))
    if row in LENGTHS:
        chunks, batch = LENGTHS[row]
        seconds = chunks * CHUNK_SECONDS
        return (*SHORT, ("windows.seconds", seconds), ("windows.hop", seconds), ("training.batch_size", batch))
    return SHORT_LSTM if row.startswith("lstm-chunks") else SHORT


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
                        _recipe(row),
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
_EPOCHS = "Networks with convolutions are trained for 6 epochs, the paper's for 400."

TABLE2 = PublishedTable(
    name="table2",
    title="Hand-built values and convolutions: accuracy on chunks",
    source="Table 2 of the paper, on three corpora",
    note=_SPLIT + _EPOCHS,
    tolerance=0.03,
    cells=tuple(systems(PUBLISHED_TABLE2, metric=SEGMENT)),
)
TABLE3 = PublishedTable(
    name="table3",
    title="Classifiers of R1's class scores: accuracy on chunks",
    source="Table 3 of the paper, on three corpora",
    note=(
        "Computed from the predictions of R1 on its test part. A classifier is fitted to four fifths of the tested "
        "recordings and tested on the rest, in turn; of new speakers, it is fitted to the other tested speakers. The "
        "paper does not state what its classifiers are fitted to."
    ),
    tolerance=0.03,
    cells=tuple(systems(PUBLISHED_TABLE3, metric=SEGMENT)),
)
TABLE4 = PublishedTable(
    name="table4",
    title="Convolutions: accuracy on chunks",
    source="Table 4 of the paper, on three corpora; R7 on eNTERFACE'05",
    note=f"{_SPLIT}{_EPOCHS} ER1 averages the chunks of a recording so far, ER2 R1 and R3: both are computed from "
    "their predictions.",
    tolerance=0.03,
    cells=(
        *systems({**PUBLISHED_TABLE4, "r2-long": None, "r7": None}, metric=SEGMENT),
        *_one_corpus({"r7-alone": (f"{TITLES['r7']}, one corpus", "spectrogram-r7", R7)}, metric=SEGMENT),
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
            {row: (title, row, PUBLISHED_FACES if row == "face-alexnet" else None) for row, title in FACE_ROWS.items()},
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
                    PUBLISHED_LSTM,
                ),
                "audiovisual-lstm": ("LSTM on sound and face", "audiovisual-lstm", None),
            },
            metric=CLIPS,
        ),
        *systems(dict.fromkeys(CONTEXT), metric=CLIPS),
    ),
)
LENGTH = PublishedTable(
    name="context",
    title="Length of the context: accuracy on windows",
    source="none; the paper plans it",
    note="Each LSTM is trained and tested on windows of one length. Windows at the end of a recording can be shorter.",
    tolerance=0.03,
    cells=tuple(systems(dict.fromkeys(LENGTHS), metric=SEGMENT)),
)
_WHISPER = (
    "Beyond the paper. The encoder is frozen; its outputs, averaged over chunks of 512 ms, are the input of the LSTM. "
    "Whisper was trained on recordings that are not published; some of these may be among them, without labels of "
    "emotions. "
)
WHISPER = PublishedTable(
    name="whisper",
    title="Temporal context on a speech recogniser: accuracy on clips",
    source="none",
    note=_WHISPER,
    tolerance=0.03,
    cells=tuple(systems(dict.fromkeys(ON_WHISPER), metric=CLIPS)),
)
WHISPER_LENGTH = PublishedTable(
    name="whisper-context",
    title="Length of the context on a speech recogniser: accuracy on windows",
    source="none",
    note=f"{_WHISPER}The encoder too reads one window at a time.",
    tolerance=0.03,
    cells=tuple(systems(dict.fromkeys(WHISPER_LENGTHS), metric=SEGMENT)),
)
PAPER = Paper(
    key="spectrogram-cnn-lstm",
    title=TITLE,
    citation=CITATION,
    tables=(TABLE2, TABLE3, TABLE4, TABLE5, LSTM, LENGTH, WHISPER, WHISPER_LENGTH),
    figures=FIGURES,
)
