"""Whether one system gains over another on one corpus, fold by fold: what tables of many systems mark with arrows.

Unlike `emotone.scoring.comparison` it draws no intervals, so hundreds of pairs take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from emotone.scoring.evidence import folds_of, tests_of
from emotone.scoring.pairing import pair_up, read_run

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.metrics.significance import Test

Change: TypeAlias = Literal["up", "down", "same", "not known"]
LEVEL = 0.05  # two-sided
PAIRED, CORRECTED = "paired t", "corrected t"


@dataclass(frozen=True)
class Gain:
    """Paired tests of the UAR over the folds that two runs share.

    Attributes:
        paired: Student's t-test; its p is too small, as training parts overlap. None where it can't be made.
        corrected: with Nadeau and Bengio's correction for that. None where it can't be made.

    """

    paired: Test | None
    corrected: Test | None

    def change(self, *, corrected: bool) -> Change:
        """Return which way the UAR has changed by one of the tests at a level of .05.

        "not known" where there is no such test; "same" where the difference may be chance, or is the same in every
        fold, in which case the test has no p.
        """
        test = self.corrected if corrected else self.paired
        if test is None:
            return "not known"
        if test.statistic is None or test.p is None or test.p > LEVEL:
            return "same"
        return "up" if test.statistic > 0 else "down"


def gain(first: Path, second: Path, corpus: str) -> Gain:
    """Return how the second run's UAR of a corpus differs from the first's.

    Args:
        first: folder of a finished evaluation.
        second: folder of another, which has judged the same utterances of the corpus.
        corpus: registry name.

    Raises:
        RunError: no finished evaluation there, or utterances that only one has judged.
        MissingExtraError: SciPy is not installed.

    """
    pair = pair_up(read_run(first, name="R1"), read_run(second, name="R2"), corpus, common=False)
    tests = {test.name: test for test in tests_of(pair, "uar", folds_of(pair))}
    return Gain(tests.get(PAIRED), tests.get(CORRECTED))
