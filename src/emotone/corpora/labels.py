"""Canonical emotions, the label sets of tasks, and words for emotions: those of tables, and users' own.

Every utterance has a canonical emotion. A task merges some of them and leaves out the rest, and reports how many.

`WORDS` are mapped automatically: other forms and translations of a canonical name, and common codes. `SUGGESTIONS` are
only named in error messages: whether "panic" is fear is for the owner of the labels to decide, e.g. with a label map.
Words are compared without regard to case and accents; Chinese words are listed in pinyin as well. Users map their own
words: `happy=happiness,mad=anger`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from emotone.errors import UnknownNameError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emotone.types import Utterance

WORDS: Mapping[str, Mapping[str, str]] = {
    "English": {
        "anger": "angry furious",
        "boredom": "bored",
        "calm": "calmness",
        "contempt": "contemptuous",
        "disgust": "disgusted",
        "excitement": "excited",
        "fear": "afraid fearful scared",
        "frustration": "frustrated",
        "happiness": "happy joy joyful",
        "neutral": "neutrality",
        "sadness": "sad unhappy",
        "surprise": "surprised",
        "unknown": "none null undefined",
    },
    "codes": {  # of IEMOCAP, CREMA-D and others
        "anger": "ang",
        "boredom": "bor",
        "disgust": "dis",
        "excitement": "exc",
        "fear": "fea",
        "frustration": "fru",
        "happiness": "hap",
        "neutral": "neu",
        "other": "oth",
        "sadness": "sad",
        "surprise": "sur",
        "unknown": "na nan xxx",
    },
    "German": {
        "anger": "aerger ärger wut wütend zorn zornig",
        "boredom": "gelangweilt langeweile",
        "calm": "ruhig ruhe",
        "contempt": "verachtung",
        "disgust": "ekel angeekelt",
        "fear": "angst ängstlich furcht",
        "frustration": "frustriert",
        "happiness": "freude freudig fröhlich glück glücklich",
        "sadness": "trauer traurig traurigkeit",
        "surprise": "überrascht überraschung",
    },
    "Italian": {
        "anger": "arrabbiato rabbia",
        "boredom": "noia",
        "calm": "calma",
        "contempt": "disprezzo",
        "disgust": "disgusto",
        "fear": "paura",
        "frustration": "frustrazione",
        "happiness": "allegria felice felicità gioia",
        "neutral": "neutrale neutralità neutro",
        "sadness": "triste tristezza",
        "surprise": "sorpresa sorpreso",
    },
    "Polish": {
        "anger": "gniew złość",
        "boredom": "nuda",
        "calm": "spokój",
        "contempt": "pogarda",
        "disgust": "obrzydzenie wstręt",
        "fear": "lęk strach",
        "frustration": "frustracja",
        "happiness": "radość szczęście",
        "neutral": "neutralna neutralny",
        "sadness": "smutek smutny",
        "surprise": "zaskoczenie zdziwienie",
    },
    "French": {
        "anger": "colère",
        "boredom": "ennui",
        "calm": "calme",
        "contempt": "mépris",
        "disgust": "dégoût",
        "fear": "peur",
        "happiness": "bonheur joie joyeux heureux",
        "neutral": "neutre",
        "sadness": "triste tristesse",
        "surprise": "surpris",
    },
    "Spanish": {
        "anger": "enfado enfadado enojado enojo ira rabia",
        "boredom": "aburrimiento",
        "contempt": "desprecio",
        "disgust": "asco",
        "fear": "miedo",
        "frustration": "frustración",
        "happiness": "alegría felicidad feliz",
        "neutral": "neutro",
        "sadness": "triste tristeza",
        "surprise": "sorprendido sorpresa",
    },
    "Mandarin": {
        "anger": "shengqi fennu 生气 愤怒",
        "calm": "pingjing 平静",
        "disgust": "yanwu 厌恶",
        "fear": "haipa kongju 害怕 恐惧",
        "happiness": "gaoxing kuaile xiyue 高兴 快乐 喜悦",
        "neutral": "zhongli zhongxing 中立 中性",
        "sadness": "beishang nanguo 悲伤 难过",
        "surprise": "jingqi jingya 惊奇 惊讶",
    },
    "Persian": {
        "anger": "asabaniyat khashm خشم عصبانیت",
        "fear": "tars ترس",
        "happiness": "khoshhali shadi شادی خوشحالی",
        "neutral": "khonsa خنثی",
        "sadness": "gham narahati غم ناراحتی",
        "surprise": "taajob تعجب",
    },
    "Urdu": {
        "anger": "ghussa gussa غصہ",
        "fear": "khauf خوف",
        "happiness": "khushi خوشی",
        "sadness": "udasi اداسی",
        "surprise": "hairat حیرت",
    },
}
"""By language: canonical emotion -> words, separated by blanks."""

SUGGESTIONS: Mapping[str, str] = {
    "anger": "irritated irritation mad rage",
    "boredom": "boring",
    "calm": "gelassen relaxed serene",
    "disgust": "disgusting",
    "excitement": "aufregung begeisterung",
    "fear": "anxiety anxious panic terror",
    "happiness": "amused cheerful elation",
    "neutral": "normal",
    "sadness": "despair grief sorrow",
    "surprise": "ps",  # TESS calls it "pleasant surprise"
}
"""Canonical emotion -> words that may mean it, separated by blanks."""

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


def emotion_of(word: str) -> str | None:
    """Return the canonical emotion, or "unknown", that a word of `WORDS` means, or None for any other word.

    Example:
        >>> emotion_of("Happy"), emotion_of("colere"), emotion_of("panic")
        ('happiness', 'anger', None)

    """
    return _index(mapped=True).get(_plain(word))


def suggested_emotion(word: str) -> str | None:
    """Return the canonical emotion that a word may mean, or None.

    Example:
        >>> suggested_emotion("panic"), suggested_emotion("tired")
        ('fear', None)

    """
    return _index(mapped=False).get(_plain(word))


@cache
def _index(*, mapped: bool) -> dict[str, str]:
    """Return the emotion of each word that is mapped, or that is suggested."""
    listed = WORDS.values() if mapped else [SUGGESTIONS]
    return {
        _plain(word): emotion for emotions in listed for emotion, words in emotions.items() for word in words.split()
    }


def _plain(word: str) -> str:
    """Return a word without case, accents and the space around it."""
    letters = unicodedata.normalize("NFKD", word.strip().casefold().replace("ł", "l"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def canonical(label: str) -> str:
    """Return the canonical emotion (or "unknown") that `label` names, without regard to case and surrounding space.

    Other forms, translations and common codes of the names are mapped: see `emotone.corpora.labels.WORDS`.

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


def parse_label_map(text: str) -> dict[str, str]:
    """Return a label map: the word as a table spells it, in lower case -> canonical emotion or "unknown".

    Args:
        text: pairs `WORD=EMOTION`, separated by commas. An empty text is an empty map.

    Raises:
        UsageError: an entry without "=", or a word with two emotions.
        UnknownNameError: an emotion that is not canonical, with the nearest one.

    Example:
        >>> parse_label_map("happy=happiness, Mad = anger")
        {'happy': 'happiness', 'mad': 'anger'}

    """
    found: dict[str, str] = {}
    for entry in filter(str.strip, text.split(",")):
        word, equals, emotion = (part.strip() for part in entry.partition("="))
        if not (word and equals and emotion):
            raise UsageError(f"the label map has '{entry.strip()}'; allowed: WORD=EMOTION, e.g. happy=happiness")
        meaning = canonical(emotion)
        if found.setdefault(word.casefold(), meaning) != meaning:
            raise UsageError(f"the label map has two emotions for '{word}': {found[word.casefold()]} and {meaning}")
    return found


def mapped_label(label: str, label_map: Mapping[str, str] | None) -> str:
    """Return the canonical emotion of a label: from the label map, or else as `canonical` maps it.

    Raises:
        UnknownNameError: it is in neither.

    """
    word = label.strip().casefold()
    return label_map[word] if label_map and word in label_map else canonical(label)


def mapped_words(utterances: Iterable[Utterance]) -> dict[str, tuple[str, int]]:
    """Return the words that became another label: word -> its canonical emotion and the number of utterances."""
    counts: Counter[tuple[str, str]] = Counter()
    for utterance in utterances:
        word = utterance.extras.get("original_label", utterance.label).strip().casefold()
        if word != utterance.label:
            counts[word, utterance.label] += 1
    return {word: (label, count) for (word, label), count in sorted(counts.items())}


def check_label_map(label_map: Mapping[str, str], utterances: Iterable[Utterance]) -> None:
    """Raise `UsageError` for a word of the label map that no utterance has as its original label."""
    words = {utterance.extras.get("original_label", utterance.label).strip().casefold() for utterance in utterances}
    for word in label_map:
        if word not in words:
            raise UsageError(f"the label map matches no label: {unknown_name('word', word, words)}")
