"""Databases as other programs write them, made with audformat; conformance tests read back our own."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import audformat
import pandas as pd
import pytest

from emotone.corpora.base import CORPORA
from emotone.corpora.database import is_database, read_database, write_database
from emotone.corpora.labels import EMOTIONS
from emotone.corpora.resolve import load, resolve
from emotone.corpora.scan import Scan, scan
from emotone.corpora.table import read_table
from emotone.errors import CorpusError, MissingExtraError, OutputError, UsageError

# audformat 1.4 uses what pandas 3 will drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")

FILES = ("wav/a.wav", "wav/b.wav", "wav/c.wav")


class Root:
    """A database in the making: recordings (empty), and tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = audformat.Database("calls", source="none", usage="other")
        (folder / "wav").mkdir()
        for name in FILES:
            (folder / name).touch()

    def scheme(self, name: str, labels: Any = None, dtype: str | None = "str") -> None:
        self.database.schemes[name] = audformat.Scheme(dtype, labels=labels)

    def table(self, name: str, index: Any, columns: dict[str, tuple[str | None, list[Any]]], **properties: Any) -> None:
        table = self.database[name] = audformat.Table(index, **properties)
        for column, (scheme, values) in columns.items():
            table[column] = audformat.Column(scheme_id=scheme)
            table[column].set(values)

    def read(self, storage: str = "parquet") -> Scan:
        self.database.save(str(self.folder), storage_format=storage)
        return read_database(self.folder, name="calls")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    made = Root(tmp_path)
    made.scheme("emotion", ["anger", "fear", "neutral"])
    return made


def filewise(*files: str) -> Any:
    return audformat.filewise_index(list(files or FILES))


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_a_table_of_files(root: Root, storage: str) -> None:
    root.scheme("speaker", {1: {"gender": "female"}, 2: {"gender": "male"}}, dtype=None)
    root.table("e", filewise(), {"emotion": ("emotion", ["anger", "fear", None]), "speaker": ("speaker", [1, 2, None])})
    found = root.read(storage)
    assert [(item.id, item.label, item.speaker, item.session) for item in found.utterances] == [
        ("wav/a.wav", "anger", "1", "1"),
        ("wav/b.wav", "fear", "2", "2"),
        ("wav/c.wav", "unknown", "", ""),
    ]
    first = found.utterances[0]
    assert (first.corpus, first.path, first.start, first.end) == ("calls", root.folder / "wav/a.wav", 0.0, None)
    assert first.extras == {"original_label": "anger", "gender": "female"}
    assert (found.root, found.problems, found.from_table) == (root.folder, (), True)


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_a_table_of_segments(root: Root, storage: str) -> None:
    index = audformat.segmented_index(["wav/a.wav"] * 3, ["0s", "1.5s", "3s"], ["1.5s", "3.25s", None])
    root.table("e", index, {"emotion": ("emotion", ["anger", "fear", "neutral"])})
    found = root.read(storage)
    assert [(item.id, item.start, item.end) for item in found.utterances] == [
        ("wav/a.wav#t=0,1.5", 0.0, 1.5),
        ("wav/a.wav#t=1.5,3.25", 1.5, 3.25),
        ("wav/a.wav#t=3.0", 3.0, None),
    ]


def test_the_speaker_may_be_in_another_table_whose_scheme_is_a_table(root: Root) -> None:
    database = root.database
    database["people"] = audformat.MiscTable(pd.Index(["kim", "lee"], name="speaker", dtype="string"))
    database["people"]["gender"] = audformat.Column()
    database["people"]["gender"].set(["female", "male"])
    root.scheme("speaker", "people")
    root.table("files", filewise(), {"who": ("speaker", ["kim", "lee", "kim"])})
    index = audformat.segmented_index(["wav/a.wav", "wav/b.wav"], ["0s", "1s"], ["1s", "2s"])
    root.table("e", index, {"emotion": ("emotion", ["anger", "fear"])})
    found = root.read("csv")
    assert [(item.speaker, item.extras["gender"], item.extras["who"]) for item in found.utterances] == [
        ("kim", "female", "kim"),
        ("lee", "male", "lee"),
    ]


def test_tables_of_splits_are_merged_and_a_contradiction_is_reported(root: Root) -> None:
    for split, files, labels in (
        ("train", FILES[:2], ["anger", "fear"]),
        ("test", FILES[1:], ["neutral", "neutral"]),
        ("dev", FILES[:1], ["anger"]),
    ):
        root.database.splits[split] = audformat.Split(split)
        root.table(f"e.{split}", filewise(*files), {"emotion": ("emotion", labels)}, split_id=split)
    found = root.read()
    assert [(item.label, item.extras["split"]) for item in found.utterances] == [
        ("anger", "dev"),
        ("neutral", "test"),
        ("neutral", "test"),
    ]
    assert found.problems == (
        f"{root.folder}, table 'e.train': a label differs from that of a previous table, which is used",
    )


def test_a_table_without_a_label_does_not_hide_that_of_another(root: Root) -> None:
    for name, labels in (("a", [None, "fear", None]), ("b", ["anger", None, None])):
        root.table(name, filewise(), {"emotion": ("emotion", labels), name: (None, ["x"] * 3)})
    found = root.read()
    assert found.problems == ()
    assert [(item.label, item.extras["original_label"]) for item in found.utterances] == [
        ("anger", "anger"),
        ("fear", "fear"),
        ("unknown", "unknown"),
    ]
    assert all({"a", "b"} <= set(item.extras) for item in found.utterances)


def test_codes_that_the_scheme_explains(root: Root) -> None:
    root.scheme("emotion", {"W": "anger", "A": "fear"}, dtype=None)
    root.table("e", filewise(), {"emotion": ("emotion", ["W", "A", "W"])})
    found = root.read()
    assert [(item.label, item.extras["original_label"]) for item in found.utterances] == [
        ("anger", "W"),
        ("fear", "A"),
        ("anger", "W"),
    ]


def test_emotions_in_the_scheme_of_another_column(root: Root) -> None:
    root.scheme("clip", {"x": {"emotion": "anger", "id": "1"}, "y": {"emotion": "fear", "id": "1"}}, dtype=None)
    root.table("e", filewise(*FILES[:2]), {"clip": ("clip", ["x", "y"])})
    assert [(item.id, item.label, item.extras["clip"]) for item in root.read().utterances] == [
        ("wav/a.wav", "anger", "x"),
        ("wav/b.wav", "fear", "y"),
    ]


def test_the_only_column_of_emotions_needs_no_name(root: Root) -> None:
    root.scheme("mood", ["anger", "fear", "unknown"])
    root.table("e", filewise(), {"mood": ("mood", ["anger", "fear", "unknown"]), "note": (None, ["x", "y", "z"])})
    assert [item.label for item in root.read().utterances] == ["anger", "fear", "unknown"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("first", "second"), "no column 'emotion', and several with emotions: first, second; rename one to 'emotion'"),
        (("other",), "no column 'emotion', and none with emotions; .*; there are: note, other$"),
    ],
)
def test_which_column_is_not_guessed(root: Root, columns: tuple[str, ...], message: str) -> None:
    del root.database.schemes["emotion"]
    root.scheme("mood", ["anger", "fear"])
    root.scheme("other", ["anger", "rain"])
    named = {name: ("other" if name == "other" else "mood", ["anger"] * 3) for name in columns}
    root.table("e", filewise(), {**named, "note": (None, ["x", "y", "z"])})
    with pytest.raises(CorpusError, match=message):
        root.read()


def test_unusable_rows_are_counted(root: Root) -> None:
    root.scheme("emotion")
    (root.folder / FILES[2]).unlink()
    index = audformat.segmented_index(
        [FILES[0], FILES[0], FILES[0], FILES[1], FILES[2]],
        ["0s", "1s", "3s", "0s", "0s"],
        ["1s", "2s", "2s", "1s", "1s"],
    )
    root.table("e", index, {"emotion": ("emotion", ["panic", "panic", "fear", "fear", "fear"])})
    found = root.read()
    assert [item.id for item in found.utterances] == ["wav/b.wav#t=0,1.0"]
    assert [problem.partition(": ")[2] for problem in found.problems] == [
        f"unknown label 'panic'; did you mean 'fear'? Allowed: {', '.join(sorted(EMOTIONS))}, unknown (2 rows)",
        "the end, 2 s, is not after the start, 3 s, of wav/a.wav",
        f"the files of 1 rows do not exist; the first: {root.folder / FILES[2]}",
    ]


def test_ids_that_come_twice_are_not_used(root: Root) -> None:
    columns = {"emotion": ("emotion", ["anger"] * 3), "id": (None, ["one", "two", "two"])}
    root.table("e", filewise(), columns)
    assert [item.id for item in root.read().utterances] == ["one", "wav/b.wav", "wav/c.wav"]


class Bomb:
    """Leaves a file where it was unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("only", [True, False])
def test_a_pickle_is_never_loaded(root: Root, *, only: bool) -> None:
    root.table("e", filewise(), {"emotion": ("emotion", ["anger"] * 3)})
    root.read("csv")
    (root.folder / "db.e.pkl").write_bytes(pickle.dumps(Bomb(root.folder / "bang")))
    if only:
        (root.folder / "db.e.csv").unlink()
        with pytest.raises(
            CorpusError, match=r"db\.e\.pkl is a pickle, which can run code and is never loaded; save t"
        ):
            read_database(root.folder, name="calls")
    else:
        assert len(read_database(root.folder, name="calls").utterances) == 3
    assert not (root.folder / "bang").exists()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "name: !!python/object/apply:os.system ['touch bang']",
            "is not the header of an audformat database: could not det",
        ),
        ("", "is not the header of an audformat database: "),
        ("name: x", "is not the header of an audformat database: "),
        ("- 1", "is not the header of an audformat database: "),
        ("name: x\nsource: y\nusage: other\nschemes: 7", "is not the header of an audformat database: "),
    ],
)
def test_a_header_is_plain_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "db.yaml").write_text(header, "utf-8")
    with pytest.raises(CorpusError, match=message):
        read_database(tmp_path, name="calls")
    assert not (tmp_path / "bang").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "db.e.csv").unlink(), r"db\.e does not exist; allowed: db\.e\.parquet, db\.e\.csv"),
        (lambda folder: (folder / "db.e.csv").write_text("x"), r"can't read the table .*db\.e\.csv: "),
        (lambda folder: (folder / "db.e.parquet").write_text("x"), r"can't read the table .*db\.e\.parquet: "),
        (lambda folder: (folder / "db.yaml").unlink(), r"can't read the database .*db\.yaml: No such file"),
    ],
)
def test_a_database_that_is_not_whole(root: Root, spoil: Any, message: str) -> None:
    root.table("e", filewise(), {"emotion": ("emotion", ["anger"] * 3)})
    root.read("csv")
    spoil(root.folder)
    with pytest.raises(CorpusError, match=message):
        read_database(root.folder, name="calls")


def test_the_extra_is_named_where_it_lacks(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.table("e", filewise(), {"emotion": ("emotion", ["anger"] * 3)})
    found = root.read()
    monkeypatch.setitem(sys.modules, "audformat", None)
    with pytest.raises(MissingExtraError, match=r"reading .* needs the package 'audformat'; .*'emotone\[audformat\]'"):
        read_database(root.folder, name="calls")
    with pytest.raises(MissingExtraError, match=r"writing .*'emotone\[audformat\]'"):
        write_database(found, root.folder / "new")


def test_as_a_corpus_under_any_name(root: Root) -> None:
    root.table("e", filewise(), {"emotion": ("emotion", ["anger"] * 3)})
    root.read()
    assert is_database(root.folder)
    assert len(resolve([f"calls={root.folder}"])["calls"].utterances) == 3
    assert len(load("emodb", root.folder).utterances) == 3  # nothing there is of its layout
    (root.folder / "wav/03a01Fa.wav").touch()
    assert [item.id for item in load("emodb", root.folder).utterances] == ["03a01Fa"]
    with pytest.raises(UsageError, match=r"or as an audformat database: a folder with db\.yaml"):
        resolve([f"calls={root.folder / 'wav'}"])


def test_nothing_in_it_can_be_used(root: Root) -> None:
    root.table("e", filewise(f"{'x' * 5000}.wav"), {"emotion": ("emotion", ["anger"])})
    root.read()
    with pytest.raises(CorpusError, match=r"has no usable row; the first problem: .*the files of 1 rows"):
        load("calls", root.folder)


def test_parts_and_texts_of_a_table_are_read_back(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    rows = "a.wav,0.1,0.3,anger,NA,one,NaN\na.wav,57.19,,Fear,,two,\na.wav,,1,,s,3,x\n"
    (tmp_path / "t.csv").write_text(f"file,start,end,label,speaker,id,note\n{rows}", "utf-8")
    found = read_table(tmp_path / "t.csv", name="calls")
    write_database(found, tmp_path)
    assert read_database(tmp_path, name="calls").utterances == found.utterances
    database = audformat.Database.load(str(tmp_path))
    assert (database.name, database.usage, database.is_portable) == ("calls", "other", True)


def test_the_header_contains_the_description_of_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "03a01Fa.wav").touch()
    corpus = CORPORA.get("emodb")
    write_database(scan(corpus, tmp_path), tmp_path / "new/folder", corpus=corpus)
    database = audformat.Database.load(str(tmp_path / "new/folder"))
    assert (database.license, database.usage, database.languages) == ("CC0-1.0", "unrestricted", ["deu"])
    assert database.source == corpus.access
    assert list(database["emotion"].files) == [str(tmp_path / "03a01Fa.wav")]  # outside of the database: absolute paths
    assert database.schemes["emotion"].labels == ["happiness"]
    assert database.schemes["speaker"].labels == ["03"]


def test_a_database_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "db.yaml").touch()
    with pytest.raises(
        OutputError, match=r"contains an audformat database already; choose another folder, or delete db\.y"
    ):
        write_database(Scan("calls", tmp_path, ()), tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("file,label,id,emotion\na.wav,anger,1,x\n", "the table has a column 'emotion' besides the label"),
        ("file,label,id\na.wav,anger,1\na.wav,fear,2\n", "1 and 2 are the same part of .*a.wav; keep one of them"),
    ],
)
def test_what_a_database_can_not_represent(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "t.csv").write_text(rows, "utf-8")
    with pytest.raises(CorpusError, match=message):
        write_database(read_table(tmp_path / "t.csv", name="calls"), tmp_path / "new")
