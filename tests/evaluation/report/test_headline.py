"""The main score in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made

from emotone.evaluation.report.corpus_sections import headline
from emotone.evaluation.report.run_report import report_of

if TYPE_CHECKING:
    from emotone.evaluation.report.run_report import CorpusReport


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> CorpusReport:
    folder = Made(skill=0.6, speakers=6).write(tmp_path_factory.mktemp("words") / "run")
    return report_of(folder, name="R1").corpora[0]


def with_uar(corpus: CorpusReport, **changes: Any) -> CorpusReport:
    return replace(corpus, scores=(replace(corpus.uar, **changes), *corpus.scores[1:]))


def test_a_whole_headline(corpus: CorpusReport) -> None:
    given = with_uar(corpus, value=0.716, low=0.65, high=0.78, speakers=24)
    assert headline(given, independent=True) == (
        "Of 100 recordings of toy with all 3 emotions equally frequent, 72 are recognised correctly, from speakers "
        "that are not in the training data. Chance is 33. For other speakers it would likely be between 65 and 78 "
        "(95 % interval over 24 speakers)."
    )


@pytest.mark.parametrize(
    ("changes", "independent", "words"),
    [
        ({}, False, "including speakers that ARE IN THE TRAINING DATA"),
        ({}, False, "For other speakers of the training data it would likely be between"),
        ({}, None, "whether their speakers are in the training data is unknown"),
        ({"speakers": 6}, True, "over 6 speakers, which is too narrow for so few speakers)"),
        ({"value": 0.35, "low": 0.3, "high": 0.4}, True, "This does not differ significantly from chance."),
        ({"value": 0.2, "low": 0.1, "high": 0.3}, True, "This is worse than chance."),
        (
            {"low": None, "high": None, "note": "no interval: x"},
            True,
            "There is no confidence interval (no interval: x).",
        ),
    ],
)
def test_what_changes_the_words(
    corpus: CorpusReport, changes: dict[str, Any], independent: bool | None, words: str
) -> None:
    assert words in headline(with_uar(corpus, **changes), independent=independent)


def test_two_emotions_are_both(corpus: CorpusReport) -> None:
    assert "with both emotions equally frequent" in headline(replace(corpus, present=("a", "b")), independent=True)
