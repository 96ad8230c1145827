"""Scores of a predictions table, with confidence intervals and baselines.

Contents:
    scores_of           UAR, accuracy and macro-F1 of every corpus, with intervals clustered by speaker and the chance
                        and majority baselines; for detectors also AU-ROC over clips and windows, and EER; for systems
                        that predict segments also the segment and clip accuracies
    confusion_of        the confusion matrix of a corpus
    scores_table, confusion_table       the same as tables
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emotone.errors import RunError
from emotone.inference.segments import positive_of
from emotone.metrics.classification import METRIC_NAMES, confusion_matrix, paired_codes, recalls, statistic, uar
from emotone.metrics.intervals import REPLICATES, Estimate, bootstraps, count_speakers, matrices_by_speaker
from emotone.metrics.intervals_detection import DetectorScores, auroc_estimate, eer_estimate
from emotone.scoring.finished_run import protocol_is_independent
from emotone.scoring.predictions import check_single
from emotone.scoring.result_table import INDEPENDENT, ResultTable, format_estimate, percent
from emotone.scoring.segments import SEGMENT_TITLES, majority_accuracies, segment_estimates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from emotone.metrics.classification import Statistic
    from emotone.scoring.predictions import PredictionsTable

Setting: TypeAlias = Literal["system", "chance", "majority"]
AUROC, WINDOW_AUROC, EER = "au-roc", "window-au-roc", "eer"
FOLD_MEAN = "uar-fold-mean"
CHANCE = 0.5  # AU-ROC and EER of random scores
TITLES = {
    "uar": "UAR",
    "accuracy": "accuracy",
    "macro-f1": "macro-F1",
    FOLD_MEAN: "UAR, mean over folds",
    AUROC: "AU-ROC",
    WINDOW_AUROC: "AU-ROC of windows",
    EER: "EER (lower is better)",
    **SEGMENT_TITLES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score(Estimate):
    """An estimate of one metric on one corpus, with the setting it was measured in.

    Attributes:
        metric: "uar", "accuracy", "macro-f1" (pooled over folds and seeds) or "uar-fold-mean"; for detectors also
            "au-roc", "window-au-roc" and "eer"; for segments those of `emotone.scoring.segments`.
        corpus: registry name.
        protocol: name.
        speaker_independent: whether no tested speaker is in the training data; None if unknown.
        folds: number of folds.
        setting: "system"; "chance": labels of this corpus drawn with equal probability; "majority": always the most
            frequent label of the tested data, which no system knows.

    """

    metric: str
    corpus: str
    protocol: str
    speaker_independent: bool | None
    folds: int
    setting: Setting = "system"

    @property
    def number(self) -> float:
        """The value of a score that is always defined, such as UAR, accuracy and macro-F1.

        Raises:
            RunError: the value is undefined.

        """
        if self.value is None:
            raise RunError(f"{self.metric} of {self.corpus} has no value: {self.note or 'undefined'}")
        return self.value

    @property
    def text(self) -> str:
        """The value times 100 with its interval, if any: "79.8 [74.6, 83.8]"; or "undefined"."""
        return format_estimate(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the row of `emotone evaluate --json` and `emotone reproduce --json`, without a published value."""
        return {
            "setting": self.setting,
            "corpus": self.corpus,
            "metric": self.metric,
            "published": None,
            "ours": {
                "value": self.value,
                "low": self.low,
                "high": self.high,
                "n": self.n,
                "speakers": self.speakers,
                "seeds": self.seeds,
            },
            "protocol": self.protocol,
            "speaker_independent": self.speaker_independent,
            "status": None,
            "folds": self.folds,
            "note": self.note,
        }


def scores_of(
    table: PredictionsTable,
    *,
    speaker_independent: bool | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
    metrics: Collection[str] | None = None,
) -> list[Score]:
    """Return the scores of every corpus in the table, by corpus.

    They are computed from the rows of whole utterances; only "window-au-roc" and the segment and clip accuracies use
    windows. Seeds are pooled: each contributes one prediction per utterance, and `n` counts every utterance once.

    Args:
        table: of one system under one protocol.
        speaker_independent: whether the protocol keeps speakers apart; None looks it up by the protocol's name.
        seed: of the intervals; the same table and seed give the same intervals.
        replicates: of the intervals.
        metrics: those that are needed; only the system's own scores are computed then, without baselines.

    Raises:
        RunError: no row of a whole utterance, or several systems or protocols.

    Example:
        >>> from emotone.scoring.predictions import PredictionRow, PredictionsTable
        >>> rows = [PredictionRow(f"toy/{i}", "toy", "speaker-folds-2", f"fold-{i % 2}", 0, f"s{i % 2}", truth,
        ...                       [0.9, 0.1], "f00d") for i, truth in enumerate(["fear", "fear", "joy", "fear"])]
        >>> for score in scores_of(PredictionsTable.from_rows(rows, labels=["fear", "joy"]))[:2]:
        ...     print(score.metric, score.value, score.n, score.speakers)
        uar 0.5 4 2
        accuracy 0.75 4 2

    """
    whole = _one_system(table)
    if speaker_independent is None:
        speaker_independent = protocol_is_independent(str(whole.protocol[0]))
    wanted = frozenset(TITLES if metrics is None else metrics)
    found = []
    for corpus in whole.corpora:
        part = whole.of_corpus(corpus)
        speakers, seeds, folds = count_speakers(part.speaker), len(np.unique(part.seed)), len(np.unique(part.fold))
        found += [
            Score(
                metric=metric,
                corpus=corpus,
                value=estimate.value,
                low=estimate.low,
                high=estimate.high,
                n=estimate.n,
                speakers=speakers,
                protocol=str(part.protocol[0]),
                seeds=seeds,
                speaker_independent=speaker_independent,
                folds=folds,
                setting=setting,
                note=estimate.note,
            )
            for setting, metric, estimate in _estimates(part, table, wanted, seed=seed, replicates=replicates)
            if metrics is None or setting == "system"
        ]
    return found


def confusion_of(table: PredictionsTable, corpus: str) -> NDArray[np.int64]:
    """Return the counts [labels, labels] of one corpus, row = truth, pooled over folds and seeds.

    Raises:
        RunError: no row of a whole utterance, or several systems or protocols.
        UnknownNameError: the table has no such corpus.

    """
    part = _one_system(table).of_corpus(corpus)
    return confusion_matrix(part.truth, part.prediction, labels=part.labels)


def scores_table(scores: Sequence[Score]) -> ResultTable:
    """Return scores times 100 with their intervals; the notes of the scores are those of the table."""
    columns = (
        *("corpus", "setting", "metric", "x 100 [95 %]", "n", "speakers"),
        *("protocol", "folds", "seeds", "speaker-independent"),
    )
    rows = tuple(
        (
            score.corpus,
            score.setting,
            TITLES.get(score.metric, score.metric),
            score.text,
            str(score.n),
            str(score.speakers or "unknown"),
            score.protocol,
            str(score.folds),
            str(score.seeds),
            INDEPENDENT[score.speaker_independent],
        )
        for score in scores
    )
    notes = dict.fromkeys(f"{score.corpus}: {score.note}" for score in scores if score.note)
    return ResultTable(columns, rows, notes=tuple(notes))


def confusion_table(matrix: NDArray[np.int64], *, labels: Sequence[str]) -> ResultTable:
    """Return a confusion matrix with the recall of each label; labels without any count are omitted."""
    by_label = recalls(matrix.astype(np.float64))
    used = [index for index in range(len(labels)) if matrix[index].any() or matrix[:, index].any()]
    rows = tuple(
        (
            labels[row],
            *(str(matrix[row, column]) for column in used),
            percent(None if np.isnan(by_label[row]) else float(by_label[row])),
        )
        for row in used
    )
    return ResultTable(("truth \\ prediction", *(labels[index] for index in used), "recall x 100"), rows)


def _one_system(table: PredictionsTable) -> PredictionsTable:
    """Return the rows of whole utterances, of one system and one protocol."""
    whole = table.whole_utterances()
    if len(whole) == 0:
        raise RunError("nothing to score: the predictions table has no row of a whole utterance")
    check_single(table, holder="the predictions table", verb="score")
    return whole


def _estimates(
    part: PredictionsTable, table: PredictionsTable, wanted: frozenset[str], *, seed: int, replicates: int
) -> Iterator[tuple[Setting, str, Estimate]]:
    """Yield setting, metric and estimate for the corpus whose whole utterances are `part`, of the wanted metrics."""
    n = len(np.unique(part.utterance))
    for metric, estimate in _of_labels(part, wanted, seed=seed, replicates=replicates).items():
        yield "system", metric, replace(estimate, n=n)
    for setting, values in _baselines(part):
        for metric, value in values.items():
            if metric in wanted:
                yield setting, metric, Estimate(value=value, n=n)
    positive = positive_of(part.labels)
    if wanted.isdisjoint(SEGMENT_TITLES if positive is None else (AUROC, WINDOW_AUROC, EER)):
        return
    windows = table.of_corpus(str(part.corpus[0])).windows()
    found: dict[str, Estimate] = {}
    if positive is not None:
        found = _of_detector(part, windows, wanted, positive=positive, seed=seed, replicates=replicates)
        baseline: Setting = "chance"
        values = {metric: CHANCE for metric, estimate in found.items() if estimate.value is not None}
    elif len(windows):
        found = segment_estimates(windows, part, seed=seed, replicates=replicates)
        found = {metric: estimate for metric, estimate in found.items() if metric in wanted}
        baseline, values = "majority", majority_accuracies(windows)
    for metric, estimate in found.items():
        yield "system", metric, estimate
    for metric in found:
        if metric in values:
            yield baseline, metric, Estimate(value=values[metric], n=found[metric].n)


def _baselines(part: PredictionsTable) -> tuple[tuple[Setting, dict[str, float]], ...]:
    labels, counts = np.unique(part.truth, return_counts=True)
    majority = np.full(len(part), labels[counts.argmax()])
    matrix = confusion_matrix(part.truth, majority, labels=part.labels).astype(np.float64)
    always = {str(metric): float(statistic(metric)(matrix)) for metric in METRIC_NAMES}
    return ("chance", dict.fromkeys(("uar", "accuracy"), 1 / len(labels))), ("majority", always)


def _of_labels(part: PredictionsTable, wanted: frozenset[str], *, seed: int, replicates: int) -> dict[str, Estimate]:
    """Return the wanted metrics of predicted labels. Intervals use one seed, and so the same draws of speakers."""
    names = [metric for metric in METRIC_NAMES if metric in wanted]
    by_fold = FOLD_MEAN in wanted and len(np.unique(part.fold)) > 1
    codes = paired_codes(part.truth, part.prediction, labels=part.labels)
    matrices, note = matrices_by_speaker(*codes, part.speaker, size=len(part.labels))
    clusters = matrices
    if clusters is None:
        clusters = confusion_matrix(part.truth, part.prediction, labels=part.labels).astype(np.float64)[None]
    terms: list[tuple[NDArray[np.float64], dict[str, Statistic]]] = []
    if names:
        terms.append((clusters, {metric: statistic(metric) for metric in names}))
    if by_fold:
        terms.append((_by_speaker_and_fold(part), {FOLD_MEAN: _fold_mean}))
    found: dict[str, Estimate] = {}
    for sums, scores in terms:
        if matrices is None:
            found |= {name: Estimate(value=float(score(sums.sum(axis=0))), note=note) for name, score in scores.items()}
        else:
            found |= bootstraps(sums, scores, rng=np.random.default_rng(seed), replicates=replicates)
    return found


def _of_detector(
    whole: PredictionsTable,
    windows: PredictionsTable,
    wanted: frozenset[str],
    *,
    positive: str,
    seed: int,
    replicates: int,
) -> dict[str, Estimate]:
    """Return the AU-ROC of clips, and of windows if there are any, and the equal error rate of clips, where wanted.

    Rows are ranked across folds and seeds: one threshold applies to all.
    """
    parts = [(AUROC, whole, auroc_estimate), (WINDOW_AUROC, windows, auroc_estimate), (EER, whole, eer_estimate)]
    found = {}
    for metric, part, estimate in parts:
        if len(part) == 0 or metric not in wanted:
            continue
        entries = detector_scores(part, positive, what="windows" if part is windows else "clips")
        present, n = np.unique(part.truth), _count_items(part)
        if len(present) == 1:
            note = f"undefined: every {entries.what[:-1]} is '{present[0]}'"
            found[metric] = Estimate(value=None, n=n, note=note)
        else:
            found[metric] = replace(estimate(entries, rng=np.random.default_rng(seed), replicates=replicates), n=n)
    return found


def detector_scores(part: PredictionsTable, positive: str, *, what: str) -> DetectorScores:
    """Return truth, probabilities of the positive label, and speakers of some rows."""
    column = part.labels.index(positive)
    return DetectorScores(part.truth == positive, part.probabilities[:, column], part.speaker, what)


def _count_items(part: PredictionsTable) -> int:
    """Return the number of different clips or windows, each counted once for all seeds."""
    utterance = np.unique(part.utterance, return_inverse=True)[1].reshape(-1)
    return len(np.unique(np.stack([utterance, part.segment]), axis=1).T)


def _by_speaker_and_fold(part: PredictionsTable) -> NDArray[np.float64]:
    """Return [speakers, folds x seeds, labels^2 + 1]: a flat confusion matrix, and the speaker's share of the fold.

    The shares of one fold sum to 1 over its speakers, so the weight of a fold in a bootstrap replicate is the share of
    it that was drawn: 1 in the original table; in leave-one-speaker-out, 2 if its speaker is drawn twice, 0 if never.
    """
    truth, prediction = paired_codes(part.truth, part.prediction, labels=part.labels)
    speakers = np.unique(part.speaker, return_inverse=True)[1].reshape(-1)
    folds = np.unique(part.fold, return_inverse=True)[1].reshape(-1)
    seeds = np.unique(part.seed, return_inverse=True)[1].reshape(-1)
    cells = folds * (seeds.max() + 1) + seeds
    cells = np.unique(cells, return_inverse=True)[1].reshape(-1)
    size, shape = len(part.labels), (int(speakers.max()) + 1, int(cells.max()) + 1)
    flat = ((speakers * shape[1] + cells) * size + truth) * size + prediction
    counts = np.bincount(flat, minlength=shape[0] * shape[1] * size * size).reshape(*shape, size * size)
    present = (counts.sum(axis=2) > 0).astype(np.float64)
    return np.concatenate([counts, (present / present.sum(axis=0))[:, :, None]], axis=2)


def _fold_mean(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean [...] of the folds' UAR, weighted by the last number of each of `cells` [..., folds, numbers]."""
    size = round((cells.shape[-1] - 1) ** 0.5)
    recalls = uar(cells[..., :-1].reshape(*cells.shape[:-1], size, size))
    weights: NDArray[np.float64] = cells[..., -1]
    # A fold without drawn speakers has no UAR and weight 0.
    total: NDArray[np.float64] = (np.nan_to_num(recalls) * weights).sum(axis=-1)
    return np.asarray(total / weights.sum(axis=-1))
