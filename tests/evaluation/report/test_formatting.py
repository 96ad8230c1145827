"""The main score in words: each fact that changes what it means changes the words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made

from emotone.evaluation.report.run_report import report_of
from emotone.evaluation.report.corpus_sections import headline, shortened

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
        "Of 100 recordings of toy, with all 3 emotions equally frequent, it names 72 right, spoken by people that it "
        "had not been trained on. Guessing would get 33. With other speakers of the same kind it would likely be "
        "between 65 and 78 (95 % interval over 24 speakers)."
    )


@pytest.mark.parametrize(
    ("changes", "independent", "words"),
    [
        ({}, False, "also spoken by people that it WAS TRAINED ON"),
        ({}, False, "With other speakers that it knows as well it would likely be between"),
        ({}, None, "whether it had been trained on these people is unknown"),
        ({"speakers": 6}, True, "over 6 speakers, too narrow for so few)"),
        ({"value": 0.35, "low": 0.3, "high": 0.4}, True, "That can't be told from guessing."),
        ({"value": 0.2, "low": 0.1, "high": 0.3}, True, "That is worse than guessing."),
        ({"low": None, "high": None, "note": "no interval: x"}, True, "can't be said (no interval: x)."),
    ],
)
def test_what_changes_the_words(
    corpus: CorpusReport, changes: dict[str, Any], independent: bool | None, words: str
) -> None:
    assert words in headline(with_uar(corpus, **changes), independent=independent)


def test_two_emotions_are_both(corpus: CorpusReport) -> None:
    assert "with both emotions equally frequent" in headline(replace(corpus, present=("a", "b")), independent=True)


def test_long_texts_are_shortened() -> None:
    assert shortened("short") == "short"
    assert shortened("x" * 50, most=10) == "xxxxxxx..."
