from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotone.corpora.base import CORPORA
from emotone.corpora.scan import Scan, scan
from emotone.corpora.table import read_table, write_table
from emotone.errors import CorpusError, OutputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three recordings; scanning looks at names alone."""
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def read(folder: Path, text: str | bytes, *, name: str = "t.csv") -> Scan:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, name="calls")


def test_all_columns(folder: Path) -> None:
    found = read(
        folder,
        "id,file,start,end,speaker,session,label,gender\n"
        "two,sub/c.wav,1.5,3,s2,room,Anger,female\n"
        "one,a.wav,,,s1,,neutral,\n",
    )
    one, two = found.utterances
    assert (one.id, one.corpus, one.path, one.start, one.end) == ("one", "calls", folder / "a.wav", 0.0, None)
    assert (one.speaker, one.session, one.label, one.extras) == ("s1", "s1", "neutral", {"original_label": "neutral"})
    assert (two.id, two.path, two.start, two.end) == ("two", folder / "sub/c.wav", 1.5, 3.0)
    assert (two.speaker, two.session, two.label) == ("s2", "room", "anger")
    assert two.extras == {"original_label": "Anger", "gender": "female"}
    assert (found.name, found.root, found.problems) == ("calls", folder / "t.csv", ())


def test_only_what_is_needed(folder: Path) -> None:
    found = read(folder, "file,label\na.wav,anger\n\nb.wav,fear")
    assert [(item.id, item.speaker, item.session) for item in found.utterances] == [
        ("a.wav", "", ""),
        ("b.wav", "", ""),
    ]
    assert found.problems == ()


def test_parts_of_one_recording_have_ids_of_their_own(folder: Path) -> None:
    found = read(folder, "file,start,end,label\na.wav,0.5,2,anger\na.wav,2,,fear\na.wav,,0.5,fear\n")
    assert [item.id for item in found.utterances] == ["a.wav#t=0,0.5", "a.wav#t=0.5,2", "a.wav#t=2"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\N{ZERO WIDTH NO-BREAK SPACE}"])
def test_any_separator_line_end_and_byte_order_mark(folder: Path, separator: str, newline: str, mark: str) -> None:
    rows = [["File", " Label", "text"], ["a.wav", "anger", 'so, "what"; now']]
    quoted = [[f'"{field.replace(chr(34), chr(34) * 2)}"' for field in row] for row in rows]
    text = newline.join([separator.join(rows[0]), separator.join(quoted[1]), ""])
    found = read(folder, mark + text)
    assert found.problems == ()
    assert found.utterances[0].extras["text"] == 'so, "what"; now'


def test_line_breaks_of_other_kinds_are_text(folder: Path) -> None:
    text = "one\N{LINE SEPARATOR}two\N{NEXT LINE}three"
    assert read(folder, f"file,label,text\na.wav,anger,{text}\n").utterances[0].extras["text"] == text


def test_a_decimal_comma_where_commas_do_not_separate(folder: Path) -> None:
    found = read(folder, "file;start;end;label\na.wav;0,25;1,5;anger\n")
    assert (found.utterances[0].start, found.utterances[0].end) == (0.25, 1.5)
    assert found.utterances[0].id == "a.wav#t=0.25,1.5"


def test_an_empty_label_is_the_unknown_emotion(folder: Path) -> None:
    (found,) = read(folder, "file,label,speaker\na.wav,,s\n").utterances
    assert (found.label, found.extras) == ("unknown", {"original_label": "unknown"})


def test_an_absolute_path_is_used_unchanged(folder: Path) -> None:
    found = read(folder, f"file,label\n{folder / 'sub/c.wav'},anger\n", name="sub/t.csv")
    assert found.utterances[0].path == folder / "sub/c.wav"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav,0,1,s,angy,", "unknown label 'angy'; did you mean 'anger'? Allowed: anger, boredom, "),
        (",0,1,s,anger,", "no file is given"),
        ("a.wav", "no label is given"),
        ("gone.wav,0,1,s,anger,", "no such file: "),
        ("sub,0,1,s,anger,", "no such file: "),
        (f"{'x' * 5000}.wav,0,1,s,anger,", "no such file: "),
        ("a.wav,2,1,s,anger,", "the end, 1 s, is not after the start, 2 s"),
        ("a.wav,1,1,s,anger,", "the end, 1 s, is not after the start, 1 s"),
        ("a.wav,,0,s,anger,", "the end, 0 s, is not after the start, 0 s"),
        ("a.wav,one,2,s,anger,", "the start 'one' is not a number of seconds"),
        ("a.wav,0,1:2:3:4,s,anger,", "the end '1:2:3:4' is not a number of seconds"),
        ("a.wav,0,inf,s,anger,", "the end 'inf' is not a number of seconds"),
        ("a.wav,-1,2,s,anger,", "the start '-1' is not a number of seconds, 0 or more"),
        ('a.wav,"0,5",2,s,anger,', "the start '0,5' is not a number of seconds, 0 or more; where commas separate"),
        ("b.wav,0,1,s,anger,first", "line 2 has the same id 'first' as 'fear'"),
        ("b.wav,0,1,s,anger,first", "ids must differ"),
        ("a.wav,0,1,s,anger,x,y", "7 fields, but the header has 6"),
    ],
)
def test_a_bad_row_is_one_line_and_does_not_stop_the_rest(folder: Path, row: str, message: str) -> None:
    header = "file,start,end,speaker,label,id"
    found = read(folder, f"{header}\nb.wav,0,1,s,fear,first\n{row}\nb.wav,1,2,s,fear,last\n")
    assert [item.id for item in found.utterances] == ["first", "last"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{folder / 't.csv'}, line 3: ")
    assert message in found.problems[0]
    assert "\n" not in found.problems[0]


def test_a_line_break_in_a_bad_field_stays_one_line(folder: Path) -> None:
    (problem,) = read(folder, 'file,label\n"a\nb.wav",anger\n').problems
    assert problem == f"{folder / 't.csv'}, line 3: no such file: {folder}/a b.wav; did you mean 'b.wav'?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no header; the columns 'file', 'label' are needed"),
        ("\nfile,label\n", "line 1: no header"),
        ("file,speaker\n", "line 1: no column 'label'; there are: 'file', 'speaker'"),
        ("file,emotion\n", "line 1: no column 'label'; rename 'emotion' to it?"),
        ("filename,label\n", "line 1: no column 'file'; rename 'filename' to it?"),
        ("file,label,Label\n", "line 1: there are two columns 'label'"),
        ('file,label\na.wav,"anger\n', "line 2: unexpected end of data; check the quotes"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, not the table; run 'git lfs pull'"),
        (b"<!DOCTYPE html>\n<html>", "is an HTML page, not a table (a failed download"),
        (b"file,label\na.wav,anger\nb.wav,\xe4rger\n", "line 3: is not UTF-8 text; save the table as UTF-8"),
    ],
)
def test_a_table_that_can_not_be_read_at_all(folder: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(CorpusError) as caught:
        read(folder, text)
    assert message in str(caught.value)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"can't read the table .*none.csv: No such file or directory"):
        read_table(tmp_path / "none.csv", name="calls")


@pytest.mark.parametrize(("column", "meant"), [("speakr", "speaker"), ("speaker_id", "speaker"), ("sesion", "session")])
def test_a_column_that_looks_misspelt_is_reported(folder: Path, column: str, meant: str) -> None:
    found = read(folder, f"file,label,{column}\na.wav,anger,1\n")
    assert len(found.utterances) == 1
    assert found.problems == (
        f"{folder / 't.csv'}, line 1: the column '{column}' is not read as '{meant}'; rename it if that is meant",
    )


@pytest.mark.parametrize(
    ("column", "meant"),
    [("onset", "start"), ("Offset", "end"), ("start_time", "start"), ("stop", "end"), ("strt", "start")],
)
def test_times_under_another_name_do_not_become_whole_recordings(folder: Path, column: str, meant: str) -> None:
    with pytest.raises(
        CorpusError, match=rf"is the column '{column.lower()}' the {meant}\? Rename it to '{meant}', or to an"
    ):
        read(folder, f"file,label,{column}\na.wav,anger,1\n")


@pytest.mark.parametrize("column", ["gender", "sentence", "version", "text", "intensity", "age", "language"])
def test_a_column_of_its_own_is_an_extra(folder: Path, column: str) -> None:
    found = read(folder, f"file,label,{column}\na.wav,anger,1\n")
    assert found.problems == ()
    assert found.utterances[0].extras[column] == "1"


@pytest.mark.parametrize("name", ["out.csv", "out.tsv"])
def test_what_is_written_is_read_back(folder: Path, name: str) -> None:
    first = read(
        folder,
        "file,start,end,id,speaker,session,label,text\n"
        'a.wav,0.1,2.30000001,"a,b",s1,room,Anger,"one\ttwo, three"\nb.wav,,,b,,,fear,\n',
    )
    write_table(first, folder / name)
    second = read_table(folder / name, name="calls")
    assert second.utterances == first.utterances
    assert second.problems == ()


def test_files_elsewhere_are_written_with_their_whole_path(tmp_path: Path) -> None:
    (tmp_path / "corpus/wav").mkdir(parents=True)
    (tmp_path / "corpus/wav/03a01Fa.wav").touch()
    found = scan(CORPORA.get("emodb"), tmp_path / "corpus")
    write_table(found, tmp_path / "corpus/inside.csv")
    write_table(found, tmp_path / "tables/outside.csv")
    assert "\nwav/03a01Fa.wav," in (tmp_path / "corpus/inside.csv").read_text("utf-8")
    assert f"\n{tmp_path}/corpus/wav/03a01Fa.wav," in (tmp_path / "tables/outside.csv").read_text("utf-8")
    for table in ("corpus/inside.csv", "tables/outside.csv"):
        assert read_table(tmp_path / table, name="emodb").utterances == found.utterances


def test_a_table_can_not_be_written_below_a_file(folder: Path) -> None:
    with pytest.raises(OutputError, match="can't write"):
        write_table(Scan("calls", folder, ()), folder / "a.wav/out.csv")


@pytest.mark.parametrize(
    ("text", "start", "end", "name"),
    [
        ("file,start,end,label\na.wav,0 days 00:00:00,NaT,anger\n", 0.0, None, "a.wav"),
        ("file,start,end,label\na.wav,0 days 00:00:01.500000,0 days 00:01:00,anger\n", 1.5, 60.0, "a.wav#t=1.5,60"),
        ("file,start,end,label\na.wav,0:00:01,1:00:00.5,anger\n", 1.0, 3600.5, "a.wav#t=1,3600.5"),
        ("file;start;end;label\na.wav;0:01,5;nan;anger\n", 1.5, None, "a.wav#t=1.5"),
    ],
)
def test_times_of_pandas_and_clock_times(folder: Path, text: str, start: float, end: float | None, name: str) -> None:
    found = read(folder, text)
    assert [(item.start, item.end, item.id) for item in found.utterances] == [(start, end, name)]
    assert found.problems == ()


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_separator_line_of_excel(folder: Path, line: str, newline: str) -> None:
    found = read(folder, newline.join([line, "file;label", "a.wav;anger", "none.wav;anger"]))
    assert [item.id for item in found.utterances] == ["a.wav"]
    assert [problem.partition(": ")[0] for problem in found.problems] == [f"{folder / 't.csv'}, line 4"]


def test_the_separator_line_may_name_another_character(folder: Path) -> None:
    assert len(read(folder, "sep=|\nfile|label\na.wav|anger\n").utterances) == 1


def test_empty_columns_at_the_end_are_ignored(folder: Path) -> None:
    found = read(folder, "file,label,,\na.wav,anger,,\nb.wav,fear\na.wav,anger,x,\n")
    assert [item.id for item in found.utterances] == ["a.wav", "b.wav"]
    assert found.utterances[0].extras == {"original_label": "anger"}
    assert "line 4: 4 fields, but the header has 2" in found.problems[0]


def test_the_word_of_a_mapped_label_is_kept_in_a_table_with_a_column_of_original_labels(folder: Path) -> None:
    text = "file,label,original_label\na.wav,happiness,Freude\nb.wav,happy,Freude\n"
    assert [item.extras["original_label"] for item in read(folder, text).utterances] == ["Freude", "happy"]


def test_an_index_column_without_a_name_is_ignored(folder: Path) -> None:
    found = read(folder, ",file,label\n0,a.wav,anger\n1,b.wav,fear\n")
    assert [item.extras for item in found.utterances] == [{"original_label": "anger"}, {"original_label": "fear"}]


def test_backslashes_separate_folders(folder: Path) -> None:
    found = read(folder, "file,label\nsub\\c.wav,anger\n")
    assert [(item.id, item.path) for item in found.utterances] == [("sub/c.wav", folder / "sub/c.wav")]


@pytest.mark.parametrize("file", ["A.WAV", "SUB/C.Wav", "Sub\\c.WAV"])
def test_another_case_is_read_where_one_file_matches(folder: Path, file: str) -> None:
    (found,) = read(folder, f"file,label\n{file},anger\n").utterances
    assert found.path.is_file()


def test_another_unicode_form_is_read(folder: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Ärger.wav") for form in ("NFC", "NFD"))
    (folder / decomposed).touch()
    (found,) = read(folder, f"file,label\n{composed},anger\n").utterances
    assert found.path == folder / decomposed


def test_of_two_files_that_differ_in_case_none_is_guessed(folder: Path) -> None:
    (folder / "X.wav").touch()
    (folder / "x.WAV").touch()
    if len(list(folder.glob("[xX].*"))) < 2:
        pytest.skip("this file system does not distinguish case")
    assert "no such file" in read(folder, "file,label\nx.wav,anger\n").problems[0]
    assert len(read(folder, "file,label\nX.wav,anger\n").utterances) == 1


@pytest.mark.parametrize(("file", "near"), [("a.flac", "a.wav"), ("sub/c.mp3", "c.wav"), ("SUB/cc.wav", "c.wav")])
def test_a_missing_file_gets_the_nearest_name(folder: Path, file: str, near: str) -> None:
    (problem,) = read(folder, f"file,label\n{file},anger\n").problems
    assert problem.endswith(f"no such file: {folder}/{file}; did you mean '{near}'?")


def test_channels(folder: Path) -> None:
    found = read(folder, "file,end,channel,label\na.wav,1,0,anger\na.wav,1,1.0,fear\nb.wav,,,fear\nb.wav,2,mix,fear\n")
    assert [(item.id, item.channel) for item in found.utterances] == [
        ("a.wav#t=0,1&channel=0", 0),
        ("a.wav#t=0,1&channel=1", 1),
        ("b.wav", None),
        ("b.wav#t=0,2", None),
    ]
    write_table(found, folder / "out.csv")
    assert read_table(folder / "out.csv", name="calls").utterances == found.utterances


@pytest.mark.parametrize("channel", ["left", "-1", "1.5", "²"])
def test_a_channel_is_a_number(folder: Path, channel: str) -> None:
    (problem,) = read(folder, f"file,label,channel\na.wav,anger,{channel}\n").problems
    assert problem.endswith(f"the channel '{channel}' is not a number, 0 or more")


def test_a_label_map_precedes_the_words_that_are_known(folder: Path) -> None:
    (folder / "t.csv").write_text("file,label\na.wav,Mad\nb.wav,happy\nsub/c.wav,sad\n", "utf-8")
    found = read_table(folder / "t.csv", name="calls", label_map={"mad": "anger", "happy": "excitement"})
    assert [(item.label, item.extras["original_label"]) for item in found.utterances] == [
        ("anger", "Mad"),
        ("excitement", "happy"),
        ("sadness", "sad"),
    ]


CASES = {
    "audeering_file_start_end_NaT.csv": 48,
    "case_differs.csv": 48,
    "excel_sep_line.csv": 48,
    "speaker_leading_zero_lost.csv": 48,
    "speaker_nan.csv": 48,
    "trailing_commas.csv": 48,
    "unreadable_file_in_the_middle.csv": 48,
    "windows_backslash_paths.csv": 48,
}


@pytest.mark.shared
@pytest.mark.parametrize(("name", "rows"), CASES.items())
def test_tables_that_people_have(shared: Path, name: str, rows: int) -> None:
    found = read_table(shared / "cases/20_table" / name, name="calls")
    assert len(found.utterances) == rows
    assert len(found.problems) == (name == "unreadable_file_in_the_middle.csv")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(list('ab,;\t"\n\r\0 .1\\:')), max_size=40).map("".join))
def test_any_text_is_read_or_refused_in_one_line(folder: Path, text: str) -> None:
    for head in ("", "file,label\n", "file;start;end;label\na.wav;"):
        try:
            found = read(folder, (head + text).encode(errors="surrogatepass"))
        except CorpusError:
            continue
        assert all(item.path.is_file() for item in found.utterances)
        assert all(len(problem.splitlines()) == 1 for problem in found.problems)
