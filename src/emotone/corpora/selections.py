"""Named selections: which clips of a corpus a publication used, where a label set does not define them.

* `iemocap-two-raters`: turns of IEMOCAP in four classes on which at least two raters agree.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.corpora.datasets.iemocap import raters
from emotone.corpora.labels import label_set
from emotone.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from emotone.types import Utterance

MIN_AGREEING = 2  # raters
MAX_EMOTIONS = 2  # named by all raters of a turn together


@dataclass(frozen=True)
class Selection:
    """A rule that selects clips of one corpus and gives them labels.

    Attributes:
        name: as recipes call it.
        description: in one line.
        corpus: from which it selects clips.
        label_of: utterance -> (label, "") if it is selected, else ("", reason).
        published: clips per label in the publication.
        citation: of the publication.
        note: what the publication leaves open, and how it is interpreted here.

    """

    name: str
    description: str
    corpus: str
    label_of: Callable[[Utterance], tuple[str, str]]
    published: Mapping[str, int]
    citation: str
    note: str


def _two_raters(utterance: Utterance) -> tuple[str, str]:
    merge = label_set("four").merge
    votes: Counter[str] = Counter()
    for rater, emotions in raters(utterance.extras.get("raters", "")).items():
        if rater.startswith("E"):
            votes.update({"happiness" if emotion == "excitement" else emotion for emotion in emotions})
    ranked = votes.most_common(2)
    if not ranked or ranked[0][1] < MIN_AGREEING:
        return "", "no two raters agree"
    if len(votes) > MAX_EMOTIONS:
        return "", "three or more emotions named"
    label = ranked[0][0]
    if len(ranked) > 1 and ranked[1][1] == ranked[0][1]:
        return "", "two emotions named equally often"
    return (label, "") if label in merge else ("", f"another emotion: {label}")


SELECTIONS: Mapping[str, Selection] = {
    selection.name: selection
    for selection in (
        Selection(
            name="iemocap-two-raters",
            description="turns in four classes on which at least two raters agree, excitement as happiness",
            corpus="iemocap",
            label_of=_two_raters,
            published={"anger": 1104, "happiness": 2496, "neutral": 1752, "sadness": 1064},
            citation=(
                "E. Lakomkin, C. Weber, S. Magg and S. Wermter: Reusing Neural Speech Representations for Auditory "
                "Emotion Recognition. IJCNLP 2017, pp. 423-430. arXiv:1803.11508"
            ),
            note=(
                "Published: excited merged with happiness; at least two annotators agree; not three different "
                "emotions; neutral, angry, happy and sad. Left open, and interpreted here: only external raters "
                "count, not the actors themselves; the merge precedes the vote, because happiness exceeds the "
                "corpus's own count by half; a rater who named several emotions counts for each; all emotions that "
                "any rater named count towards the three; ties are left out. This interpretation was never counted "
                "on the corpus itself: compare its counts with the published ones; they may differ."
            ),
        ),
    )
}


def selections_of(corpus: str) -> tuple[Selection, ...]:
    """Return the selections of a corpus, by its name."""
    return tuple(selection for selection in SELECTIONS.values() if selection.corpus == corpus)


def select(utterances: Iterable[Utterance], name: str) -> tuple[tuple[Utterance, ...], dict[str, int]]:
    """Return the clips of a named selection with its labels, and how many were left out for which reason.

    Args:
        utterances: as scanned, with canonical labels.
        name: of the selection.

    Returns:
        Copies in the same order, and the number left out per reason.

    Raises:
        UnknownNameError: no such selection; with the nearest one.
        UsageError: utterances of another corpus.

    """
    if name not in SELECTIONS:
        raise unknown_name("selection", name, SELECTIONS)
    selection = SELECTIONS[name]
    kept = []
    dropped: Counter[str] = Counter()
    for utterance in utterances:
        if utterance.corpus != selection.corpus:
            raise UsageError(f"{utterance.key} was given; allowed: the selection {name} is of {selection.corpus} only")
        label, reason = selection.label_of(utterance)
        if label:
            kept.append(replace(utterance, label=label))
        else:
            dropped[reason] += 1
    return tuple(kept), dict(sorted(dropped.items()))
