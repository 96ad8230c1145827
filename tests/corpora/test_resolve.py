from __future__ import annotations

from pathlib import Path

import pytest

from emotone.corpora.resolve import VARIABLE, load, resolve
from emotone.errors import CorpusError, UnknownNameError, UsageError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with copies of two corpora, and a table of one recording."""
    for name in ("emodb/wav/03a01Fa.wav", "savee/DC/a01.wav", "else/call.wav"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "calls.csv").write_text("file,label\nelse/call.wav,anger\n", "utf-8")
    (tmp_path / "emovo").touch()  # a file is no corpus folder
    return tmp_path


def test_options_come_in_their_order(home: Path) -> None:
    found = resolve([f"savee={home}/savee", f"emodb={home}/emodb", f"my-calls={home}/calls.csv"])
    assert list(found) == ["savee", "emodb", "my-calls"]
    assert [scan.utterances[0].key for scan in found.values()] == [
        "savee/DC_a01",
        "emodb/03a01Fa",
        "my-calls/else/call.wav",
    ]


def test_the_shell_leaves_the_tilde_to_us(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    assert len(resolve(["emodb=~/emodb"])["emodb"].utterances) == 1


def test_the_variable_names_a_folder_with_one_folder_per_corpus(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(home))
    assert list(resolve()) == ["emodb", "savee"]


def test_an_option_wins_over_the_variable_and_a_name_alone_uses_it(home: Path) -> None:
    environment = {VARIABLE: str(home)}
    assert list(resolve(["savee"], environment=environment)) == ["savee"]
    assert list(resolve([f"t={home}/calls.csv"], environment=environment)) == ["t"]


def test_nothing_asked_for_is_nothing() -> None:
    assert resolve((), environment={}) == {}


def test_a_table_may_have_the_name_of_a_known_corpus(home: Path) -> None:
    assert resolve([f"emodb={home}/calls.csv"])["emodb"].utterances[0].label == "anger"


def test_a_folder_called_like_a_table_is_a_folder(home: Path) -> None:
    (home / "emodb").rename(home / "emodb.csv")
    assert len(load("emodb", home / "emodb.csv").utterances) == 1


def test_an_unknown_corpus_gets_a_suggestion_and_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'emodb'\? .*; any other as a table: emo-db=FILE.csv"):
        resolve(["emo-db=somewhere"])
    with pytest.raises(UnknownNameError, match="did you mean 'emodb'"):
        load("emo-db", Path("somewhere"))


@pytest.mark.parametrize("option", ["", "=x", "emodb=", "other", "a/b=x.csv", "=", ".x=y.csv"])
def test_an_option_of_another_form(option: str) -> None:
    with pytest.raises(UsageError, match=rf"^'{option}' was given; allowed: NAME=DIR"):
        resolve([option], environment={})


def test_a_corpus_without_a_folder() -> None:
    with pytest.raises(UsageError, match="'emodb' was given without a folder; allowed: emodb=DIR, or set EMOTONE_CORP"):
        resolve(["emodb"], environment={})


def test_a_name_given_twice(home: Path) -> None:
    with pytest.raises(UsageError, match="the corpus 'emodb' is given twice"):
        resolve([f"emodb={home}/emodb", f"emodb={home}/calls.csv"])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        resolve([f"emodb={tmp_path}/none"])


@pytest.mark.parametrize(("folder", "seen"), [("else", "1 other recordings"), ("empty", "no recordings at all")])
def test_a_folder_without_clips_of_the_corpus_is_refused_with_an_example(home: Path, folder: str, seen: str) -> None:
    (home / "empty").mkdir()
    with pytest.raises(
        CorpusError, match=rf"contains no clip of emodb, but {seen}; expected are files such as wav/03a01Fa.wav"
    ):
        resolve([f"emodb={home}/{folder}"])


def test_recordings_whose_labels_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "cc_001.sph").touch()
    with pytest.raises(CorpusError, match=r"has no usable clip of emoprosody; .*1 recording has no"):
        load("emoprosody", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("file,label\n", ": it has a header only"), ("file,label\nnone.wav,anger\n", "the first problem: .*no such file")],
)
def test_a_table_without_a_usable_row(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text, "utf-8")
    with pytest.raises(CorpusError, match=f"has no usable row.*{message}"):
        resolve([f"t={tmp_path}/t.csv"])


def test_a_variable_that_names_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"{VARIABLE} names .*none, which is not a folder"):
        resolve(environment={VARIABLE: str(tmp_path / "none")})


def test_a_variable_that_names_a_folder_without_corpora(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=f"{VARIABLE} names .* which contains none of the folders afew, crema-d, emodb"
    ):
        resolve(environment={VARIABLE: str(tmp_path)})


def test_a_label_map_is_for_tables_and_every_word_must_match(tmp_path: Path) -> None:
    for name in ("a.wav", "wav/03a01Fa.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "t.csv").write_text("file,label\na.wav,Freude\n")
    options = [f"calls={tmp_path}/t.csv", f"emodb={tmp_path}/wav"]
    found = resolve(options, label_map={"freude": "surprise"})
    assert [scan.utterances[0].label for scan in found.values()] == ["surprise", "happiness"]
    with pytest.raises(UsageError, match=r"matches no label: unknown word 'wut'\. Allowed: freude"):
        resolve(options, label_map={"wut": "anger"})
