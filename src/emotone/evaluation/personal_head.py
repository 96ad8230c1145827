"""A model with a frozen encoder made fit for a user's few labelled clips, in seconds: embeddings once, then heads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.read import read_utterance
from emotone.bundles.bundle import write_bundle
from emotone.bundles.library import shipped_names
from emotone.bundles.manifest import LICENCE, TrainingData
from emotone.config import signature
from emotone.errors import AudioError, MissingExtraError, RunError
from emotone.evaluation.personalise import PersonalModel, PersonalScores, division, uar_and_chance
from emotone.evaluation.run import Progress
from emotone.features.store import ExtractionProblem
from emotone.fitting.card import embedding_card
from emotone.fitting.embedding import embedding_of
from emotone.fitting.export import TUNED, check_own_name
from emotone.fitting.head_refit import head_for_labels, refit_head
from emotone.fitting.head_run import HEAD_RUN, HeadRun, load_head_run
from emotone.protocols import protocol
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.fitting.head_refit import RefittedHead
    from emotone.scoring.scores import Score
    from emotone.types import Array, Fold, Utterance

SEED = 1


def personalise_head(
    bundle: Bundle,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    out: Path,
    name: str = "",
    description: str = "",
    progress: Callable[[Progress], None] | None = None,
) -> PersonalModel:
    """Score the fit of a head in folds, fit it on all clips, and write the bundle.

    How the head is fitted is selected within the training part of each fold, and on all clips for the bundle (see
    `emotone.fitting.head_refit`). The encoder is not changed.

    Args:
        bundle: a model with a head.
        utterances: with labels from `labels`.
        labels: in the order of the outputs.
        out: folder of the new bundle.
        name: of the model; "" is that of the bundle with `-tuned`.
        description: one sentence; "" states what was fitted.
        progress: called with the progress.

    Raises:
        RunError: too few clips or labels, or a bundle that does not state what it was fitted on.
        UsageError: the name of a shipped model.
        OutputError: the folder can't be written.

    """
    check_own_name(name, shipped=shipped_names())
    given = name or f"{bundle.manifest.name}-{TUNED}"
    run = load_head_run(bundle.directory)
    clips = _Clips.embedded(bundle, utterances, labels=labels, progress=progress)
    scores, fitted = _scores(bundle, clips)
    digest = signature("refit", bundle.sha256, sorted((one.key, one.label) for one in clips.utterances), list(labels))
    own = HeadRun.of(run.recipe, clips.utterances, labels=labels, signature=digest)
    described = replace(own, recordings=tuple(sorted({*run.recordings, *own.recordings})))
    text = description or f"{', '.join(labels)}: {bundle.manifest.name} fitted further on {len(clips.utterances)} clips"
    threshold = max(bundle.manifest.thresholds.values(), default=0.0)
    manifest = replace(
        bundle.manifest,
        name=given,
        version="1.0.0",
        description=text,
        labels=labels,
        calibration=replace(bundle.manifest.calibration, temperature=fitted.temperature),
        training=TrainingData(tuple(own.corpora), "all speakers", run.recipe.name, digest),
        adaptation=None,
        thresholds=dict.fromkeys(labels, threshold) if threshold else {},
    )
    about = "\n".join(f"- {line}" for line in scores.lines())
    origin = f"{bundle.manifest.name} {bundle.manifest.version}, whose training data are on its own card"
    evaluation = f"The head was fitted further from that of {origin}. Scores in folds, x 100 [95 %]:\n\n{about}"
    signal = bundle.test_signal()
    outputs = bundle.outputs(bundle.feature.compute(signal)[np.newaxis])
    write_bundle(
        out,
        manifest,
        model=bundle.model_bytes(),
        head=fitted.head,
        card=embedding_card(manifest, described, evaluation=evaluation),
        licence=(bundle.directory / LICENCE).read_text(encoding="utf-8"),
        signal=signal,
        probabilities=fitted.head.probabilities(outputs, temperature=fitted.temperature)[0],
        extra={HEAD_RUN: described.to_bytes()},
    )
    return PersonalModel(out, scores, clips.problems)


class _Clips:
    """Clips with their embeddings [clips, values]; those that can't be read are problems."""

    def __init__(
        self,
        utterances: tuple[Utterance, ...],
        values: Array,
        labels: tuple[str, ...],
        problems: tuple[ExtractionProblem, ...],
    ) -> None:
        self.utterances, self.values, self.labels, self.problems = utterances, values, labels, problems
        self.truth = np.array([labels.index(one.label) for one in utterances], np.int64)
        self.speakers = np.array([one.speaker for one in utterances])
        self.places = {one.key: number for number, one in enumerate(utterances)}

    @classmethod
    def embedded(
        cls,
        bundle: Bundle,
        utterances: Sequence[Utterance],
        *,
        labels: tuple[str, ...],
        progress: Callable[[Progress], None] | None,
    ) -> _Clips:
        used, values, problems = [], [], []
        for done, one in enumerate(utterances, start=1):
            try:
                values.append(embedding_of(bundle, read_utterance(one, rate=bundle.feature.rate)))
                used.append(one)
            except (AudioError, MissingExtraError) as error:
                problems.append(ExtractionProblem.of(one, error))
            if progress is not None:
                progress(Progress("embeddings", done, len(utterances)))
        if not used:
            raise RunError("none of the clips can be used")
        return cls(tuple(used), np.stack(values).astype(np.float32), labels, tuple(problems))

    def fit(self, bundle: Bundle, chosen: NDArray[np.intp]) -> RefittedHead:
        """Return the head fitted on the clips in these places."""
        assert bundle.head is not None  # noqa: S101 - checked before
        return refit_head(
            head_for_labels(bundle.head, bundle.labels, self.labels),
            self.values[chosen],
            self.truth[chosen],
            self.speakers[chosen],
            temperature=bundle.manifest.calibration.temperature,
            new_labels=not set(self.labels) <= set(bundle.labels),
        )


def _scores(bundle: Bundle, clips: _Clips) -> tuple[PersonalScores, RefittedHead]:
    """Return the scores in folds, and the head that is fitted on all clips."""
    name, caveat = division(clips.utterances)
    folds = tuple(protocol(name).folds(clips.utterances, seed=SEED))
    tuned, unchanged = [], []
    assert bundle.head is not None  # noqa: S101 - checked before
    plain = head_for_labels(bundle.head, bundle.labels, clips.labels)
    for fold in folds:
        chosen = np.array([clips.places[key] for key in (*fold.train, *fold.dev)])
        tested = np.array([clips.places[key] for key in fold.test])
        found = clips.fit(bundle, chosen)
        values = clips.values[tested]
        tuned += _rows(clips, fold, tested, found.head.probabilities(values, temperature=found.temperature), name)
        temperature = bundle.manifest.calibration.temperature
        unchanged += _rows(clips, fold, tested, plain.probabilities(values, temperature=temperature), name)
    score, chance = _uar(tuned, clips.labels)
    known = set(clips.labels) <= set(bundle.labels)
    fitted = clips.fit(bundle, np.arange(len(clips.utterances)))
    scores = PersonalScores(
        source=bundle.manifest.name,
        plan="head",
        tuned=score,
        unchanged=_uar(unchanged, clips.labels)[0] if known else None,
        chance=chance,
        caveat=caveat,
        refit=str(fitted.refit),
    )
    return scores, fitted


def _rows(
    clips: _Clips, fold: Fold, tested: NDArray[np.intp], probabilities: NDArray[np.float64], protocol_name: str
) -> list[PredictionRow]:
    return [
        PredictionRow(
            one.key, one.corpus, protocol_name, fold.name, SEED, one.speaker, one.label, given.tolist(), "head"
        )
        for one, given in zip((clips.utterances[at] for at in tested), probabilities, strict=True)
    ]


def _uar(rows: list[PredictionRow], labels: tuple[str, ...]) -> tuple[Score, float]:
    return uar_and_chance(scores_of(PredictionsTable.from_rows(rows, labels=labels)))
