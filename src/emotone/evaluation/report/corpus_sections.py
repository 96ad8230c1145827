"""What a run scores on one corpus, as tables and figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from emotone.evaluation.report.blocks import Block, Figure, Section, Table, Text
from emotone.evaluation.report.figures import reliability_picture, roc_pictures, speakers_picture
from emotone.evaluation.report.formatting import headline, per_cent
from emotone.metrics import base
from emotone.scoring.detection import estimated
from emotone.scoring.detection_scores import AUROC, EER, WINDOW_AUROC
from emotone.scoring.scores import FOLD_MEAN, TITLES
from emotone.scoring.segments import SEGMENT_TITLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.evaluation.report.numbers import CorpusReport, Detector, RunReport

METRICS = ("uar", FOLD_MEAN, "accuracy", "macro-f1", AUROC, WINDOW_AUROC, EER, *SEGMENT_TITLES)


def corpus_section(report: RunReport, corpus: CorpusReport, *, pictures: bool) -> Section:
    """Return everything about one corpus of a run; `pictures` draws what formats without them have in tables only."""
    anchor = f"{report.name}-{1 + report.corpora.index(corpus)}".lower()
    parts = (
        ("What is taken for what", _confusion(corpus)),
        ("What is taken for what by the mean logits of a clip's segments", _clip_confusion(corpus)),
        ("Each emotion against all others", _detection(report, corpus, pictures=pictures)),
        ("Whether its probabilities can be believed", _calibration(corpus, pictures=pictures)),
        ("Speakers, the worst first", _speakers(report, corpus, pictures=pictures)),
        ("From one training to the next", _seeds(corpus)),
    )
    return Section(
        corpus.title,
        anchor,
        (
            Text(headline(corpus, independent=report.speaker_independent), "headline"),
            *(Text(note, "note") for note in corpus.notes),
            _scores(corpus),
        ),
        tuple(Section(title, f"{anchor}-{n}", blocks) for n, (title, blocks) in enumerate(parts, start=1) if blocks),
    )


def _scores(corpus: CorpusReport) -> Table:
    rows = []
    for metric in METRICS:
        system = corpus.score(metric)
        if system is not None:
            others = (corpus.score(metric, "chance"), corpus.score(metric, "majority"))
            values = ("-" if found is None else found.text for found in (system, *others))
            rows.append((TITLES[metric], *values, str(system.n), str(system.speakers or "not known")))
    return Table(
        "Scores x 100, with 95 % bootstrap intervals clustered by speaker, beside guessing (chance) and always "
        "answering the most frequent emotion (majority).",
        ("metric", "system [95 %]", "chance", "majority", "n", "speakers"),
        tuple(rows),
    )


def _confusion(corpus: CorpusReport) -> tuple[Block, ...]:
    return (_matrix(corpus, corpus.confusion),)


def _clip_confusion(corpus: CorpusReport) -> tuple[Block, ...]:
    if corpus.clip_confusion is None:
        return ()
    return (Text("These decisions are the ones that ALCA counts.", "note"), _matrix(corpus, corpus.clip_confusion))


def _matrix(corpus: CorpusReport, matrix: NDArray[np.int64]) -> Table:
    labels = corpus.labels
    used = [index for index in range(len(labels)) if matrix[index].any() or matrix[:, index].any()]
    recalls = base.recalls(matrix.astype(np.float64))
    totals = matrix.sum(axis=1)
    rows, shares = [], []
    for row in used:
        of_row = [float(matrix[row, column] / totals[row]) if totals[row] else None for column in used]
        counts = [
            str(matrix[row, column]) if share is None else f"{matrix[row, column]} ({100 * share:.0f}\u00a0%)"
            for column, share in zip(used, of_row, strict=True)
        ]
        recall = None if np.isnan(recalls[row]) else float(recalls[row])
        rows.append((labels[row], *counts, str(totals[row]), per_cent(recall)))
        shares.append((None, *of_row, None, None))
    pooled = " All seeds are counted together." if corpus.uar.seeds > 1 else ""
    return Table(
        "Rows are what was meant, columns what was answered: recordings, and their share of the row. The stronger a "
        f"cell's colour, the larger its share; the diagonal is right.{pooled}",
        ("meant \\ answered", *(labels[column] for column in used), "all", "recall x 100"),
        tuple(rows),
        tuple(shares),
    )


def _detection(report: RunReport, corpus: CorpusReport, *, pictures: bool) -> tuple[Block, ...]:
    if not corpus.auroc:
        return (Text("Undefined: there is one emotion only.", "note"),)
    found: list[Block] = []
    if pictures:
        shown = roc_pictures(corpus, points=report.points_of(corpus.corpus))
        found.append(
            Figure(
                shown,
                "ROC curves: the share of an emotion's recordings that are found, at every share of the others that "
                "are false alarms; in the corner the area below the curve (AU-ROC: 1 is perfect, 0.5 is guessing).",
                "small",
                _names(corpus) if len(shown) > 1 else (),
            )
        )
    counts = dict(zip(corpus.labels, corpus.confusion.sum(axis=1).tolist(), strict=True))
    rows = tuple((label, f"{area:.3f}", str(counts[label])) for label, area in corpus.auroc.items())
    found.append(
        Table("Area under the ROC curve of each emotion against all others.", ("emotion", "AU-ROC", "n"), rows)
    )
    if corpus.detector is not None:
        found += _detector(corpus.detector)
        found += _operating(report, corpus)
    return tuple(found)


def _operating(report: RunReport, corpus: CorpusReport) -> list[Block]:
    """Return what thresholds give here that were chosen elsewhere, where the run keeps it."""
    points = report.points_of(corpus.corpus)
    if report.operating is None or not points:
        return []
    rows = tuple(
        (
            f"false alarms at most {100 * point.wanted:g} %",
            "none is high enough" if point.threshold is None else f"{point.threshold:.4g}",
            *(estimated(found, 100) for found in (point.false_positive_rate, point.recall, point.precision)),
            estimated(point.alarms_per_hour, 1),
        )
        for point in points
    )
    first = points[0]
    return [
        Table(
            f"Thresholds chosen on {report.operating.validation}, and what they give here, per {first.per}, with 95 % "
            f"intervals clustered by speaker: {first.n} {first.per}s, {first.speakers or 'unknown'} speakers. An hour "
            f"is one of speech without {first.positive}.",
            ("wanted there", "threshold", "false alarms x 100", "found x 100", "precision x 100", "false alarms/hour"),
            rows,
        )
    ]


def _names(corpus: CorpusReport) -> tuple[str, ...]:
    """Return what stands above each ROC curve."""
    if corpus.detector is None:
        return tuple(corpus.auroc)
    return f"{corpus.detector.positive}, recordings", f"{corpus.detector.positive}, windows"


def _detector(detector: Detector) -> list[Block]:
    rows = [
        (
            f"false alarms at most {100 * rate:g} %",
            "none is high enough" if math.isinf(point.threshold) else f"{point.threshold:.4g}",
            per_cent(point.false_positive_rate),
            per_cent(point.true_positive_rate),
        )
        for rate, point in detector.points.items()
    ]
    eer = detector.eer
    rows.append(
        ("as many misses as false alarms (EER)", f"{eer.threshold:.4g}", per_cent(eer.rate), per_cent(1 - eer.rate))
    )
    return [
        Table(
            f"As a detector of {detector.positive}: it is said to be there where its probability "
            "reaches the threshold.",
            ("wanted", "threshold", "false alarms x 100", "found x 100"),
            tuple(rows),
        ),
        Text("These thresholds were chosen on the recordings that they are judged on, which flatters them.", "note"),
    ]


def _calibration(corpus: CorpusReport, *, pictures: bool) -> tuple[Block, ...]:
    calibration = corpus.calibration
    filled = [found for found in calibration.bins if found.n]
    found: list[Block] = []
    if pictures:
        found.append(
            Figure(
                (reliability_picture(calibration.bins, ece=calibration.ece),),
                "How often answers are right (line and bars) against the probability that they were given; on the "
                "dashed line both are equal. Below it the system is too sure of itself, above it not sure enough.",
            )
        )
    found.append(
        Table(
            "Calibration: 0 is perfect for all three.",
            ("measure", "value", "what it is"),
            (
                (
                    "ECE",
                    f"{calibration.ece:.4f}",
                    f"how far probability and truth are apart ({len(calibration.bins)} bins)",
                ),
                ("Brier score", f"{calibration.brier:.4f}", "mean squared error of all probabilities (at most 2)"),
                ("log loss", f"{calibration.log_loss:.4f}", _log_loss_words(len(corpus.labels))),
            ),
        )
    )
    rows = tuple(
        (f"{one.low:.3f} to {one.high:.3f}", str(one.n), per_cent(one.confidence), per_cent(one.accuracy))
        for one in filled
    )
    found.append(
        Table(
            "The reliability diagram in numbers; ranges without answers are left out.",
            ("probability of the answer", "answers", "mean probability x 100", "right x 100"),
            rows,
        )
    )
    return tuple(found)


def _log_loss_words(labels: int) -> str:
    return f"in nats; equal probabilities for {labels} labels have {math.log(labels):.4f}"


def _speakers(report: RunReport, corpus: CorpusReport, *, pictures: bool) -> tuple[Block, ...]:
    if not corpus.speakers:
        return (Text("No speaker is known.", "note"),)
    found: list[Block] = []
    if pictures and len(corpus.speakers) > 1:
        found.append(
            Figure(
                (speakers_picture(corpus.speakers, whole=corpus.uar, chance=corpus.score("uar", "chance")),),
                "One dot per speaker. The line is the score over all speakers with its interval, the dashed line is "
                "guessing.",
                "wide",
            )
        )
    if len(corpus.speakers) == 1:
        found.append(Text("There is one speaker only: how much voices matter can't be told.", "note"))
    labels = [label for label in report.table.labels if label in corpus.present]
    rows = tuple(
        (
            score.speaker,
            str(score.n),
            per_cent(score.uar),
            per_cent(score.accuracy),
            *(per_cent(score.recalls.get(label)) for label in labels),
        )
        for score in corpus.speakers
    )
    found.append(
        Table(
            "Scores of each speaker x 100: UAR over the emotions that the speaker has, accuracy, and the recall of "
            "each emotion.",
            ("speaker", "n", "UAR", "accuracy", *labels),
            rows,
        )
    )
    return tuple(found)


def _seeds(corpus: CorpusReport) -> tuple[Block, ...]:
    if corpus.uar.seeds < 2:
        return ()
    seeds = tuple(corpus.seeds[0].values)
    rows = tuple(
        (
            TITLES[spread.metric],
            per_cent(spread.mean),
            per_cent(spread.deviation),
            *(per_cent(spread.values[seed]) for seed in seeds),
        )
        for spread in corpus.seeds
    )
    table = Table(
        f"Mean and sample standard deviation over {len(seeds)} seeds, x 100. They tell how much chance there is in the "
        "training, and nothing about other speakers.",
        ("metric", "mean", "deviation", *(f"seed {seed}" for seed in seeds)),
        rows,
    )
    return (table,)
