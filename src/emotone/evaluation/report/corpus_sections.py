"""The results of a run on one corpus, as tables and figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from emotone.evaluation.report.document import Block, Figure, Section, Text
from emotone.evaluation.report.figures import reliability_picture, roc_pictures, speakers_picture
from emotone.metrics.classification import recalls
from emotone.scoring.comparison import FEW_SPEAKERS
from emotone.scoring.result_table import ResultTable, format_estimate, percent
from emotone.scoring.scores import AUROC, EER, FOLD_MEAN, TITLES, WINDOW_AUROC
from emotone.scoring.segments import SEGMENT_TITLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.evaluation.report.run_report import CorpusReport, DetectorReport, RunReport

SPEAKERS = {
    True: "from speakers that are not in the training data",
    False: "including speakers that ARE IN THE TRAINING DATA, so the result does not generalise to new speakers",
    None: "and whether their speakers are in the training data is unknown",
}
"""Relation of the tested speakers to the training data, by speaker independence."""
METRICS = ("uar", FOLD_MEAN, "accuracy", "macro-f1", AUROC, WINDOW_AUROC, EER, *SEGMENT_TITLES)


def corpus_section(report: RunReport, corpus: CorpusReport, *, pictures: bool) -> Section:
    """Return the results of a run on one corpus; `pictures` adds figures, whose data are in the tables too."""
    anchor = f"{report.name}-{1 + report.corpora.index(corpus)}".lower()
    parts = (
        ("Confusion matrix", _confusion(corpus)),
        ("Confusion matrix by the mean logits of segments", _clip_confusion(corpus)),
        ("Detection of each emotion", _detection(report, corpus, pictures=pictures)),
        ("Calibration", _calibration(corpus, pictures=pictures)),
        ("Speakers", _speakers(report, corpus, pictures=pictures)),
        ("Variation between training runs", _seeds(corpus)),
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


def headline(corpus: CorpusReport, *, independent: bool | None) -> str:
    """Return the main score of a corpus in words, for readers without statistics.

    Example of the output: "Of 100 recordings of Emo-DB with all 7 emotions equally frequent, 72 are recognised
    correctly, from speakers that are not in the training data. Chance is 14. ..."
    """
    uar, chance = corpus.uar, corpus.score("uar", "chance")
    if len(corpus.present) < 2 or chance is None:
        return (
            f"All recordings of {corpus.title} have the label '{corpus.present[0]}', and {_of_100(uar.number)} of 100 "
            "are recognised correctly. This does not measure whether emotions are distinguished."
        )
    emotions = "both emotions" if len(corpus.present) == 2 else f"all {len(corpus.present)} emotions"
    figure = f"{_of_100(uar.number)} are recognised correctly, {SPEAKERS[independent]}"
    sentences = [
        f"Of 100 recordings of {corpus.title} with {emotions} equally frequent, {figure}.",
        f"Chance is {_of_100(chance.number)}.",
    ]
    if uar.low is None or uar.high is None:
        sentences.append(f"There is no confidence interval ({uar.note or 'no interval'}).")
        return " ".join(sentences)
    few = ", which is too narrow for so few speakers" if 0 < uar.speakers < FEW_SPEAKERS else ""
    known = "" if independent else " of the training data"
    sentences.append(
        f"For other speakers{known} it would likely be between {_of_100(uar.low)} and {_of_100(uar.high)} "
        f"(95 % interval over {uar.speakers} speakers{few})."
    )
    if uar.high < chance.number:
        sentences.append("This is worse than chance.")
    elif uar.low <= chance.number:
        sentences.append("This does not differ significantly from chance.")
    return " ".join(sentences)


def _scores(corpus: CorpusReport) -> ResultTable:
    rows = []
    for metric in METRICS:
        system = corpus.score(metric)
        if system is not None:
            others = (corpus.score(metric, "chance"), corpus.score(metric, "majority"))
            values = (format_estimate(found) for found in (system, *others))
            rows.append((TITLES[metric], *values, str(system.n), str(system.speakers or "unknown")))
    return ResultTable(
        ("metric", "system [95 %]", "chance", "majority", "n", "speakers"),
        tuple(rows),
        caption="Scores x 100, with 95 % bootstrap intervals clustered by speaker. Chance: labels drawn at random; "
        "majority: always the most frequent label.",
    )


def _confusion(corpus: CorpusReport) -> tuple[Block, ...]:
    return (_matrix(corpus, corpus.confusion),)


def _clip_confusion(corpus: CorpusReport) -> tuple[Block, ...]:
    if corpus.clip_confusion is None:
        return ()
    return (Text("ALCA is computed from this matrix.", "note"), _matrix(corpus, corpus.clip_confusion))


def _matrix(corpus: CorpusReport, matrix: NDArray[np.int64]) -> ResultTable:
    labels = corpus.labels
    used = [index for index in range(len(labels)) if matrix[index].any() or matrix[:, index].any()]
    by_label = recalls(matrix.astype(np.float64))
    totals = matrix.sum(axis=1)
    rows, shades = [], []
    for row in used:
        of_row = [float(matrix[row, column] / totals[row]) if totals[row] else None for column in used]
        counts = [
            str(matrix[row, column]) if share is None else f"{matrix[row, column]} ({100 * share:.0f}\u00a0%)"
            for column, share in zip(used, of_row, strict=True)
        ]
        recall = None if np.isnan(by_label[row]) else float(by_label[row])
        rows.append((labels[row], *counts, str(totals[row]), percent(recall)))
        shades.append((None, *of_row, None, None))
    pooled = " Seeds are pooled." if corpus.uar.seeds > 1 else ""
    return ResultTable(
        ("truth \\ prediction", *(labels[column] for column in used), "all", "recall x 100"),
        tuple(rows),
        caption=f"Rows: true labels; columns: predicted labels; number of recordings, and share of the row.{pooled}",
        shades=tuple(shades),
    )


def _detection(report: RunReport, corpus: CorpusReport, *, pictures: bool) -> tuple[Block, ...]:
    if not corpus.auroc:
        return (Text("Undefined: there is only one label.", "note"),)
    found: list[Block] = []
    if pictures:
        shown = roc_pictures(corpus, points=report.points_of(corpus.corpus))
        found.append(
            Figure(
                shown,
                "ROC curves: recall of an emotion against the false positive rate on all others, with the area under "
                "the curve (AU-ROC; 1 is perfect, 0.5 is chance).",
                "small",
                _names(corpus) if len(shown) > 1 else (),
            )
        )
    counts = dict(zip(corpus.labels, corpus.confusion.sum(axis=1).tolist(), strict=True))
    rows = tuple((label, f"{area:.3f}", str(counts[label])) for label, area in corpus.auroc.items())
    found.append(
        ResultTable(
            ("emotion", "AU-ROC", "n"), rows, caption="Area under the ROC curve of each emotion against all others."
        )
    )
    if corpus.detector is not None:
        found += _detector(corpus.detector)
        found += _recorded_points(report, corpus)
    return tuple(found)


def _recorded_points(report: RunReport, corpus: CorpusReport) -> list[Block]:
    """Return the operating points of thresholds chosen on other data, if the run records them."""
    points = report.points_of(corpus.corpus)
    if report.operating is None or not points:
        return []
    rows = tuple(
        (
            f"false alarms at most {100 * point.wanted:g} %",
            "none" if point.threshold is None else f"{point.threshold:.4g}",
            *(format_estimate(found) for found in (point.false_positive_rate, point.recall, point.precision)),
            format_estimate(point.alarms_per_hour, scale=1),
        )
        for point in points
    )
    first = points[0]
    return [
        ResultTable(
            ("criterion", "threshold", "false alarms x 100", "recall x 100", "precision x 100", "false alarms/hour"),
            rows,
            caption=f"Operating points with thresholds chosen on {report.operating.validation}, per {first.per}, with "
            f"95 % intervals clustered by speaker: {first.n} {first.per}s, {first.speakers or 'unknown'} speakers. "
            f"False alarms are per hour of speech without {first.positive}.",
        )
    ]


def _names(corpus: CorpusReport) -> tuple[str, ...]:
    """Return the headings of the ROC curves."""
    if corpus.detector is None:
        return tuple(corpus.auroc)
    return f"{corpus.detector.positive}, recordings", f"{corpus.detector.positive}, windows"


def _detector(detector: DetectorReport) -> list[Block]:
    rows = [
        (
            f"false alarms at most {100 * rate:g} %",
            "none" if math.isinf(point.threshold) else f"{point.threshold:.4g}",
            percent(point.false_positive_rate),
            percent(point.true_positive_rate),
        )
        for rate, point in detector.points.items()
    ]
    eer = detector.eer
    rows.append(("equal error rate (EER)", f"{eer.threshold:.4g}", percent(eer.rate), percent(1 - eer.rate)))
    return [
        ResultTable(
            ("criterion", "threshold", "false alarms x 100", "recall x 100"),
            tuple(rows),
            caption=f"Operating points as a detector of {detector.positive}, which is detected if its probability "
            "reaches the threshold.",
        ),
        Text("These thresholds were chosen on the test data, so their rates are optimistic.", "note"),
    ]


def _calibration(corpus: CorpusReport, *, pictures: bool) -> tuple[Block, ...]:
    calibration = corpus.calibration
    filled = [found for found in calibration.bins if found.n]
    found: list[Block] = []
    if pictures:
        found.append(
            Figure(
                (reliability_picture(calibration.bins, ece=calibration.ece),),
                "Reliability diagram: accuracy (line and bars) against confidence. On the dashed line both are equal; "
                "below it the system is overconfident, above it underconfident.",
            )
        )
    found.append(
        ResultTable(
            ("measure", "value", "definition"),
            (
                (
                    "ECE",
                    f"{calibration.ece:.4f}",
                    f"mean difference of confidence and accuracy ({len(calibration.bins)} bins)",
                ),
                ("Brier score", f"{calibration.brier:.4f}", "mean squared error of the probabilities (maximum 2)"),
                ("log loss", f"{calibration.log_loss:.4f}", _log_loss_words(len(corpus.labels))),
            ),
            caption="Calibration measures; 0 is perfect.",
        )
    )
    rows = tuple(
        (f"{one.low:.3f} to {one.high:.3f}", str(one.n), percent(one.confidence), percent(one.accuracy))
        for one in filled
    )
    found.append(
        ResultTable(
            ("confidence", "predictions", "mean confidence x 100", "accuracy x 100"),
            rows,
            caption="Data of the reliability diagram; empty bins are omitted.",
        )
    )
    return tuple(found)


def _log_loss_words(labels: int) -> str:
    return f"in nats; {math.log(labels):.4f} for equal probabilities of {labels} labels"


def _speakers(report: RunReport, corpus: CorpusReport, *, pictures: bool) -> tuple[Block, ...]:
    if not corpus.speakers:
        return (Text("Speakers are unknown.", "note"),)
    found: list[Block] = []
    if pictures and len(corpus.speakers) > 1:
        found.append(
            Figure(
                (speakers_picture(corpus.speakers, whole=corpus.uar, chance=corpus.score("uar", "chance")),),
                "UAR of each speaker. Solid line: UAR over all speakers with its interval; dashed line: chance.",
                "wide",
            )
        )
    if len(corpus.speakers) == 1:
        found.append(Text("There is only one speaker: the variation between speakers is undefined.", "note"))
    labels = [label for label in report.table.labels if label in corpus.present]
    rows = tuple(
        (
            score.speaker,
            str(score.n),
            percent(score.uar),
            percent(score.accuracy),
            *(percent(score.recalls.get(label)) for label in labels),
        )
        for score in corpus.speakers
    )
    found.append(
        ResultTable(
            ("speaker", "n", "UAR", "accuracy", *labels),
            rows,
            caption="Scores of each speaker x 100, lowest UAR first: UAR over the speaker's emotions, accuracy, and "
            "the recall of each emotion.",
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
            percent(spread.mean),
            percent(spread.deviation),
            *(percent(spread.values[seed]) for seed in seeds),
        )
        for spread in corpus.seeds
    )
    table = ResultTable(
        ("metric", "mean", "deviation", *(f"seed {seed}" for seed in seeds)),
        rows,
        caption=f"Mean and sample standard deviation over {len(seeds)} seeds, x 100. They measure the randomness of "
        "training, not the variation between speakers.",
    )
    return (table,)


def _of_100(share: float) -> str:
    return f"{100 * share:.0f}"
