"""Every corpus in the registry: required information, and a parser that reads its own layout only."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.corpora import base
from emotone.corpora.base import CORPORA, Corpus
from emotone.corpora.check import recognise
from emotone.corpora.database import read_database, write_database
from emotone.corpora.labels import EMOTIONS, UNKNOWN, emotion_of
from emotone.corpora.scan import scan
from emotone.corpora.table import read_table, write_table
from emotone.corpora.table_rows import COLUMNS

# Recordings that belong to no corpus here; the first two are other parts of RAVDESS, the next are whole dialogues of
# IEMOCAP and an uncut recording of eNTERFACE.
FOREIGN = (
    "Actor_01/03-02-03-01-01-01-01.wav",
    "Actor_01/01-01-03-01-01-01-01.mp4",
    "Session1/dialog/wav/Ses01F_impro01.wav",
    "Session1/dialog/avi/DivX/Ses01F_impro01.avi",
    "subject 6/anger/s6_an_1.avi",
    "Test/000046280.avi",
    "1001_DFA_ANG_XX_copy.wav",
    "anger/01.wav",
    "s1/talk.avi",
    "call.wav",
)


@pytest.fixture(params=CORPORA.names)
def corpus(request: pytest.FixtureRequest) -> Corpus:
    return CORPORA.get(request.param)


def grow(root: Path, names: tuple[str, ...]) -> Path:
    """Make empty files; of recordings, scanning looks at names alone."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def download(root: Path, corpus: Corpus, *, suffix: str = "") -> Path:
    """Make a small tree of the corpus's layout with its label files; `suffix` as in a converted copy."""
    names = [str(PurePosixPath(name).with_suffix(suffix)) if suffix else name for name in corpus.examples]
    grow(root, tuple(names))
    for name, text in (corpus.annotations.examples if corpus.annotations else {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def test_there_are_corpora() -> None:
    named = "afew crema-d emodb emoprosody emovo enterface esd iemocap masc nemo ravdess rml savee shemo tess urdu"
    assert set(named.split()) <= set(CORPORA.names)


def test_the_name_is_that_of_the_file(corpus: Corpus) -> None:
    assert CORPORA.get(corpus.name) is corpus


def test_a_corpus_file_imports_only_the_base_of_its_package(corpus: Corpus) -> None:
    file = Path(base.__file__).parent / "datasets" / f"{corpus.name.replace('-', '_')}.py"
    tree = ast.parse(file.read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert {name for name in imported if name.startswith("emotone")} == {"emotone.corpora.base"}


def test_texts_are_there(corpus: Corpus) -> None:
    for text in (corpus.title, corpus.citation, corpus.access, corpus.layout, corpus.licence.note):
        assert len(text) > 10
        assert text == " ".join(text.split())
    assert re.search(r"\b(19|20)\d\d\b", corpus.citation), "a citation has a year"
    assert re.fullmatch(r"[A-Za-z0-9.-]+", corpus.licence.name)
    assert corpus.languages
    assert all(re.fullmatch(r"[a-z]{2,3}(-[A-Z]{2})?", tag) for tag in corpus.languages)


def test_only_licences_that_allow_it_let_weights_be_published(corpus: Corpus) -> None:
    if corpus.licence.weights_shippable:
        assert corpus.licence.name in {"CC0-1.0", "CC-BY-NC-SA-4.0"}, "look at the terms again, then name them here"


def test_counts_are_there_and_labels_canonical(corpus: Corpus) -> None:
    assert set(corpus.counts) == set(corpus.emotions.values()) <= {*EMOTIONS, UNKNOWN}
    assert all(count > 0 for count in corpus.known_counts.values())
    known = len(corpus.known_counts) == len(corpus.counts)
    assert corpus.clips == (sum(corpus.known_counts.values()) if known else None)
    assert len(set(corpus.speakers)) == len(corpus.speakers) != 1
    assert list(corpus.speakers) == sorted(corpus.speakers)
    assert corpus.speaker_count is None or corpus.speaker_count > 1


def test_its_words_in_a_table_are_never_mapped_to_another_emotion(corpus: Corpus) -> None:
    assert all(emotion_of(word) in (None, emotion) for word, emotion in corpus.emotions.items())


def test_suffixes_are_lower_case_and_include_lossless_copies(corpus: Corpus) -> None:
    assert {".wav", ".flac", ".ogg"} <= set(corpus.suffixes)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in corpus.suffixes)


def test_its_own_tree_is_read_completely(corpus: Corpus, tmp_path: Path) -> None:
    found = scan(corpus, download(tmp_path, corpus))
    assert {utterance.path for utterance in found.utterances} == {tmp_path / name for name in corpus.examples}
    assert (found.unrecognised, found.repeated, found.problems) == ((), (), ())
    assert {utterance.label for utterance in found.utterances} == set(corpus.counts)
    for utterance in found.utterances:
        assert utterance.corpus == corpus.name
        assert not corpus.speakers or utterance.speaker in corpus.speakers
        assert utterance.session or not utterance.speaker
        assert utterance.end is None or 0 <= utterance.start < utterance.end
        assert corpus.emotions[utterance.extras["original_label"]] == utterance.label
        assert all(isinstance(value, str) and value for value in utterance.extras.values())
        assert not set(utterance.extras) & set(COLUMNS), "it would hide a column of a table"


def test_where_names_tell_everything_a_recording_is_one_utterance(corpus: Corpus, tmp_path: Path) -> None:
    found = scan(corpus, download(tmp_path, corpus))
    if corpus.annotations is None:
        assert len(found.utterances) == len(corpus.examples)
        assert {(utterance.start, utterance.end) for utterance in found.utterances} == {(0.0, None)}
    else:
        assert len(found.utterances) >= len(corpus.examples)


def test_ids_are_unique_sorted_and_the_same_for_converted_copies(corpus: Corpus, tmp_path: Path) -> None:
    original = scan(corpus, download(tmp_path / "original", corpus))
    copy = scan(corpus, download(tmp_path / "copy", corpus, suffix=".FLAC"))
    ids = [utterance.id for utterance in original.utterances]
    assert ids == sorted(set(ids)) == [utterance.id for utterance in copy.utterances]


def test_it_is_read_back_from_a_table(corpus: Corpus, tmp_path: Path) -> None:
    found = scan(corpus, download(tmp_path, corpus))
    write_table(found, tmp_path / "t.csv")
    again = read_table(tmp_path / "t.csv", name=corpus.name)
    assert again.problems == ()
    assert again.utterances == found.utterances


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
def test_it_is_read_back_from_a_database(corpus: Corpus, tmp_path: Path) -> None:
    found = scan(corpus, download(tmp_path, corpus))
    write_database(found, tmp_path, corpus=corpus)
    again = read_database(tmp_path, name=corpus.name)
    assert again.problems == ()
    assert again.utterances == found.utterances
    assert recognise(tmp_path) is corpus


def test_known_duplicates_are_ids_of_the_corpus(corpus: Corpus) -> None:
    for ids in corpus.known_duplicates:
        assert len(ids) > 1
        assert list(ids) == sorted(ids)
        parsed = [corpus.parse(PurePosixPath(f"{name}.wav")) for name in ids]
        assert [item.id for item in parsed if item] == list(ids)


def test_parsing_touches_no_disk_and_wants_a_known_suffix(corpus: Corpus) -> None:
    for name in corpus.examples:
        path = PurePosixPath(name)
        parsed = corpus.parse(path)
        assert parsed is not None
        assert (parsed.label == "") == (corpus.annotations is not None)
        assert corpus.parse(path.with_suffix(".txt")) is None
        assert corpus.parse(path.with_suffix("")) is None


def test_a_foreign_tree_is_not_recognised(corpus: Corpus, tmp_path: Path) -> None:
    others = tuple(name for key, other in CORPORA.all().items() if key != corpus.name for name in other.examples)
    found = scan(corpus, grow(tmp_path, FOREIGN + others))
    assert found.utterances == ()
    assert len(found.unrecognised) == len(FOREIGN + others)


def test_a_folder_is_recognised_as_this_corpus_and_no_other(corpus: Corpus, tmp_path: Path) -> None:
    assert recognise(download(tmp_path, corpus)) is corpus


@given(st.text(max_size=30), st.sampled_from([".wav", ".WAV", ".flac", ""]))
def test_any_name_is_parsed_or_refused_but_never_fails(name: str, suffix: str) -> None:
    for corpus in CORPORA.all().values():
        parsed = corpus.parse(PurePosixPath("folder") / (name + suffix))
        assert parsed is None or parsed.label in (corpus.emotions if corpus.annotations is None else {""})


@given(st.text(max_size=80) | st.text("0123456789.[]- \t\n:;,()AC", max_size=80))
def test_any_label_file_is_read_line_by_line_and_never_fails(text: str) -> None:
    for corpus in CORPORA.all().values():
        for name in corpus.annotations.examples if corpus.annotations else ():
            assert corpus.annotations is not None
            list(corpus.annotations.read(PurePosixPath(name), text))


@pytest.mark.shared
def test_the_real_corpus_is_complete(corpus: Corpus, shared: Path) -> None:
    folder = shared / "corpora" / corpus.name
    if not folder.is_dir():
        assert not corpus.verified, "a corpus of which no copy was read is called verified"
        pytest.skip(f"no copy of {corpus.name} in {folder.parent}")
    assert corpus.verified
    found = scan(corpus, folder)
    assert corpus.clips in (None, len(found.utterances))
    counts = Counter(utterance.label for utterance in found.utterances)
    assert {label: counts[label] for label in corpus.known_counts} == corpus.known_counts
    speakers = {utterance.speaker for utterance in found.utterances}
    assert not corpus.speakers or speakers == set(corpus.speakers)
    assert (found.unrecognised, found.problems) == ((), ())
    assert recognise(folder) is corpus
