"""Canonical emotions, and the label sets of tasks.

Every utterance has a canonical emotion. A task merges some of them and leaves out the rest, and reports how many.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.corpora.label_words import emotion_of, suggested_emotion
from emotone.errors import UnknownNameError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emotone.types import Utterance

EMOTIONS = (
    "anger",
    "boredom",
    "calm",
    "contempt",
    "disgust",
    "excitement",
    "fear",
    "frustration",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
    "other",
)
"""Canonical names, in the order in which they are listed."""

UNKNOWN = "unknown"
"""The label of a clip whose raters disagreed or that has none. No task has it as a label, or uses such a clip."""


def canonical(label: str) -> str:
    """Return the canonical emotion (or "unknown") that `label` names, without regard to case and surrounding space.

    Other forms, translations and common codes of the names are mapped: see `emotone.corpora.label_words.WORDS`.

    Raises:
        UnknownNameError: with the nearest canonical name and all of them.

    Example:
        >>> canonical(" Anger"), canonical("happy"), canonical("Wut")
        ('anger', 'happiness', 'anger')

    """
    name = label.strip().casefold()
    if name in EMOTIONS or name == UNKNOWN:
        return name
    emotion = emotion_of(name)
    if emotion is not None:
        return emotion
    suggested = suggested_emotion(name)
    if suggested is not None:
        allowed = ", ".join(sorted(EMOTIONS))
        raise UnknownNameError(f"unknown label '{label}'; did you mean '{suggested}'? Allowed: {allowed}, {UNKNOWN}")
    raise unknown_name("label", label, EMOTIONS)


@dataclass(frozen=True)
class LabelSet:
    """The labels of one task. Canonical emotions that `merge` does not name are left out.

    Attributes:
        name: as recipes call it.
        labels: in the order of probabilities and logits.
        merge: canonical emotion -> label of the task.

    """

    name: str
    labels: tuple[str, ...]
    merge: Mapping[str, str]

    def present_in(self, utterances: Iterable[Utterance]) -> tuple[str, ...]:
        """Return the labels that occur among utterances with labels of this task, in its order."""
        present = {utterance.label for utterance in utterances}
        return tuple(label for label in self.labels if label in present)


def _label_set(name: str, *labels: str, **merged: str) -> LabelSet:
    return LabelSet(name, labels, {**{label: label for label in labels}, **merged})


def _one_against_rest(name: str, *wanted: str) -> LabelSet:
    return LabelSet(name, (name, "other"), {emotion: name if emotion in wanted else "other" for emotion in EMOTIONS})


LABEL_SETS: Mapping[str, LabelSet] = {
    labels.name: labels
    for labels in (
        _label_set("seven", "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", calm="neutral"),
        _label_set("basic-seven", "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
        _label_set("emodb", "anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"),
        _label_set("ravdess", "anger", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
        _label_set("nemo", "anger", "fear", "happiness", "neutral", "sadness", "surprise"),
        # Every emotion of a corpus, unmerged, except "other", which is not one emotion.
        _label_set("every", *(emotion for emotion in EMOTIONS if emotion != "other")),
        # The emotions that nearly every acted corpus has; neutral is left out.
        _label_set("six", "anger", "disgust", "fear", "happiness", "sadness", "surprise"),
        # The four classes of most published work on IEMOCAP: 5,531 of its 10,039 turns.
        _label_set("four", "anger", "happiness", "neutral", "sadness", excitement="happiness"),
        _one_against_rest("anger", "anger"),
        # The label has a name of its own, so that a model of this task is not mistaken for one of anger alone.
        _one_against_rest("anger-frustration", "anger", "frustration"),
    )
}


def label_set(name: str) -> LabelSet:
    """Return the label set called `name`; raise `UnknownNameError` with the nearest one otherwise."""
    if name not in LABEL_SETS:
        raise unknown_name("label set", name, LABEL_SETS)
    return LABEL_SETS[name]


def label_set_for(labels: tuple[str, ...]) -> LabelSet:
    """Return the label set that a model with these labels was made for, with its labels in the model's order.

    A named set with the same labels defines what is merged (calm into neutral in "seven"). Otherwise every label must
    be a canonical emotion, and nothing is merged.

    Raises:
        UnknownNameError: a label that is not a canonical emotion.

    Example:
        >>> label_set_for(("neutral", "anger", "sadness", "happiness")).merge["excitement"]
        'happiness'

    """
    for named in LABEL_SETS.values():
        if sorted(named.labels) == sorted(labels):
            return LabelSet(named.name, labels, named.merge)
    if UNKNOWN in labels:
        raise unknown_name("label", UNKNOWN, EMOTIONS)
    return LabelSet("model", labels, {canonical(label): label for label in labels})


def apply_labels(utterances: Iterable[Utterance], labels: LabelSet) -> tuple[list[Utterance], dict[str, int]]:
    """Return the utterances of a task with its labels, and how many of which emotion were left out.

    Args:
        utterances: with canonical labels.
        labels: of the task.

    Returns:
        Copies in the same order, and the number left out per canonical emotion.

    """
    kept = []
    dropped: Counter[str] = Counter()
    for utterance in utterances:
        if utterance.label in labels.merge:
            kept.append(replace(utterance, label=labels.merge[utterance.label]))
        else:
            dropped[utterance.label] += 1
    return kept, dict(sorted(dropped.items()))
