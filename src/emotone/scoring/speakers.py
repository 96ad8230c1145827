"""How well each speaker is understood, from the predictions table and nothing else.

A mean hides that a system can fail on some voices: the table of speakers shows it, worst first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.metrics import base
from emotone.metrics.classification import confusion_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.scoring.table import PredictionsTable


@dataclass(frozen=True, slots=True)
class SpeakerScore:
    """One speaker's scores, pooled over seeds.

    Attributes:
        corpus: registry name.
        speaker: unique within the corpus; "" for all clips whose speaker is not known.
        n: different utterances.
        uar: mean recall over the labels that this speaker has, in [0, 1].
        accuracy: share of answers that are right, in [0, 1].
        recalls: recall of each label that this speaker has, in the order of the table's labels.

    """

    corpus: str
    speaker: str
    n: int
    uar: float
    accuracy: float
    recalls: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {
            "corpus": self.corpus,
            "speaker": self.speaker or None,
            "n": self.n,
            "uar": self.uar,
            "accuracy": self.accuracy,
            "recalls": self.recalls,
        }


def speakers_of(table: PredictionsTable) -> list[SpeakerScore]:
    """Return every speaker's scores, corpus by corpus, the lowest UAR first.

    Args:
        table: of one system; only rows of whole utterances are looked at.

    Raises:
        RunError: no whole-utterance rows, or several systems.

    Example:
        >>> from emotone.scoring.table import PredictionRow, PredictionsTable
        >>> rows = [PredictionRow(f"toy/{i}", "toy", "speaker-folds-2", "f1", 0, f"s{i % 2}", truth, [0.9, 0.1], "f00d")
        ...         for i, truth in enumerate(["fear", "fear", "joy", "fear"])]
        >>> for found in speakers_of(PredictionsTable.from_rows(rows, labels=["fear", "joy"])):
        ...     print(found.speaker, found.n, found.uar, found.recalls)
        s0 2 0.5 {'fear': 1.0, 'joy': 0.0}
        s1 2 1.0 {'fear': 1.0}

    """
    whole = table.whole_utterances()
    systems = np.unique(whole.system)
    if len(systems) != 1:
        raise RunError(f"the predictions table holds {len(systems)} systems; look at one at a time")
    found = [
        _score(whole.where((whole.corpus == corpus) & (whole.speaker == speaker)))
        for corpus in whole.corpora
        for speaker in np.unique(whole.speaker[whole.corpus == corpus])
    ]
    return sorted(found, key=lambda score: (score.corpus, score.uar, score.speaker))


def speakers_markdown(scores: Sequence[SpeakerScore], *, labels: Sequence[str]) -> str:
    """Return speakers as a Markdown table, times 100, with a column for each label that occurs; no final newline."""
    shown = [label for label in labels if any(label in score.recalls for score in scores)]
    lines = [
        f"| corpus | speaker | n | UAR | accuracy |{''.join(f' {label} |' for label in shown)}",
        "|" + " --- |" * (5 + len(shown)),
    ]
    for score in scores:
        cells = [
            score.corpus,
            score.speaker or "not known",
            str(score.n),
            f"{100 * score.uar:.1f}",
            f"{100 * score.accuracy:.1f}",
            *(f"{100 * score.recalls[label]:.1f}" if label in score.recalls else "-" for label in shown),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _score(part: PredictionsTable) -> SpeakerScore:
    matrix = confusion_matrix(part.truth, part.prediction, labels=part.labels).astype(np.float64)
    recalls = zip(part.labels, base.recalls(matrix).tolist(), strict=True)
    return SpeakerScore(
        corpus=str(part.corpus[0]),
        speaker=str(part.speaker[0]),
        n=len(np.unique(part.utterance)),
        uar=float(base.uar(matrix)),
        accuracy=float(base.accuracy(matrix)),
        recalls={label: recall for label, recall in recalls if not np.isnan(recall)},
    )
