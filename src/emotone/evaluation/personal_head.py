"""A model with a frozen encoder made fit for a user's few labelled clips, in seconds: embeddings once, then heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.library import shipped_names
from emotone.evaluation.personalise import PersonalModel, PersonalScores, division, uar_and_chance
from emotone.evaluation.run import stage_counter
from emotone.fitting.export import TUNED, check_own_name
from emotone.fitting.head_refit import head_for_labels
from emotone.fitting.head_transfer import write_refitted
from emotone.protocols import protocol
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.evaluation.run import Progress
    from emotone.fitting.head_refit import RefittedHead
    from emotone.fitting.head_transfer import ResolvedRefit
    from emotone.scoring.scores import Score
    from emotone.types import Array, Fold, Utterance

SEED = 1


def personalise_head(
    resolved: ResolvedRefit,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    out: Path,
    name: str = "",
    description: str = "",
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> PersonalModel:
    """Score the fit of a head in folds, fit it on all clips, and write the bundle.

    How the head is fitted is selected within the training part of each fold, and on all clips for the bundle (see
    `emotone.fitting.head_refit`). The encoder is not changed.

    Args:
        resolved: a model with a head.
        utterances: with labels from `labels`.
        labels: in the order of the outputs.
        out: folder of the new bundle.
        name: of the model; "" is that of the bundle with `-tuned`.
        description: one sentence; "" states what was fitted.
        workers: processes that compute embeddings.
        progress: called with the progress.

    Raises:
        RunError: too few clips or labels, or a bundle that does not state what it was fitted on.
        UsageError: the name of a shipped model.
        OutputError: the folder can't be written.

    """
    check_own_name(name, shipped=shipped_names())
    counter = stage_counter("embeddings", len(utterances), progress)
    extracted = resolved.extract(utterances, workers=workers, progress=counter)
    clips = extracted.usable(utterances)
    fitted = resolved.fit(clips, extracted.features, labels=labels)
    scores = _scores(resolved, clips, extracted.features, fitted, labels=labels)
    text = "\n".join(f"- {line}" for line in scores.lines())
    write_refitted(
        resolved,
        fitted,
        clips,
        out,
        labels=labels,
        name=name or f"{resolved.bundle.manifest.name}-{TUNED}",
        description=description,
        evaluation=f"Scores in folds, x 100 [95 %]:\n\n{text}",
    )
    return PersonalModel(out, scores, extracted.problems)


def _scores(
    resolved: ResolvedRefit,
    clips: Sequence[Utterance],
    embeddings: Mapping[str, Array],
    fitted: RefittedHead,
    *,
    labels: tuple[str, ...],
) -> PersonalScores:
    """Return the scores in folds of the fit and of the unchanged head."""
    bundle = resolved.bundle
    name, caveat = division(clips)
    plain = head_for_labels(resolved.head, bundle.labels, labels)
    temperature = bundle.manifest.calibration.temperature
    tuned: list[PredictionRow] = []
    unchanged: list[PredictionRow] = []
    for fold in protocol(name).folds(clips, seed=SEED):
        learned, held = {*fold.train, *fold.dev}, set(fold.test)
        found = resolved.fit([one for one in clips if one.key in learned], embeddings, labels=labels)
        tested = [one for one in clips if one.key in held]
        values = np.stack([embeddings[one.key] for one in tested])
        tuned += _rows(tested, fold, found.head.probabilities(values, temperature=found.temperature), name)
        unchanged += _rows(tested, fold, plain.probabilities(values, temperature=temperature), name)
    score, chance = _uar(tuned, labels)
    known = set(labels) <= set(bundle.labels)
    return PersonalScores(
        source=bundle.manifest.name,
        plan="head",
        tuned=score,
        unchanged=_uar(unchanged, labels)[0] if known else None,
        chance=chance,
        caveat=caveat,
        refit=str(fitted.refit),
    )


def _rows(
    tested: Sequence[Utterance], fold: Fold, probabilities: NDArray[np.float64], protocol_name: str
) -> Iterator[PredictionRow]:
    for one, given in zip(tested, probabilities, strict=True):
        yield PredictionRow(
            one.key, one.corpus, protocol_name, fold.name, SEED, one.speaker, one.label, given.tolist(), "head"
        )


def _uar(rows: list[PredictionRow], labels: tuple[str, ...]) -> tuple[Score, float]:
    return uar_and_chance(scores_of(PredictionsTable.from_rows(rows, labels=labels)))
