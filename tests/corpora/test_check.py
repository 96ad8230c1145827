from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.corpora.base import CORPORA
from emotone.corpora.check import CheckReport, check, recognise
from emotone.corpora.findings import left_out
from emotone.corpora.scan import Scan, scan
from emotone.corpora.table import read_table
from emotone.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.corpora.conftest import Write

    from emotone.corpora.findings import Finding

RATE = 16000
# Emo-DB cut down to three clips, so that a complete copy is quickly made.
SMALL = dataclasses.replace(
    CORPORA.get("emodb"), counts={"anger": 1, "happiness": 2}, speakers=("03", "08"), minutes=None
)
CLIPS = ("wav/03a01Fa.wav", "wav/03a02Wb.wav", "wav/08a01Fd.wav")


@pytest.fixture
def complete(write: Write, tmp_path: Path) -> Path:
    for name in CLIPS:
        write(name)
    return tmp_path


def examine(folder: Path) -> CheckReport:
    return check(scan(SMALL, folder), corpus=SMALL)


def problem(checkup: CheckReport) -> Finding:
    """Return the only finding."""
    assert len(checkup.findings) == 1, checkup.findings
    return checkup.findings[0]


def test_a_complete_copy(complete: Path) -> None:
    found = examine(complete)
    assert found.ok
    assert found.findings == ()
    assert (found.clips, found.speakers, found.expected_speakers) == (3, 2, 2)
    assert found.clips_of == {"03": 2, "08": 1}
    assert found.counts == found.expected == {"anger": 1, "happiness": 2}
    assert found.seconds == {"total": 1.5, "median": 0.5, "shortest": 0.5, "longest": 0.5}
    assert found.rates == {RATE: 3}


def test_the_result_is_plain_data(complete: Path) -> None:
    (complete / CLIPS[0]).write_bytes(b"")
    found = json.loads(json.dumps(examine(complete).to_dict(), allow_nan=False))
    assert found["ok"] is False
    assert found["findings"][0]["kind"] == "unreadable"
    assert found["findings"][0]["files"] == [str(complete / CLIPS[0])]


def test_progress_counts_recordings(complete: Path) -> None:
    seen: list[tuple[int, int]] = []
    check(scan(SMALL, complete), corpus=SMALL, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_missing_clips_and_speakers(complete: Path) -> None:
    (complete / CLIPS[2]).unlink()
    found = examine(complete)
    assert not found.ok
    assert [(item.kind, item.message) for item in found.findings] == [
        ("missing", "happiness: 1 of 2 clips are missing"),
        ("missing", "speakers without any clip: 08"),
    ]


def test_more_clips_than_were_published(complete: Path, write: Write) -> None:
    write("wav/08a02Wa.wav")
    assert problem(examine(complete)).message == "anger: 2 clips, but 1 were published"


@pytest.mark.parametrize("content", [b"", b"not audio at all", b"RIFF\x24\x00\x00\x00WAVEfmt "])
def test_a_recording_that_can_not_be_read(complete: Path, content: bytes) -> None:
    (complete / CLIPS[0]).write_bytes(content)
    found = examine(complete)
    assert problem(found).kind == "unreadable"
    assert found.clips == 3  # it is there, though bad
    assert found.seconds["total"] == 1.0


def test_nothing_can_be_read(complete: Path) -> None:
    for name in CLIPS:
        (complete / name).write_bytes(b"")
    found = examine(complete)
    assert [item.kind for item in found.findings] == ["unreadable"] * 3
    assert (found.seconds, found.rates) == ({}, {})


def test_silence(complete: Path, write: Write) -> None:
    write(CLIPS[0], 5e-4 * np.ones(RATE))
    assert problem(examine(complete)).kind == "silent"


def test_clipping_is_a_note(complete: Path, write: Write) -> None:
    write(CLIPS[0], np.clip(2 * np.sin(np.arange(RATE) / 20), -1, 1))
    found = examine(complete)
    assert (problem(found).kind, problem(found).severity, found.ok) == ("clipped", "note", True)
    assert "66.7% of its samples" in problem(found).message  # arcsin(1/2) is a third of the way to the top


def test_too_short(complete: Path, write: Write) -> None:
    write(CLIPS[0], 0.1 * np.ones(1000))
    assert problem(examine(complete)).message == "03a01Fa: lasts 0.062 s; at least 0.1 s are needed"


def test_one_recording_under_two_names(complete: Path) -> None:
    shutil.copy(complete / CLIPS[0], complete / CLIPS[1])
    found = problem(examine(complete))
    assert (found.kind, found.severity) == ("duplicate", "problem")
    assert found.message == ("the same recording has 2 names: 03a01Fa, 03a02Wb; their labels differ: anger, happiness")
    assert found.files == (str(complete / CLIPS[0]), str(complete / CLIPS[1]))


def test_a_published_duplicate_is_a_note(complete: Path) -> None:
    shutil.copy(complete / CLIPS[0], complete / CLIPS[2])
    corpus = dataclasses.replace(SMALL, known_duplicates=(("03a01Fa", "08a01Fd"),))
    found = check(scan(corpus, complete), corpus=corpus)
    assert found.ok
    assert problem(found).message.endswith("03a01Fa, 08a01Fd; also in the published corpus")


def test_a_corpus_that_was_unpacked_twice(complete: Path) -> None:
    shutil.copytree(complete / "wav", complete / "wav (1)")
    found = problem(examine(complete))
    assert found.kind == "repeated"
    assert "3 copies of clips ignored" in found.message
    assert len(found.files) == 3


@pytest.mark.parametrize(
    ("minutes", "kinds"), [(1.5 / 60, []), (1.57 / 60, []), (1.6 / 60, ["minutes"]), (1, ["minutes"])]
)
def test_the_length_of_all_recordings(complete: Path, minutes: float, kinds: list[str]) -> None:
    corpus = dataclasses.replace(SMALL, minutes=minutes)
    found = check(scan(corpus, complete), corpus=corpus)
    assert found.expected_minutes == minutes
    assert [item.kind for item in found.findings] == kinds


def test_the_length_of_a_copy_that_is_not_whole_is_not_compared(complete: Path) -> None:
    corpus = dataclasses.replace(SMALL, minutes=1)
    (complete / CLIPS[1]).write_bytes(b"")
    assert [item.kind for item in check(scan(corpus, complete), corpus=corpus).findings] == ["unreadable"]
    (complete / CLIPS[1]).unlink()
    assert [item.kind for item in check(scan(corpus, complete), corpus=corpus).findings] == ["missing"]


def test_one_part_with_two_ids(complete: Path) -> None:
    rows = f"file,start,end,id,label\n{CLIPS[0]},,,1,anger\n{CLIPS[0]},,,2,anger\n{CLIPS[1]},0,0.2,3,fear\n"
    (complete / "t.csv").write_text(f"{rows}{CLIPS[1]},0,0.2,4,anger\n", "utf-8")
    found = check(read_table(complete / "t.csv", name="calls"))
    assert not found.ok
    assert [(item.kind, item.message) for item in found.findings] == [
        ("twice", "the same part of one recording has 2 ids: 1, 2"),
        ("twice", "the same part of one recording has 2 ids: 3, 4; their labels differ: anger, fear"),
    ]


def test_overlapping_parts_are_a_note(complete: Path) -> None:
    rows = ["file,start,end,id,label"]
    for name, times in (
        (CLIPS[0], ("0,0.2,1", "0.2,0.4,2", "0.4,,3")),  # side by side
        (CLIPS[1], (",,4", "0.1,0.2,5", "0.3,0.4,6")),  # in the whole recording
        (CLIPS[2], ("0,0.3,7", "0.2,,8")),
    ):
        rows += [f"{name},{part},fear" for part in times]
    (complete / "t.csv").write_text("\n".join(rows), "utf-8")
    found = check(read_table(complete / "t.csv", name="calls"))
    assert found.ok
    assert [(item.kind, item.message) for item in found.findings] == [
        ("overlap", "two utterances overlap: 4 (fear) and 5 (fear); 1 more in this recording"),
        ("overlap", "two utterances overlap: 7 (fear) and 8 (fear)"),
    ]


def test_other_recordings_are_a_note(complete: Path, write: Write) -> None:
    write("wav/other.wav")
    write("more.wav")
    found = examine(complete)
    assert found.ok
    assert problem(found).message.startswith("2 recordings are not clips of this corpus; the first: ")
    assert problem(found).files == (str(complete / "more.wav"), str(complete / "wav/other.wav"))


def test_different_rates_are_a_note(complete: Path, write: Write) -> None:
    write(CLIPS[0], rate=8000)
    found = examine(complete)
    assert found.ok
    assert problem(found).message == "sampling rates differ between recordings: 8000 Hz 1, 16000 Hz 2"


def test_problems_come_before_notes(complete: Path, write: Write) -> None:
    write("wav/other.wav")
    (complete / CLIPS[0]).write_bytes(b"")
    write(CLIPS[1], rate=8000)
    severities = [item.severity for item in examine(complete).findings]
    assert severities == ["problem", "note", "note"]


def test_a_table(complete: Path) -> None:
    rows = [
        "file,start,end,label,speaker",
        f"{CLIPS[0]},0,0.2,anger,s1",
        f"{CLIPS[0]},0.2,0.55,fear,s1",  # the end is rounded up: forgiven
        f"{CLIPS[1]},0.1,0.15,fear,",
        f"{CLIPS[1]},0.4,0.7,fear,",
        f"{CLIPS[2]},0.6,,fear,s2",
        f"{CLIPS[2]},0,,angy,s2",
    ]
    (complete / "t.csv").write_text("\n".join(rows), "utf-8")
    found = check(read_table(complete / "t.csv", name="calls"))
    assert (found.corpus, found.clips, found.speakers, found.expected) == ("calls", 5, 2, None)
    assert [item.kind for item in found.findings] == ["table", "short", "outside", "outside"]
    assert "line 7: unknown label 'angy'" in found.findings[0].message
    assert found.findings[2].message == f"{CLIPS[1]}#t=0.4,0.7: 0.4 s to 0.7 s is outside its recording of 0.50 s"


def test_counts_that_are_not_known_are_not_compared(complete: Path) -> None:
    corpus = dataclasses.replace(SMALL, counts={"anger": None, "happiness": 2}, speakers=())
    assert (corpus.clips, corpus.speaker_count, corpus.known_counts) == (None, None, {"happiness": 2})
    found = check(scan(corpus, complete), corpus=corpus)
    assert found.findings == ()
    assert (found.counts, found.expected) == ({"anger": 1, "happiness": 2}, {"happiness": 2})
    assert found.expected_speakers is None


@pytest.mark.parametrize(("published", "kind"), [(1, "surplus"), (2, None), (3, "missing")])
def test_speakers_of_whom_the_number_alone_is_known(complete: Path, published: int, kind: str | None) -> None:
    corpus = dataclasses.replace(SMALL, speakers=(), published_speakers=published)
    found = check(scan(corpus, complete), corpus=corpus)
    assert found.expected_speakers == published
    expected = [] if kind is None else [(kind, f"2 speakers, but {published} were published")]
    assert [(item.kind, item.message) for item in found.findings] == expected


def test_label_files_that_do_not_fit_are_problems(write: Write, tmp_path: Path) -> None:
    corpus = CORPORA.get("emoprosody")
    write("cc_001.wav", rate=8000)
    shutil.copytree(tmp_path, tmp_path / "copy")
    (tmp_path / "cc_001.txt").write_text("0.1 0.3 A: happy, one\n0.3 0.4 A: hapy, two\n0.4 0.9 A: pride, three\n")
    found = check(scan(corpus, tmp_path), corpus=corpus)
    assert [(item.kind, len(item.files)) for item in found.findings] == [("repeated", 1), ("labels", 0), ("outside", 1)]
    assert "cc_001.txt: line 2: unknown label 'hapy'" in found.findings[1].message


def test_the_corpus_of_a_folder(complete: Path) -> None:
    assert recognise(complete).name == "emodb"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "contains no recordings"),
        (("a.wav",), r"contains none of the known corpora \(afew, crema-d, .*urdu\); give any other as a table$"),
        (
            ("03a01Fa.wav", *(f"{number}.wav" for number in range(12))),
            r"none of the known corpora .*; the nearest is emodb with 1 of 13 files",
        ),
    ],
)
def test_a_folder_of_no_known_corpus(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(CorpusError, match=message):
        recognise(tmp_path)


def test_a_folder_of_several_corpora(complete: Path, write: Write) -> None:
    write("savee/DC/a01.wav")
    with pytest.raises(
        CorpusError, match=r"several corpora: emodb \(3 files, e\.g\. wav/.*\), savee \(1 files, e\.g\. savee/D"
    ):
        recognise(complete)


@pytest.mark.shared
def test_the_two_identical_recordings_of_ravdess_are_found(shared: Path, tmp_path: Path) -> None:
    corpus = CORPORA.get("ravdess")
    (tmp_path / "ravdess").symlink_to(shared / "corpora/ravdess/Actor_07")
    found = check(scan(corpus, tmp_path), corpus=corpus)
    duplicates = [item for item in found.findings if item.kind == "duplicate"]
    assert [(item.severity, len(item.files)) for item in duplicates] == [("note", 2)]
    assert "03-01-03-01-02-01-07, 03-01-03-01-02-02-07" in duplicates[0].message


@pytest.mark.shared
def test_a_real_corpus_has_nothing_wrong(shared: Path) -> None:
    corpus = CORPORA.get("emodb")
    found = check(scan(corpus, shared / "corpora/emodb"), corpus=corpus)
    assert found.findings == ()
    assert (found.clips, found.speakers) == (535, 10)
    assert found.seconds["total"] == pytest.approx(1487.09, abs=0.01)


def table(write: Write, folder: Path, *rows: str, header: str = "file,speaker,label") -> CheckReport:
    for row in rows:
        write(row.split(",")[0])
    (folder / "t.csv").write_text("\n".join([header, *rows]), "utf-8")
    return check(read_table(folder / "t.csv", name="calls"))


def test_two_spellings_of_a_speaker_are_a_problem(write: Write, tmp_path: Path) -> None:
    found = table(write, tmp_path, "a.wav,3,anger", "b.wav,03,fear", "c.wav,03,anger", "d.wav,8,fear")
    assert not found.ok
    assert problem(found).kind == "speakers"
    assert problem(found).message.startswith("these names may be one speaker: '03' (2), '3' (1); use one spelling")


def test_a_speaker_called_nan_is_a_problem(write: Write, tmp_path: Path) -> None:
    found = table(write, tmp_path, "a.wav,nan,anger", "b.wav,nan,fear", "c.wav,8,anger", "d.wav,,anger")
    assert problem(found).message.startswith("2 utterances have the speaker 'nan', which is no name")


def test_mapped_labels_are_a_note(write: Write, tmp_path: Path) -> None:
    found = table(write, tmp_path, "a.wav,3,Happy", "b.wav,4,sad", "c.wav,4,happy", "d.wav,5,anger")
    assert found.ok
    assert (problem(found).kind, problem(found).message) == (
        "words",
        "labels were mapped: happy to happiness (2), sad to sadness (1)",
    )


def test_a_channel_that_is_not_there_is_a_problem(write: Write, tmp_path: Path) -> None:
    found = table(write, tmp_path, "a.wav,3,anger,0", "b.wav,4,fear,1", header="file,speaker,label,channel")
    assert problem(found).message == "b.wav#channel=1: there is no channel 1; the recording has 1, from 0"


def test_an_unreadable_recording_is_one_finding_and_the_others_are_read(write: Write, tmp_path: Path) -> None:
    (tmp_path / "b.wav").write_bytes(b"RIFF not a recording")
    for name in ("a.wav", "c.wav"):
        write(name)
    (tmp_path / "t.csv").write_text("file,speaker,label\na.wav,3,anger\nb.wav,4,fear\nc.wav,5,anger\n")
    found = check(read_table(tmp_path / "t.csv", name="calls"))
    assert (problem(found).kind, problem(found).files) == ("unreadable", (str(tmp_path / "b.wav"),))
    assert (found.clips, found.rates) == (3, {RATE: 2})


def test_many_git_lfs_pointers_are_one_finding(write: Write, tmp_path: Path) -> None:
    names = ("a.wav", "b.wav", "d.wav", "e.wav")
    for name in names:
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    write("c.wav")
    rows = "".join(f"{name},3,anger\n" for name in ("c.wav", *names))
    (tmp_path / "t.csv").write_text(f"file,speaker,label\n{rows}")
    found = problem(check(read_table(tmp_path / "t.csv", name="calls")))
    assert found.message.startswith("4 files are Git LFS pointers, not the recordings; run 'git lfs install'")
    assert found.message.endswith(" and 1 more")
    assert found.files == tuple(str(tmp_path / name) for name in names)


def test_a_folder_that_can_not_be_read_is_a_finding(tmp_path: Path) -> None:
    line = "can't read the folder x: Permission denied"
    found = list(left_out(Scan("emodb", tmp_path, (), problems=(line,), unreadable=(line,)), table=False))
    assert [(one.kind, one.message) for one in found] == [("unreadable", line)]
