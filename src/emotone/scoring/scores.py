"""Scores from the predictions table and nothing else, each with what one must know to believe it.

What is here:
    scores_of           UAR, accuracy and macro-F1 of every corpus, with intervals clustered by speaker, beside chance
                        and the majority baseline; of a detector also AU-ROC over clips and windows, and EER; of a
                        system that judges clips in segments also its accuracies by segment and by clip
    confusion_of        a corpus's confusion matrix
    scores_markdown, confusion_markdown     the same as Markdown, for pages and terminals
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emotone.errors import RunError
from emotone.metrics import base
from emotone.metrics.classification import confusion_matrix
from emotone.metrics.intervals import REPLICATES, Interval, bootstrap, matrices_by_speaker
from emotone.scoring.detection import positive_of
from emotone.scoring.detection_scores import AUROC, EER, GUESSING, WINDOW_AUROC, Measured, detection_scores
from emotone.scoring.independence import by_protocol
from emotone.scoring.segments import SEGMENT_TITLES, has_segments, segment_scores
from emotone.scoring.table_checks import WHOLE, check_single

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from emotone.scoring.table import PredictionsTable

Setting: TypeAlias = Literal["system", "chance", "majority"]
FOLD_MEAN = "uar-fold-mean"
NO_INTERVAL = Interval(None, None)  # of the baselines, which are no estimates
TITLES = {
    "uar": "UAR",
    "accuracy": "accuracy",
    "macro-f1": "macro-F1",
    FOLD_MEAN: "UAR, mean over folds",
    AUROC: "AU-ROC",
    WINDOW_AUROC: "AU-ROC of windows",
    EER: "EER (less is better)",
    **SEGMENT_TITLES,
}


@dataclass(frozen=True, slots=True)
class Score:
    """One number about one corpus, and what it rests on.

    Attributes:
        metric: "uar", "accuracy", "macro-f1" (all pooled over folds and seeds) or "uar-fold-mean"; of a detector also
            "au-roc", "window-au-roc" and "eer"; of segments those of `emotone.scoring.segments`.
        corpus: registry name.
        value: in [0, 1], or None where it is undefined, as AU-ROC is where there is one class only; `note` says why.
        low: lower end of the 95 % interval clustered by speaker, or None; `note` says why.
        high: upper end, or None.
        n: different utterances, or windows.
        speakers: different speakers; 0 where a speaker is not known.
        protocol: name.
        seeds: trainings that are pooled.
        speaker_independent: whether no tested speaker was trained on; None where the protocol's name does not tell.
        folds: different folds.
        setting: "system"; "chance" = labels of this corpus guessed with equal probability; "majority" = always the
            most frequent label of this corpus's truth, which is more than a system could know.
        note: what else one must know.

    """

    metric: str
    corpus: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    speakers: int
    protocol: str
    seeds: int
    speaker_independent: bool | None
    folds: int
    setting: Setting = "system"
    note: str = ""

    @property
    def number(self) -> float:
        """The value of a score that is always defined, as UAR, accuracy and macro-F1 are.

        Raises:
            RunError: it is undefined after all.

        """
        if self.value is None:
            raise RunError(f"{self.metric} of {self.corpus} has no value: {self.note or 'undefined'}")
        return self.value

    @property
    def text(self) -> str:
        """The value times 100, with its interval where there is one: "79.8 [74.6, 83.8]"; or "undefined"."""
        if self.value is None:
            return "undefined"
        return with_interval(self.value, self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """Return the row that `emotone evaluate --json` and `emotone reproduce --json` share; nothing is published."""
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


def with_interval(value: float, low: float | None, high: float | None, *, sign: str = "") -> str:
    """Return a value times 100, with its interval where there is one; `sign` is that of a format, e.g. "+"."""
    text = f"{100 * value:{sign}.1f}"
    if low is None or high is None:
        return text
    return f"{text} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def scores_of(
    table: PredictionsTable,
    *,
    speaker_independent: bool | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> list[Score]:
    """Return the scores of every corpus in the table, in the order of corpora.

    They are of its whole-utterance rows; only a detector's "window-au-roc" and the accuracies of segments look at
    windows. Several seeds are pooled: each is one more answer about the same utterances, and `n` does not count them
    twice.

    Args:
        table: of one system under one protocol.
        speaker_independent: whether the protocol keeps speakers apart; None looks the protocol's name up.
        seed: of the intervals' draws; the same table and seed give the same intervals.
        replicates: of the intervals.

    Raises:
        RunError: no whole-utterance rows, or several systems or protocols.

    Example:
        >>> from emotone.scoring.table import PredictionRow, PredictionsTable
        >>> rows = [PredictionRow(f"toy/{i}", "toy", "speaker-folds-2", f"fold-{i % 2}", 0, f"s{i % 2}", truth,
        ...                       [0.9, 0.1], "f00d") for i, truth in enumerate(["fear", "fear", "joy", "fear"])]
        >>> for score in scores_of(PredictionsTable.from_rows(rows, labels=["fear", "joy"]))[:2]:
        ...     print(score.metric, score.value, score.n, score.speakers)
        uar 0.5 4 2
        accuracy 0.75 4 2

    """
    whole = _one_system(table)
    if speaker_independent is None:
        speaker_independent = by_protocol(str(whole.protocol[0]))
    found: list[Score] = []
    for corpus in whole.corpora:
        part = whole.of_corpus(corpus)
        for setting, measured in _measured(part, table, seed=seed, replicates=replicates):
            found.append(
                Score(
                    metric=measured.metric,
                    corpus=corpus,
                    value=measured.value,
                    low=measured.interval.low,
                    high=measured.interval.high,
                    n=measured.n,
                    speakers=0 if (part.speaker == "").any() else len(np.unique(part.speaker)),
                    protocol=str(part.protocol[0]),
                    seeds=len(np.unique(part.seed)),
                    speaker_independent=speaker_independent,
                    folds=len(np.unique(part.fold)),
                    setting=setting,
                    note=measured.interval.reason,
                )
            )
    return found


def confusion_of(table: PredictionsTable, corpus: str) -> NDArray[np.int64]:
    """Return the counts [labels, labels] of one corpus, row = truth, pooled over folds and seeds.

    Raises:
        RunError: no whole-utterance rows, or several systems or protocols.
        UnknownNameError: the table has no such corpus.

    """
    part = _one_system(table).of_corpus(corpus)
    return confusion_matrix(part.truth, part.prediction, labels=part.labels)


def scores_markdown(scores: Sequence[Score]) -> str:
    """Return scores as a Markdown table, times 100, with intervals in brackets, notes below, and no final newline."""
    header = (
        "| corpus | setting | metric | x 100 [95 %] | n | speakers | protocol | folds | seeds | speaker-independent |"
    )
    lines = [header, "|" + " --- |" * header.count("| ")]
    for score in scores:
        independent = {True: "yes", False: "NO", None: "not known"}[score.speaker_independent]
        cells = (
            score.corpus,
            score.setting,
            TITLES.get(score.metric, score.metric),
            score.text,
            score.n,
            score.speakers or "not known",
            score.protocol,
            score.folds,
            score.seeds,
            independent,
        )
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    notes = dict.fromkeys(f"{score.corpus}: {score.note}" for score in scores if score.note)
    return "\n".join([*lines, *(f"\n{note}" for note in notes)])


def confusion_markdown(matrix: NDArray[np.int64], *, labels: Sequence[str]) -> str:
    """Return a confusion matrix as a Markdown table with each label's recall, without final newline.

    Rows are truth; a label that is neither true nor predicted is left out.
    """
    recalls = base.recalls(matrix.astype(np.float64))
    used = [index for index in range(len(labels)) if matrix[index].any() or matrix[:, index].any()]
    lines = [
        "| truth \\ prediction | " + " | ".join(labels[index] for index in used) + " | recall x 100 |",
        "|" + " --- |" * (len(used) + 2),
    ]
    for row in used:
        recall = "-" if np.isnan(recalls[row]) else f"{100 * recalls[row]:.1f}"
        lines.append(f"| {labels[row]} | " + " | ".join(str(matrix[row, column]) for column in used) + f" | {recall} |")
    return "\n".join(lines)


def _one_system(table: PredictionsTable) -> PredictionsTable:
    """Return the whole-utterance rows, which must be of one system and one protocol."""
    whole = table.whole_utterances()
    if len(whole) == 0:
        raise RunError("there is nothing to score: the predictions table has no row for a whole utterance")
    check_single(table, holder="the predictions table", verb="score")
    return whole


def _measured(
    part: PredictionsTable, table: PredictionsTable, *, seed: int, replicates: int
) -> Iterator[tuple[Setting, Measured]]:
    """Give the scores of one corpus, whose whole utterances are `part`, setting by setting."""
    n = len(np.unique(part.utterance))
    intervals = _intervals(part, seed=seed, replicates=replicates)
    for setting, values in (("system", _values(part)), *_baselines(part)):
        for metric, value in values.items():
            yield setting, Measured(metric, value, intervals[metric] if setting == "system" else NO_INTERVAL, n)
    windows = table.where((table.segment != WHOLE) & (table.corpus == part.corpus[0]))
    if has_segments(windows):
        measured, always = segment_scores(windows, part, seed=seed, replicates=replicates)
        yield from (("system", found) for found in measured)
        for found in measured:
            yield "majority", Measured(found.metric, always[found.metric], NO_INTERVAL, found.n)
    positive = positive_of(part.labels)
    if positive is None:
        return
    detection = detection_scores(part, windows, positive=positive, seed=seed, replicates=replicates)
    yield from (("system", found) for found in detection)
    for found in detection:
        if found.value is not None:
            yield "chance", Measured(found.metric, GUESSING, NO_INTERVAL, found.n)


def _values(part: PredictionsTable) -> dict[str, float]:
    matrix = confusion_matrix(part.truth, part.prediction, labels=part.labels).astype(np.float64)
    values: dict[str, float] = {metric: float(base.statistic(metric)(matrix)) for metric in base.METRIC_NAMES}
    if len(np.unique(part.fold)) > 1:
        values[FOLD_MEAN] = float(_fold_mean(_by_speaker_and_fold(part).sum(axis=0)))
    return values


def _baselines(part: PredictionsTable) -> tuple[tuple[Setting, dict[str, float]], ...]:
    labels, counts = np.unique(part.truth, return_counts=True)
    guessed = 1 / len(labels)
    majority = np.full(len(part), labels[counts.argmax()])
    matrix = confusion_matrix(part.truth, majority, labels=part.labels).astype(np.float64)
    always: dict[str, float] = {metric: float(base.statistic(metric)(matrix)) for metric in base.METRIC_NAMES}
    return ("chance", {"uar": guessed, "accuracy": guessed}), ("majority", always)


def _intervals(part: PredictionsTable, *, seed: int, replicates: int) -> dict[str, Interval]:
    """Return every metric's interval. All start from one seed, so they rest on the same draws of speakers."""
    truth, prediction = base.paired_codes(part.truth, part.prediction, labels=part.labels)
    matrices, reason = matrices_by_speaker(truth, prediction, part.speaker, size=len(part.labels))
    if matrices is None:
        return dict.fromkeys((*base.METRIC_NAMES, FOLD_MEAN), Interval(None, None, reason))
    found: dict[str, Interval] = {
        metric: bootstrap(matrices, base.statistic(metric), rng=np.random.default_rng(seed), replicates=replicates)
        for metric in base.METRIC_NAMES
    }
    if len(np.unique(part.fold)) > 1:
        clusters = _by_speaker_and_fold(part)
        found[FOLD_MEAN] = bootstrap(clusters, _fold_mean, rng=np.random.default_rng(seed), replicates=replicates)
    return found


def _by_speaker_and_fold(part: PredictionsTable) -> NDArray[np.float64]:
    """Return [speakers, folds x seeds, labels^2 + 1]: a flat confusion matrix, and the speaker's share of the fold.

    The shares of one fold sum to 1 over its speakers. Drawing speakers anew, a fold then weighs as much as was drawn of
    it: 1 in the table as it is, 2 in leave-one-speaker-out when its speaker comes twice, 0 when nobody of it comes.
    """
    truth, prediction = base.paired_codes(part.truth, part.prediction, labels=part.labels)
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
    recalls = base.uar(cells[..., :-1].reshape(*cells.shape[:-1], size, size))
    weights: NDArray[np.float64] = cells[..., -1]
    # A fold of which nobody was drawn has no UAR and weighs nothing.
    total: NDArray[np.float64] = (np.nan_to_num(recalls) * weights).sum(axis=-1)
    return np.asarray(total / weights.sum(axis=-1))
