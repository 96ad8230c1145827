"""What the paper on spectrogram CNNs claims, and what the stored predictions say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.reproductions.base import by_place
from emotone.reproductions.document import Claim, Finding, Scoreboard, coverage_of
from emotone.reproductions.papers.spectrogram_cnn_lstm.figures import FREE, SPLITS
from emotone.reproductions.papers.spectrogram_cnn_lstm.tables import NOT_BUILT, PAPER, PUBLISHED_TABLE3

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.reproductions.base import CellResult

LEARNED = Claim(
    "learned-features",
    "a convolutional network on spectrograms exceeds layers on 26 hand-built features, on chunks of 512 ms",
    "39.7 compared with 27.3 accuracy",
    "Table 2",
)
RECTANGULAR = Claim(
    "rectangular-filters",
    "filters of the height of the spectrogram are slightly better than square ones",
    "39.7 and 36.4",
    "Table 2",
)
SHALLOW = Claim("shallow", "one layer with many filters is better than two with few", "39.7 and 33.9", "Table 4")
AUGMENTATION = Claim(
    "augmentation", "nine times the data by pitch shifts and time scaling", "39.7 to 55.0, on eNTERFACE", "Table 4"
)
FACES = Claim(
    "faces", "a network fine-tuned on faces exceeds linear classifiers of the images", "88.6 and 30.5", "Table 5"
)
CONTEXT = Claim("context", "an LSTM over chunks exceeds networks on single chunks", "70 and 55", "Section 3.3")
EXPECTED = Claim(
    "lstm-on-convolutions", "an LSTM on the features of R1 exceeds one on raw chunks", "expected", "Section 3.3"
)
FILTERS = Claim(
    "filters",
    "filters of R1 follow pitch, formants, periodicity and silence",
    "a drawing, without numbers",
    "Figure 5",
)
HIDDEN = Claim(
    "hidden-layer", "a hidden layer helps on hand-built features", "27.3 compared with 21.2 accuracy", "Table 2"
)
SECOND_HIDDEN = Claim("second-hidden-layer", "a second hidden layer does not", "25.5 compared with 27.3", "Table 2")
WIDE = Claim("wide-filters", "filters of twice the width do not improve R1", "39.4 compared with 39.7", "Table 4")
DROPOUT = Claim("dropout", "dropout and leaky ReLU do not improve R1", "38.0 compared with 39.7", "Table 4")
ENSEMBLE = Claim("ensemble", "R1 and R3 together exceed R1", "40.8 compared with 39.7", "Table 4")
SCORES = Claim(
    "class-scores",
    "simple classifiers of R1's class scores do not change its accuracy",
    "38.6 to 39.6 compared with 39.7",
    "Table 3",
)
PAIRS = (
    (HIDDEN, "table2", "fc2", "softmax"),
    (SECOND_HIDDEN, "table2", "fc2", "fc3"),
    (LEARNED, "table2", "r1", "fc2"),
    (RECTANGULAR, "table2", "r1", "s2"),
    (SHALLOW, "table4", "r1", "r3"),
    (WIDE, "table4", "r1", "r5"),
    (DROPOUT, "table4", "r1", "r6"),
    (ENSEMBLE, "table4", "er2", "r1"),
    (AUGMENTATION, "table4", "r7", "r1"),
)
"""Claim, table, and the rows of which the first is better."""
SAME = 0.03  # largest difference that is no change
NOT_RUN = "the experiment is implemented (`emotone reproduce spectrogram-cnn-lstm`); its runs are not stored yet"
SUBSTITUTES = (
    ("eNTERFACE'05, which must be requested", "Emo-DB and SAVEE only, unless it is given"),
    ("CaffeNet, trained on ImageNet", "AlexNet with weights of users; mini-Xception, trained on faces"),
    ("chunks of one recording in training and test", "recordings in one part only, and speakers"),
)


def scoreboard(results: Mapping[str, Sequence[CellResult]], *, filters: Mapping[str, Any] | None = None) -> Scoreboard:
    """Return the paper's claims with their verdicts.

    Args:
        results: of each table, by its name.
        filters: stored data of Figure 5; None if there are none.

    """
    findings = [_better(claim, results[table], first, second) for claim, table, first, second in PAIRS]
    findings.append(_unchanged(results["table2"], results["table3"]))
    findings.append(FACES.untested("eNTERFACE'05 is not available here"))
    findings.append(_better(CONTEXT, results["lstm"], "lstm-chunks", "r1"))
    findings.append(_better(EXPECTED, results["lstm"], "lstm", "lstm-chunks"))
    findings.append(_follow(filters))
    return Scoreboard(
        key=PAPER.key,
        title=PAPER.title,
        citation=PAPER.citation,
        findings=tuple(findings),
        coverage=coverage_of(
            [result for of_table in results.values() for result in of_table],
            also_published=sum(map(len, NOT_BUILT.values())),
        ),
        substitutes=SUBSTITUTES,
        page=f"{PAPER.key}.md",
    )


def _unchanged(results: Sequence[CellResult], of_scores: Sequence[CellResult]) -> Finding:
    """Return whether the classifiers of class scores have about the accuracy of R1, in most comparisons."""
    places, others = by_place(results), by_place(of_scores)
    gains: list[float] = []
    for corpus in FREE:
        for split in SPLITS:
            whole = places[corpus, "r1", split].score
            for row in PUBLISHED_TABLE3:
                score = others[corpus, row, split].score
                if whole is not None and score is not None:
                    gains.append(score.number - whole.number)
    if not gains:
        return SCORES.untested(NOT_RUN)
    same = sum(abs(gain) <= SAME for gain in gains)
    evidence = (
        f"within {100 * SAME:.0f} points of R1 in {same} of {len(gains)} comparisons; "
        f"differences from {100 * min(gains):+.1f} to {100 * max(gains):+.1f}"
    )
    return SCORES.finding(2 * same > len(gains), evidence)


def _follow(filters: Mapping[str, Any] | None) -> Finding:
    """Return whether the filters follow most measures better than those of an untrained network."""
    if filters is None:
        return FILTERS.untested("the figure is implemented (`emotone reproduce spectrogram-cnn-lstm figure5`)")
    found: dict[str, tuple[float, float]] = {}
    for after, before in zip(filters["filters"], filters["before"], strict=True):
        found.setdefault(after["measure"], (after["correlation"], before))  # the first one was selected first
    better = sum(after > before for after, before in found.values())
    listed = ", ".join(f"{name}: {after:.2f} and {before:.2f}" for name, (after, before) in found.items())
    evidence = (
        "correlation of the filter that was selected on other recordings, and of one selected from the untrained "
        f"network: better in {better} of {len(found)} measures ({listed})"
    )
    return FILTERS.finding(2 * better > len(found), evidence)


def _better(claim: Claim, results: Sequence[CellResult], first: str, second: str) -> Finding:
    """Return whether one row is better than another on the free corpora, in most comparisons."""
    places = by_place(results)
    found: list[tuple[str, str, float, float]] = []
    for corpus in FREE:
        for split in SPLITS:
            one, other = (places[corpus, row, split].score for row in (first, second))
            if one is not None and other is not None:
                found.append((corpus, split, one.number, other.number))
    if not found:
        return claim.untested(NOT_RUN)
    listed = ", ".join(
        f"{corpus}, {SPLITS[split][0]}: {100 * better:.1f} and {100 * worse:.1f}"
        for corpus, split, better, worse in found
    )
    agreeing = sum(better > worse for _, _, better, worse in found)
    return claim.finding(2 * agreeing > len(found), f"better in {agreeing} of {len(found)} comparisons ({listed})")
