"""EmoBox's folds from a generated checkout: names, both forms of lists, shared speakers, missing clips."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.base import CORPORA
from emotone.errors import ConfigError, RunError, UnknownNameError, UsageError
from emotone.protocols import protocol
from emotone.protocols.families.emobox import clip_of
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols import Protocol

# One path of every corpus of ours that EmoBox has, as its lists write them.
PATHS = {
    "crema-d": ("downloads/cremad/AudioWAV/1053_TSI_HAP_XX.wav", "1053_TSI_HAP_XX", "1053"),
    "emodb": ("downloads/emodb/wav/03a02Wb.wav", "03a02Wb", "03"),
    "emovo": ("downloads/emovo/f2/gio-f2-d1.wav", "gio-f2-d1", "f2"),
    "enterface": ("downloads/enterface/subject 11/disgust/sentence 5/s12_di_5.avi", "s11_di_5", "s11"),
    "esd": ("downloads/esd/0018/Surprise/0018_001750.wav", "0018_001750", "0018"),
    "iemocap": (
        "downloads/iemocap/Session1/sentences/wav/Ses01F_impro04/Ses01F_impro04_M000.wav",
        "Ses01F_impro04_M000",
        "Ses01M",
    ),
    "ravdess": (
        "downloads/ravdess/audio/Audio_Speech_Actors_01-24/Actor_21/03-01-08-01-01-02-21.wav",
        "03-01-08-01-01-02-21",
        "21",
    ),
    "savee": ("downloads/savee/JE_n07.wav", "JE_n07", "JE"),
    "shemo": ("downloads/shemo/female/F07W05.wav", "F07W05", "F07"),
    "tess": ("downloads/tess/OAF_rag_happy.wav", "OAF_rag_happy", "OAF"),
    "urdu": ("downloads/urdu/Sad/SM25_F38_S088.wav", "SM25_F38_S088", "SM25"),
}
LEAKING = (["03a01Wa", "03a02Fa", "08a01Na"], ["03a04Ta", "09a01Wa"])
INDEPENDENT = (["DC_a01", "DC_h01", "DC_n30"], ["JE_a01", "JE_sa02"])


@pytest.mark.parametrize("corpus", PATHS)
def test_paths_are_read_by_our_own_parsers(corpus: str) -> None:
    path, name, speaker = PATHS[corpus]
    assert clip_of(corpus, path) == (name, speaker)
    assert clip_of(corpus, path.removeprefix("downloads/")) == (name, speaker)
    assert clip_of(corpus, "downloads/x/readme.wav") is None


def utterances(corpus: str, names: Sequence[str]) -> list[Utterance]:
    found = []
    for name in names:
        parsed = CORPORA.get(corpus).parser(PurePosixPath(f"{name}.wav"))
        assert parsed is not None
        found.append(Utterance(name, corpus, Path(name), 0.0, None, parsed.speaker, parsed.speaker, parsed.label))
    return found


def write(
    root: Path, corpus: str, folds: Sequence[Sequence[Sequence[str]]], *, field: str = "wav", stem: str = "fold_{}"
) -> Path:
    """Write lists as EmoBox stores them, and return the checkout."""
    plain = corpus.replace("-", "")
    for number, parts in enumerate(folds, start=1):
        inside = root / "data" / plain / f"fold_{number}"
        inside.mkdir(parents=True, exist_ok=True)
        for part, names in zip(("train", "test", "valid"), parts, strict=False):
            rows = [{"key": f"{plain}-{name}", field: f"downloads/{plain}/{name}.wav", "emo": "x"} for name in names]
            text = "".join(json.dumps(row) + "\n" for row in rows) + "\n"
            (inside / f"{plain}_{part}_{stem.format(number)}.jsonl").write_text(text)
    return root


def test_folds_are_what_the_lists_say(tmp_path: Path) -> None:
    train, test = INDEPENDENT
    chosen = protocol(f"emobox:{write(tmp_path, 'savee', [(train, test), (test, train)])}:savee")
    folds = chosen.folds(utterances("savee", train + test), seed=0)
    assert [fold.name for fold in folds] == ["fold_1", "fold_2"]
    assert folds[0].test == ("savee/JE_a01", "savee/JE_sa02")
    assert set(folds[0].train) | set(folds[0].dev) == {f"savee/{name}" for name in train}
    assert chosen.speaker_independent
    assert chosen.twin is None
    assert chosen.description == "EmoBox's 2 folds of savee"
    assert chosen.name == f"emobox-savee-{chosen.signature[2][:8]}"  # type: ignore[index]


def test_every_fifth_training_clip_is_the_dev_part(tmp_path: Path) -> None:
    train = [f"DC_n{number:02d}" for number in range(1, 31)]
    chosen = protocol(f"emobox:{write(tmp_path, 'savee', [(train, ['JE_a01'])])}:savee")
    (fold,) = chosen.folds(utterances("savee", [*train, "JE_a01"]), seed=0)
    assert (len(fold.train), len(fold.dev)) == (24, 6)


def test_shared_speakers_are_measured_and_reported(tmp_path: Path) -> None:
    train, test = LEAKING
    chosen = protocol(f"emobox:{write(tmp_path, 'emodb', [(train, test)])}:emodb")
    assert not chosen.speaker_independent
    assert (
        chosen.description == "EmoBox's 1 fold of emodb, SPEAKER-DEPENDENT: 1 test speakers are also in training parts"
    )
    assert chosen.name.startswith("emobox-emodb-speakers-shared-")
    assert chosen.twin == "speaker-folds-2"  # 5 clips, 2 tested: about every second
    assert not protocol(chosen.name).speaker_independent
    assert chosen.folds(utterances("emodb", train + test), seed=0)


@pytest.mark.parametrize(("folds", "twin"), [(2, "speaker-folds-2"), (3, "speaker-folds-3"), (4, "speaker-folds-3")])
def test_a_twin_has_as_many_folds_as_there_are_speakers_for(tmp_path: Path, folds: int, twin: str) -> None:
    assert protocol(f"emobox:{write(tmp_path, 'emodb', [LEAKING] * folds)}:emodb").twin == twin


def test_a_validation_list_counts_as_training_data(tmp_path: Path) -> None:
    root = write(tmp_path, "savee", [(["DC_a01", "DC_a02"], ["JE_a01"], ["JE_h01"])])
    assert not protocol(f"emobox:{root}:savee").speaker_independent


def test_of_lists_stored_twice_one_is_read(tmp_path: Path) -> None:
    train, test = INDEPENDENT
    write(tmp_path, "savee", [(test, train)], field="audio", stem="fold{}")
    old = protocol(f"emobox:{tmp_path}:savee")
    assert old.folds(utterances("savee", train + test), seed=0)[0].test == tuple(sorted(f"savee/{n}" for n in train))
    write(tmp_path, "savee", [(train, test)])
    both = protocol(f"emobox:{tmp_path}:savee")
    assert both.folds(utterances("savee", train + test), seed=0)[0].test == tuple(sorted(f"savee/{n}" for n in test))
    assert both.name != old.name


def test_the_folder_may_be_the_checkout_its_data_or_the_corpus(tmp_path: Path) -> None:
    root = write(tmp_path / "a:b", "crema-d", [(["1001_DFA_ANG_XX", "1001_DFA_SAD_XX"], ["1002_DFA_ANG_XX"])])
    names = [f"{root}:crema-d", f"{root}:cremad", f"{root}/data:crema-d", f"{root}/data/cremad"]
    found: list[Protocol] = [protocol(f"emobox:{name}") for name in names]
    assert len(set(found)) == 1
    assert found[0].name.startswith("emobox-crema-d-")
    assert protocol(found[0].name).speaker_independent is found[0].speaker_independent


def test_what_is_missing_or_left_out_is_counted(tmp_path: Path) -> None:
    train, test = INDEPENDENT
    chosen = protocol(f"emobox:{write(tmp_path, 'savee', [([*train, 'notes'], test)])}:savee")
    given = utterances("savee", [*train[1:], *test, "KL_a01"])
    (fold,) = chosen.folds(given, seed=0)
    assert not any("KL" in key for key in fold.train + fold.dev + fold.test)
    assert chosen.notes(given) == (
        "1 utterances of EmoBox's lists are not among the given ones (first: savee/DC_a01)",
        "1 given utterances are in none of EmoBox's lists, and left out (first: savee/KL_a01)",
        "1 lines of EmoBox's lists name no clip of savee",
    )


def test_lists_that_match_nothing_are_an_error(tmp_path: Path) -> None:
    chosen = protocol(f"emobox:{write(tmp_path, 'savee', [INDEPENDENT])}:savee")
    with pytest.raises(
        RunError, match=r"fold_1 of EmoBox's savee lists 3 training and 2 test .* 0 and 0 are among the 2"
    ):
        chosen.folds(utterances("savee", ["KL_a01", "KL_a02"]), seed=0)


def test_another_corpus_is_refused(tmp_path: Path) -> None:
    chosen = protocol(f"emobox:{write(tmp_path, 'savee', [INDEPENDENT])}:savee")
    with pytest.raises(RunError, match="divides the corpus savee and no other; given: emodb"):
        chosen.folds(utterances("emodb", LEAKING[0]), seed=0)


def test_a_clip_in_two_parts_is_refused(tmp_path: Path) -> None:
    train, test = INDEPENDENT
    chosen = protocol(f"emobox:{write(tmp_path, 'savee', [([*train, test[0]], test)])}:savee")
    with pytest.raises(RunError, match=r"has 1 clips in two parts of fold_1 \(first: savee/JE_a01\)"):
        chosen.folds(utterances("savee", train + test), seed=0)


def test_folders_that_are_not_a_checkout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no folder .*none; give a checkout of emo-box/EmoBox"):
        protocol(f"emobox:{tmp_path / 'none'}:emodb")
    with pytest.raises(UsageError, match="contains lists of none of the known corpora"):
        protocol(f"emobox:{tmp_path}")
    write(tmp_path, "savee", [INDEPENDENT])
    write(tmp_path, "emodb", [LEAKING])
    with pytest.raises(UsageError, match=r"contains lists of 2 corpora; name one, e\.g\. emobox:DIR:emodb"):
        protocol(f"emobox:{tmp_path}")
    with pytest.raises(UnknownNameError, match=r"unknown corpus of EmoBox 'emoddb'; did you mean 'emodb'\? Allowed: e"):
        protocol(f"emobox:{tmp_path}:emoddb")
    (tmp_path / "data/urdu").mkdir()
    with pytest.raises(UsageError, match="urdu contains no folders fold_1"):
        protocol(f"emobox:{tmp_path}:urdu")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"wav": "downloads/savee/DC_a01.wav"}\n{"wav"\n', "line 2: is not JSON"),
        (b'{"key": "savee-DC-a01"}\n', "line 1: neither 'wav' nor 'audio' names a recording"),
        (b"[1]\n", "line 1: neither 'wav' nor 'audio'"),
        (b'{"wav": "downloads/savee/readme.wav"}\n', "names no clip of savee; its first of 1 lines"),
        (b"", "names no clip of savee; its first of 0 lines"),
        (b"\xff\n", "'utf-8' codec can't decode"),
    ],
)
def test_unreadable_lists_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    write(tmp_path, "savee", [INDEPENDENT])
    (tmp_path / "data/savee/fold_1/savee_train_fold_1.jsonl").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"savee_train_fold_1\.jsonl.*{words}"):
        protocol(f"emobox:{tmp_path}:savee")


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "savee", [INDEPENDENT])
    (tmp_path / "data/savee/fold_1/savee_test_fold_1.jsonl").unlink()
    with pytest.raises(
        ConfigError, match=r"fold_1 has no savee_test_fold_1\.jsonl; the checkout of EmoBox is not compl"
    ):
        protocol(f"emobox:{tmp_path}:savee")
