"""Numbers to hold scores against: openSMILE features with a linear SVM, for new speakers."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "openSMILE features, linear SVM, leave one speaker out, scaled on the training speakers, mean over folds"


@dataclass(frozen=True, slots=True)
class Reference:
    """One number of a known system.

    Attributes:
        corpus: registry name.
        classes: number of labels of that task.
        features: openSMILE's feature set.
        uar: unweighted average recall, in [0, 1], mean over folds (see `SOURCE`).

    """

    corpus: str
    classes: int
    features: str
    uar: float


REFERENCES = (
    Reference("emodb", 7, "eGeMAPS", 0.647),
    Reference("emodb", 7, "IS10", 0.729),
    Reference("emodb", 7, "ComParE 2016", 0.754),
    Reference("emovo", 7, "eGeMAPS", 0.330),
    Reference("emovo", 7, "IS10", 0.270),
    Reference("emovo", 7, "ComParE 2016", 0.366),
    Reference("savee", 7, "eGeMAPS", 0.348),
    Reference("savee", 7, "IS10", 0.412),
    Reference("savee", 7, "ComParE 2016", 0.433),
    Reference("ravdess", 8, "eGeMAPS", 0.508),
    Reference("ravdess", 8, "IS10", 0.576),
    Reference("ravdess", 8, "ComParE 2016", 0.574),
)


def references_for(corpus: str) -> tuple[Reference, ...]:
    """Return what is known for a corpus; there may be nothing."""
    return tuple(reference for reference in REFERENCES if reference.corpus == corpus)
