"""What `--corpus` brings: copies that are not whole are noted, selections say what they leave out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.toy import write_emodb

from emotone.cli import corpus_data
from emotone.corpora.selections import SELECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from emotone.types import Utterance


def test_half_a_corpus_and_what_is_none_of_it_are_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_emodb(tmp_path / "emodb")
    clip = next(folder.glob("wav/*.wav"))
    clip.rename(clip.with_name("renamed.wav"))
    data = corpus_data.load((f"emodb={folder}",), label_set_name="emodb")
    corpus_data.report(data)
    said = capsys.readouterr().err
    assert "emodb: 39 of its 535 clips are there; emotone corpora check emodb" in said
    assert "emodb: 1 recording is no clip of this corpus by name, and left out (first: renamed.wav)" in said


def test_a_table_is_whole_by_definition(tmp_path: Path) -> None:
    folder = write_emodb(tmp_path / "emodb")
    rows = "".join(f"{path},{path.name[:2]},anger\n" for path in sorted(folder.glob("wav/*W*.wav")))
    table = tmp_path / "mine.csv"
    table.write_text("file,speaker,label\n" + rows)
    assert corpus_data.load((f"mine={table}",), label_set_name="every").notes == ()


def test_a_selection_takes_of_its_corpus_and_leaves_the_others(
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
