"""Labels: sets, maps from other names, and folders named by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.corpora.base import CORPORA
from emotone.corpora.labels import (
    EMOTIONS,
    LABEL_SETS,
    SUGGESTIONS,
    UNKNOWN,
    WORDS,
    LabelSet,
    apply_labels,
    canonical,
    check_label_map,
    emotion_of,
    label_set,
    label_set_for,
    mapped_label,
    mapped_words,
    parse_label_map,
)
from emotone.corpora.table import read_label_folders
from emotone.errors import CorpusError, UnknownNameError, UsageError
from emotone.types import Utterance

# ----------------------------------------------------------------------------------------------------------------------
#


def clip(name: str, label: str) -> Utterance:
    return Utterance(name, "toy", Path(name), 0.0, None, "s1", "s1", label)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_canonical_names_are_accepted_in_any_case(emotion: str) -> None:
    assert canonical(emotion) == canonical(f" {emotion.upper()}\t") == emotion


@pytest.mark.parametrize(("given", "meant"), [("angy", "anger"), ("panic", "fear"), ("normal", "neutral")])
def test_an_unknown_label_gets_the_nearest_and_all(given: str, meant: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"unknown label '{given}'; did you mean '{meant}'\? Allowed: anger, b"):
        canonical(given)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("happy", "happiness"),
        ("Sad", "sadness"),
        ("ANGRY", "anger"),
        ("fearful", "fear"),
        ("Wut", "anger"),
        ("Ärger", "anger"),
        ("Langeweile", "boredom"),
        ("rabbia", "anger"),
        ("paura", "fear"),
        ("zaskoczenie", "surprise"),
        ("złość", "anger"),
        ("colère", "anger"),
        ("COLERE", "anger"),
        ("miedo", "fear"),
        ("triste", "sadness"),
        ("gaoxing", "happiness"),
        ("生气", "anger"),
        ("khashm", "anger"),
        ("ghussa", "anger"),
        ("exc", "excitement"),
        ("xxx", "unknown"),
        ("nan", "unknown"),
    ],
)
def test_common_words_and_translations_are_mapped(given: str, meant: str) -> None:
    assert canonical(given) == meant


def test_a_word_means_one_emotion() -> None:
    listed = [*WORDS.values(), SUGGESTIONS]
    meanings: dict[str, set[str]] = {}
    for emotions in listed:
        assert set(emotions) <= {*EMOTIONS, "unknown"}
        for emotion, words in emotions.items():
            for word in words.split():
                meanings.setdefault(word, set()).add(emotion)
    assert {word: found for word, found in meanings.items() if len(found) > 1} == {}
    assert not set(meanings) & {*EMOTIONS, "unknown"}
    assert all(emotion_of(emotion) in (None, emotion) for emotion in (*EMOTIONS, "unknown"))


def test_a_label_near_nothing_gets_no_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown label 'qqq'\. Allowed: anger"):
        canonical("qqq")


@pytest.mark.parametrize("name", LABEL_SETS)
def test_a_label_set_merges_canonical_emotions_into_its_labels(name: str) -> None:
    labels = label_set(name)
    assert labels.name == name
    assert len(set(labels.labels)) == len(labels.labels)
    assert set(labels.merge) <= set(EMOTIONS)
    assert set(labels.merge.values()) == set(labels.labels)
    own = [label for label in labels.labels if label not in EMOTIONS]
    assert list(labels.labels) == [*own, *(emotion for emotion in EMOTIONS if emotion in labels.labels)]
    assert own in ([], [name]), "a label that is no emotion is called like its task"


def test_no_two_label_sets_are_the_same() -> None:
    given = {(tuple(sorted(one.labels)), tuple(sorted(one.merge.items()))) for one in LABEL_SETS.values()}
    assert len(given) == len(LABEL_SETS)


def test_clips_for_a_finished_model_get_the_labels_of_the_first_set_that_has_its_labels() -> None:
    """Only `basic-seven` shares its labels with another set; it leaves out calm, which `seven` takes as neutral."""
    first = {name: label_set_for(one.labels).name for name, one in LABEL_SETS.items()}
    assert {name: found for name, found in first.items() if name != found} == {"basic-seven": "seven"}


@pytest.mark.parametrize("name", ["emodb", "ravdess", "nemo"])
def test_a_corpus_has_its_own_label_set(name: str) -> None:
    assert set(label_set(name).labels) == set(CORPORA.get(name).counts)


def test_seven_takes_calm_as_neutral_and_leaves_boredom_out() -> None:
    given = [clip("a", "calm"), clip("b", "boredom"), clip("c", "anger"), clip("d", "boredom"), clip("e", "other")]
    kept, dropped = apply_labels(given, label_set("seven"))
    assert [(item.id, item.label) for item in kept] == [("a", "neutral"), ("c", "anger")]
    assert dropped == {"boredom": 2, "other": 1}
    assert given[0].label == "calm"  # the argument is as it was


def test_anger_against_everything_else_leaves_nothing_out() -> None:
    kept, dropped = apply_labels([clip(emotion, emotion) for emotion in EMOTIONS], label_set("anger"))
    assert [item.id for item in kept if item.label == "anger"] == ["anger"]
    assert len(kept) == len(EMOTIONS)
    assert dropped == {}


def test_anger_and_frustration_against_the_rest_ignores_what_is_unknown() -> None:
    given = [clip(emotion, emotion) for emotion in (*EMOTIONS, UNKNOWN)]
    kept, dropped = apply_labels(given, label_set("anger-frustration"))
    assert [item.id for item in kept if item.label == "anger-frustration"] == ["anger", "frustration"]
    assert {item.label for item in kept} == {"anger-frustration", "other"}
    assert dropped == {"unknown": 1}


def test_six_and_four() -> None:
    kept, dropped = apply_labels([clip(emotion, emotion) for emotion in EMOTIONS], label_set("six"))
    assert label_set("six").present_in(kept[::-1]) == label_set("six").labels
    assert label_set("six").present_in([kept[3], kept[0]]) == ("anger", "happiness")
    assert [item.label for item in kept] == ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
    assert sorted(dropped) == ["boredom", "calm", "contempt", "excitement", "frustration", "neutral", "other"]
    kept, _ = apply_labels([clip("exc", "excitement"), clip("hap", "happiness")], label_set("four"))
    assert [item.label for item in kept] == ["happiness", "happiness"]


def test_unknown_is_a_label_of_clips_but_of_no_task() -> None:
    assert canonical(" Unknown") == UNKNOWN
    assert all(UNKNOWN not in labels.merge for labels in LABEL_SETS.values())
    with pytest.raises(UnknownNameError, match="unknown label 'unknown'"):
        label_set_for(("anger", UNKNOWN))


def test_an_unknown_label_set_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown label set 'sevn'; did you mean 'seven'\?"):
        label_set("sevn")


def test_the_labels_of_a_model_find_what_its_set_merges() -> None:
    labels = tuple(reversed(label_set("seven").labels))
    found = label_set_for(labels)
    assert found == LabelSet("seven", labels, label_set("seven").merge)


def test_other_labels_of_a_model_merge_nothing() -> None:
    assert label_set_for(("anger", "boredom")).merge == {"anger": "anger", "boredom": "boredom"}


def test_a_model_with_other_names_can_not_be_evaluated_on_canonical_labels() -> None:
    with pytest.raises(UnknownNameError, match="unknown label 'valence'"):
        label_set_for(("anger", "valence"))


# ----------------------------------------------------------------------------------------------------------------------
# Users' own words for emotions.


def clip_with_original_label(word: str, label: str) -> Utterance:
    return Utterance(word, "toy", Path(word), 0.0, None, "s", "s", label, {"original_label": word})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("happy=happiness", {"happy": "happiness"}),
        (" Mad = anger , hot anger=anger,", {"mad": "anger", "hot anger": "anger"}),
        ("calm=neutral", {"calm": "neutral"}),  # also a canonical name may be mapped
        ("x=unknown, y=joy", {"x": "unknown", "y": "happiness"}),
        ("a=anger,A=anger", {"a": "anger"}),
        ("", {}),
    ],
)
def test_pairs_are_parsed(text: str, expected: dict[str, str]) -> None:
    assert parse_label_map(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("happy", "the label map has 'happy'; allowed: WORD=EMOTION"),
        ("=anger", "the label map has '=anger'"),
        ("happy=", "the label map has 'happy='"),
        ("a=anger,a=fear", "two emotions for 'a': anger and fear"),
    ],
)
def test_other_forms_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_label_map(text)


def test_an_emotion_that_is_not_canonical_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown label 'angre'; did you mean 'anger'"):
        parse_label_map("mad=angre")


def test_the_map_takes_precedence_over_words_that_are_known() -> None:
    assert mapped_label(" Happy", {"happy": "excitement"}) == "excitement"
    assert mapped_label("Happy", {"sad": "excitement"}) == mapped_label("Happy", None) == "happiness"


def test_words_that_became_another_label_are_counted() -> None:
    clips = [
        clip_with_original_label("happy", "happiness"),
        clip_with_original_label("HAPPY ", "happiness"),
        clip_with_original_label("Anger", "anger"),
        clip_with_original_label("mad", "anger"),
    ]
    assert mapped_words(clips) == {"happy": ("happiness", 2), "mad": ("anger", 1)}


def test_a_word_that_matches_no_label_is_refused() -> None:
    check_label_map({"happy": "happiness"}, [clip_with_original_label("Happy", "happiness")])
    with pytest.raises(UsageError, match="matches no label: unknown word 'hapy'; did you mean 'happy'"):
        check_label_map({"hapy": "happiness"}, [clip_with_original_label("Happy", "happiness")])


# ----------------------------------------------------------------------------------------------------------------------
# Clips in folders that are named after their labels.


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_the_innermost_emotion_is_the_label_and_other_folders_are_the_speaker(tmp_path: Path) -> None:
    folder = touch(
        tmp_path, "anger/1.wav", "Happy/anna/1.wav", "ben/sadness/2.FLAC", "anger/notes.txt", "3.wav", "x/4.wav"
    )
    found = read_label_folders(folder, name="own")
    assert [(one.id, one.label, one.speaker) for one in found.utterances] == [
        ("Happy/anna/1.wav", "happiness", "anna"),
        ("anger/1.wav", "anger", ""),
        ("ben/sadness/2.FLAC", "sadness", "ben"),
    ]
    assert found.utterances[0].extras == {"original_label": "Happy"}
    assert [path.name for path in found.unrecognised] == ["3.wav", "4.wav"]
    assert all(one.path.exists() and one.corpus == "own" for one in found.utterances)


def test_the_label_map_names_further_words(tmp_path: Path) -> None:
    folder = touch(tmp_path, "tense/1.wav", "calm/2.wav")
    found = read_label_folders(folder, name="own", label_map={"tense": "fear"})
    assert [one.label for one in found.utterances] == ["calm", "fear"]


def test_a_folder_without_emotions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="has no clips in folders with the name of an emotion"):
        read_label_folders(touch(tmp_path, "monday/1.wav"), name="own")
