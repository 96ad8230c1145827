"""`--corpus` and `--label-map`: incomplete copies, selections and mapped labels are reported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.toy import write_emodb

from emotone.cli import corpus_data
from emotone.corpora.selections import SELECTIONS
from emotone.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance


def test_incomplete_corpora_and_unrecognised_recordings_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_emodb(tmp_path / "emodb")
    clip = next(folder.glob("wav/*.wav"))
    clip.rename(clip.with_name("renamed.wav"))
    data = corpus_data.load((f"emodb={folder}",), label_set_name="emodb")
    corpus_data.report(data)
    messages = capsys.readouterr().err
    assert "emodb: incomplete, 39 of 535 clips; for a list run emotone corpora check emodb" in messages
    assert "emodb: ignored 1 recording whose file names are not those of emodb's clips (first: renamed.wav)" in messages


def test_a_table_is_always_complete(tmp_path: Path) -> None:
    folder = write_emodb(tmp_path / "emodb")
    rows = "".join(f"{path},{path.name[:2]},anger\n" for path in sorted(folder.glob("wav/*W*.wav")))
    table = tmp_path / "mine.csv"
    table.write_text("file,speaker,label\n" + rows)
    assert corpus_data.load((f"mine={table}",), label_set_name="every").notes == ()


def test_a_selection_applies_to_its_own_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def angry(utterance: Utterance) -> tuple[str, str]:
        return (utterance.label, "") if utterance.label == "anger" else ("", "not angry")

    made = replace(SELECTIONS["iemocap-two-raters"], name="angry", corpus="emodb", label_of=angry)
    monkeypatch.setattr("emotone.corpora.selections.SELECTIONS", {"angry": made})
    folder = write_emodb(tmp_path / "emodb")
    data = corpus_data.load((f"emodb={folder}",), label_set_name="emodb", selection="angry")
    assert {utterance.label for utterance in data.utterances} == {"anger"}
    corpus_data.report(data)
    assert "left out by the selection: not angry 20" in capsys.readouterr().err


def test_corpora_are_scanned_with_their_own_labels(tmp_path: Path) -> None:
    folder = write_emodb(tmp_path / "emodb")
    corpora, problems = corpus_data.scan_corpora((f"emodb={folder}",))
    assert len(corpora["emodb"]) == 40
    assert problems == {}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Eight clips in the words of their owner."""
    folder = write_emodb(tmp_path / "emodb", speakers=("03", "08"), sentences=("a01", "a02"))
    words = {"W": "mad", "T": "Sad"}
    rows = "".join(f"{path},{path.name[:2]},{words[path.stem[5]]}\n" for path in sorted(folder.glob("wav/*.wav")))
    (tmp_path / "mine.csv").write_text("file,speaker,label\n" + rows)
    return tmp_path / "mine.csv"


def test_labels_are_mapped_and_reported(table: Path) -> None:
    data = corpus_data.load((f"mine={table}",), label_set_name="every", label_map={"mad": "anger"})
    assert data.labels == ("anger", "sadness")
    assert data.notes == ("mine: labels mapped: mad to anger (4), sad to sadness (4)",)
    assert data.problems == ()


def test_words_without_a_mapping_are_problems(table: Path) -> None:
    data = corpus_data.load((f"mine={table}",), label_set_name="every")
    assert data.labels == ("sadness",)
    assert len(data.problems) == 4
    assert "did you mean 'anger'" in data.problems[0] or "mad" in data.problems[0]


def test_a_label_map_that_matches_nothing_is_an_error(table: Path) -> None:
    with pytest.raises(UsageError, match="the label map matches no label: unknown word 'made'"):
        corpus_data.scan_corpora((f"mine={table}",), label_map={"made": "anger"})
