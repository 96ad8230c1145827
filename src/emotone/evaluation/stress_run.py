"""A stress run: the labels of a model on recordings, unchanged and in every setting of every perturbation.

Everything random depends on the seed, the recording's key and the setting only: neither the other settings nor the
order of recordings change a result. Babble depends on the recordings of other speakers that are given.
The recordings are selected from labelled or unlabelled ones, or are the examples of the package.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import emotone
from emotone.audio.read import read_utterance
from emotone.augment.perturbation import PERTURBATIONS, Scene
from emotone.corpora.labels import UNKNOWN
from emotone.errors import AudioError, MissingExtraError, RunError, UsageError
from emotone.features.store import ExtractionProblem
from emotone.inference.recordings import model_info
from emotone.protocols.base import grouped, keys, shuffled
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from emotone.inference.model import Model
    from emotone.inference.result import ModelInfo
    from emotone.inference.segments import Clip
    from emotone.types import Array, Hertz

EXAMPLES = "examples"
RECORDINGS = "recordings"
"""Corpus name of recordings without labels."""

UNCHANGED = "unchanged"
"""Name of the perturbation of outcomes for unchanged recordings."""


def unlabelled(paths: Iterable[str | Path]) -> tuple[Utterance, ...]:
    """Return whole recordings without label, each with an unknown speaker."""
    return tuple(
        Utterance(
            id=str(path),
            corpus=RECORDINGS,
            path=Path(path),
            start=0.0,
            end=None,
            speaker="",
            session="",
            label=UNKNOWN,
        )
        for path in paths
    )


def example_recordings() -> tuple[Path, ...]:
    """Return the synthetic recordings that are installed with the package or stored next to its source; () if none."""
    package = Path(emotone.__file__).resolve().parent
    folders = (package / EXAMPLES, package.parents[1] / EXAMPLES)
    return next((found for folder in folders if (found := tuple(sorted(folder.glob("*.flac"))))), ())


def sample(utterances: Sequence[Utterance], count: int, *, seed: int = 0) -> tuple[Utterance, ...]:
    """Return at most `count` utterances, spread evenly over corpora and speakers, in their given order.

    The choice depends on the keys and the seed only, not on the order.
    """
    strata = grouped(utterances, lambda utterance: utterance.speaker_key)
    queues = [shuffled(keys(stratum), seed=seed, purpose="stress") for stratum in strata.values()]
    place = {key: number for queue in queues for number, key in enumerate(queue)}
    # Within a round of one recording per speaker, the order is random: few recordings come from many corpora.
    order = sorted(shuffled(place, seed=seed, purpose="round"), key=place.__getitem__)
    kept = set(order[:count])
    return tuple(utterance for utterance in utterances if utterance.key in kept)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The label of one recording in one setting.

    Attributes:
        utterance: `Utterance.key`.
        corpus: registry name.
        speaker: `Utterance.speaker_key`; "" if unknown.
        truth: the label of the corpus; "" if unknown.
        perturbation: its registry name; `UNCHANGED` for the recording itself.
        setting: of the perturbation; "" for the recording itself.
        label: the prediction; "" where no speech is found.
        confidence: probability of the label in [0, 1]; 0 where no speech is found.

    """

    utterance: str
    corpus: str
    speaker: str
    truth: str
    perturbation: str
    setting: str
    label: str
    confidence: float


@dataclass(frozen=True)
class StressRun:
    """All outcomes of a model.

    Attributes:
        model: name, version and hash.
        labels: emotion names in the order of the model.
        seed: of everything random.
        settings: (perturbation, setting) in the order of tables.
        outcomes: of every usable recording, unchanged and in every setting that applies to it.
        problems: recordings that can't be read.
        silent: keys of recordings in which no speech is found; they are left out.

    """

    model: ModelInfo
    labels: tuple[str, ...]
    seed: int
    settings: tuple[tuple[str, str], ...]
    outcomes: tuple[Outcome, ...]
    problems: tuple[ExtractionProblem, ...]
    silent: tuple[str, ...]


def stress(
    model: Model,
    utterances: Sequence[Utterance],
    *,
    settings: Sequence[tuple[str, str]],
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> StressRun:
    """Return the labels of a model on recordings, unchanged and perturbed.

    Args:
        model: any bundle.
        utterances: recordings; those with the label "unknown" count for changes only, not for UAR.
        settings: pairs of perturbation and setting, see `emotone.augment.perturbation.chosen`.
        seed: of everything random.
        progress: called with 1 after each recording, when all its settings are done.

    Raises:
        UsageError: no recording.
        RunError: no recording can be read, or none contains speech.
        BundleError: the model can't be run.

    """
    if not utterances:
        raise UsageError("no recordings to test; pass files, a folder, or --corpus NAME=DIR")
    outcomes: list[Outcome] = []
    problems: list[ExtractionProblem] = []
    silent: list[str] = []
    for utterance in utterances:
        try:
            signal = read_utterance(utterance, rate=model.bundle.feature.rate)
            clip = _predicted(model, signal)
        except (AudioError, MissingExtraError) as error:
            problems.append(ExtractionProblem.of(utterance, error))
        else:
            if clip.label is None:
                silent.append(utterance.key)
            else:
                others = _others(utterance, utterances, settings=settings, rate=model.bundle.feature.rate, seed=seed)
                outcomes.append(_outcome(utterance, clip, UNCHANGED, ""))
                outcomes += _perturbed(model, utterance, signal, others, settings=settings, seed=seed)
        if progress is not None:
            progress(1)
    if not outcomes:
        reason = problems[0].message if problems else f"no speech is found in {silent[0]}"
        raise RunError(f"none of {len(utterances)} recordings can be used; the first reason: {reason}")
    return StressRun(
        model_info(model.bundle), model.labels, seed, tuple(settings), tuple(outcomes), tuple(problems), tuple(silent)
    )


def _perturbed(
    model: Model,
    utterance: Utterance,
    signal: Array,
    others: tuple[Array, ...],
    *,
    settings: Sequence[tuple[str, str]],
    seed: int,
) -> list[Outcome]:
    """Return the outcomes of one recording in every setting that applies to it."""
    outcomes = []
    for name, setting in settings:
        perturbation = PERTURBATIONS.get(name)
        if len(others) < perturbation.min_others:
            continue
        scene = Scene(model.bundle.feature.rate, _generator(seed, utterance.key, name, setting), others)
        clip = _predicted(model, perturbation.apply(signal, setting, scene))
        outcomes.append(_outcome(utterance, clip, name, setting))
    return outcomes


def _predicted(model: Model, signal: Array) -> Clip:
    return model.predict(signal, rate=model.bundle.feature.rate).clip


def _outcome(utterance: Utterance, clip: Clip, perturbation: str, setting: str) -> Outcome:
    return Outcome(
        utterance=utterance.key,
        corpus=utterance.corpus,
        speaker=utterance.speaker_key if utterance.speaker else "",
        truth="" if utterance.label == UNKNOWN else utterance.label,
        perturbation=perturbation,
        setting=setting,
        label=clip.label or "",
        confidence=clip.confidence or 0.0,
    )


def _generator(*parts: object) -> np.random.Generator:
    """Return a generator whose draws depend on the parts only."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def _others(
    utterance: Utterance,
    utterances: Sequence[Utterance],
    *,
    settings: Sequence[tuple[str, str]],
    rate: Hertz,
    seed: int,
) -> tuple[Array, ...]:
    """Return as many recordings of other, known speakers as the perturbations need; () if there are too few.

    They have different speakers if possible. Recordings that can't be read are passed over.
    """
    wanted = max((PERTURBATIONS.get(name).min_others for name, _ in settings), default=0)
    if not wanted or not utterance.speaker:
        return ()
    candidates = {each.key: each for each in utterances if each.speaker and each.speaker_key != utterance.speaker_key}
    order = [candidates[key] for key in shuffled(candidates, seed=seed, purpose=utterance.key)]
    first = {each.speaker_key: each for each in reversed(order)}  # the first one of each speaker
    ranked = sorted(order, key=lambda each: first[each.speaker_key] is not each)
    found: list[Array] = []
    for each in ranked:
        if len(found) == wanted:
            break
        try:
            found.append(read_utterance(each, rate=rate))
        except (AudioError, MissingExtraError):
            continue
    return tuple(found)
