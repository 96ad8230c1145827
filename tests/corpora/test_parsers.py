"""The parser of each corpus: names, the complete published set of names, and names of other corpora."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.base import CORPORA, ParsedPath

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse(corpus: str, name: str) -> ParsedPath | None:
    return CORPORA.get(corpus).parse(PurePosixPath(name))


def ravdess_grid() -> Iterator[str]:
    """Every clip of the published corpus: neutral is spoken at normal intensity only."""
    for actor in range(1, 25):
        for emotion, intensity, statement, repetition in itertools.product(range(1, 9), (1, 2), (1, 2), (1, 2)):
            if (emotion, intensity) != (1, 2):
                name = f"03-01-{emotion:02d}-{intensity:02d}-{statement:02d}-{repetition:02d}-{actor:02d}.wav"
                yield f"Actor_{actor:02d}/{name}"


def savee_grid() -> Iterator[str]:
    for speaker, letter in itertools.product(("DC", "JE", "JK", "KL"), ("a", "d", "f", "h", "n", "sa", "su")):
        for number in range(1, 31 if letter == "n" else 16):
            yield f"AudioData/{speaker}/{letter}{number:02d}.wav"


def emovo_grid() -> Iterator[str]:
    sentences = ["b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2"]
    emotions = ["dis", "gio", "neu", "pau", "rab", "sor", "tri"]
    for speaker, emotion, sentence in itertools.product(("f1", "f2", "f3", "m1", "m2", "m3"), emotions, sentences):
        yield f"EMOVO/{speaker}/{emotion}-{speaker}-{sentence}.wav"


def enterface_grid() -> Iterator[str]:
    """Every video of the published corpus but the six of subject 6; three of subject 23 are missing there."""
    emotions = ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
    for subject, emotion, sentence in itertools.product(range(1, 45), emotions, range(1, 6)):
        if subject != 6 and (subject, emotion, sentence > 2) != (23, "happiness", True):
            name = f"s{12 if subject == 11 else subject}_{emotion[:2]}_{sentence}.avi"
            yield f"subject {subject}/{emotion}/sentence {sentence}/{name}"


def esd_grid() -> Iterator[str]:
    words = ["Neutral", "Angry", "Happy", "Sad", "Surprise"]
    for speaker, place, number in itertools.product(range(1, 21), range(5), range(350)):
        yield f"{speaker:04d}/{words[place]}/{speaker:04d}_{350 * place + number + 1:06d}.wav"


def urdu_grid() -> Iterator[str]:
    """Every file of the published corpus: speakers in the order of its numbers, with how many each has."""
    folders = {
        "Angry": "SM1 22 SM2 28 SM3 2 SM4 48",
        "Happy": "SF1 12 SF2 2 SF3 2 SF4 4 SF5 4 SF6 14 SF7 6 SF8 2 SM17 2 SM18 2 SM19 2 SM3 2 SM5 8 SM6 10 SM7 28",
        "Neutral": "SF9 4 SM20 10 SM21 4 SM22 2 SM3 8 SM5 72",
        "Sad": "SF10 2 SF11 4 SM23 6 SM24 38 SM25 40 SM26 2 SM27 4 SM6 4",
    }
    for folder, text in folders.items():
        fields = text.split()
        number = 0
        for speaker, count in zip(fields[::2], fields[1::2], strict=True):
            for file in range(1, int(count) + 1):
                number += 1
                yield f"{folder}/{speaker}_F{file}_{folder[0]}0{number}.wav"


def tess_grid() -> Iterator[str]:
    """Two hundred words, whatever they are."""
    words = ["".join(pair) for pair in itertools.product("abcdefghijklmnopqrst", "abcdefghij")]
    emotions = ["angry", "disgust", "fear", "happy", "neutral", "ps", "sad"]
    for speaker, word, emotion in itertools.product(("OAF", "YAF"), words, emotions):
        yield f"{speaker}_{word}_{emotion}.wav"


def rml_grid() -> Iterator[str]:
    """Ninety per subject, fifteen of each emotion."""
    for speaker, emotion, number in itertools.product(range(1, 9), ("an", "di", "fe", "ha", "sa", "su"), range(1, 16)):
        yield f"rml-{1 if speaker < 6 else 2}/s{speaker}/{emotion}{number}.avi"


GRIDS = {
    "ravdess": ravdess_grid,
    "savee": savee_grid,
    "emovo": emovo_grid,
    "enterface": enterface_grid,
    "esd": esd_grid,
    "urdu": urdu_grid,
    "tess": tess_grid,
    "rml": rml_grid,
}


@pytest.mark.parametrize(("name", "grid"), GRIDS.items())
def test_the_published_grid_gives_the_published_counts(name: str, grid: object) -> None:
    corpus = CORPORA.get(name)
    assert callable(grid)
    parsed = [corpus.parse(PurePosixPath(path)) for path in grid()]
    found = [item for item in parsed if item is not None]
    assert len(found) == len(parsed) == corpus.clips == len({item.id for item in found})
    assert Counter(corpus.emotions[item.label] for item in found) == corpus.counts
    assert {item.speaker for item in found} == set(corpus.speakers)


@pytest.mark.parametrize(
    ("corpus", "name", "expected"),
    [
        (
            "emodb",
            "wav/03a01Fa.wav",
            ParsedPath("03a01Fa", "03", "Freude", extras={"sentence": "a01", "version": "a", "gender": "male"}),
        ),
        (
            "emodb",
            "16b10Td.WAV",
            ParsedPath("16b10Td", "16", "Trauer", extras={"sentence": "b10", "version": "d", "gender": "female"}),
        ),
        (
            "ravdess",
            "Actor_12/03-01-05-02-01-02-12.wav",
            ParsedPath(
                "03-01-05-02-01-02-12",
                "12",
                "angry",
                extras={"sentence": "01", "intensity": "strong", "repetition": "02", "gender": "female"},
            ),
        ),
        (
            "nemo",
            "samples/WR0_surprised_64.wav",
            ParsedPath("WR0_surprised_64", "WR0", "surprised", extras={"sentence": "64", "gender": "male"}),
        ),
        ("savee", "DC/a01.wav", ParsedPath("DC_a01", "DC", "anger", extras={"sentence": "a01", "gender": "male"})),
        ("savee", "DC_a01.flac", ParsedPath("DC_a01", "DC", "anger", extras={"sentence": "a01", "gender": "male"})),
        (
            "emovo",
            "f1/gio-f1-b1.wav",
            ParsedPath("gio-f1-b1", "f1", "gioia", extras={"sentence": "b1", "gender": "female"}),
        ),
        (
            "tess",
            "OAF_neutral/OA_bite_neutral.wav",
            ParsedPath("OAF_bite_neutral", "OAF", "neutral", extras={"sentence": "bite", "gender": "female"}),
        ),
        (
            "crema-d",
            "AudioWAV/1040_ITH_SAD_X.wav",
            ParsedPath("1040_ITH_SAD_X", "1040", "SAD", extras={"sentence": "ITH", "intensity": "unspecified"}),
        ),
        ("shemo", "female/F24A68.wav", ParsedPath("F24A68", "F24", "A", extras={"gender": "female", "take": "68"})),
        (
            "urdu",
            "Happy/SM7_F28_H0100.wav",
            ParsedPath("SM7_F28_H0100", "SM7", "Happy", extras={"gender": "male", "take": "28"}),
        ),
        (
            "esd",
            "0011/Angry/train/0011_000351.wav",
            ParsedPath(
                "0011_000351", "0011", "Angry", extras={"sentence": "en001", "language": "en", "gender": "male"}
            ),
        ),
        (
            "esd",
            "0001_001750.wav",
            ParsedPath(
                "0001_001750", "0001", "Surprise", extras={"sentence": "zh350", "language": "zh", "gender": "female"}
            ),
        ),
        (
            "enterface",
            "subject 11/fear/sentence 5/s12_fe_5.avi",
            ParsedPath("s11_fe_5", "s11", "fear", extras={"sentence": "fe_5"}),
        ),
        ("enterface", "s3_ha_1.wav", ParsedPath("s3_ha_1", "s03", "happiness", extras={"sentence": "ha_1"})),
        ("rml", "rml-2/s8/an10.avi", ParsedPath("s8-an10", "s8", "anger")),
        ("rml", "s3/urdu/an1.mp4", ParsedPath("s3-urdu-an1", "s3", "anger", extras={"language": "urdu"})),
        (
            "afew",
            "Val_AFEW/Happy/000421754.avi",
            ParsedPath("Val-Happy-000421754", "", "Happy", extras={"part": "val"}),
        ),
        (
            "masc",
            "data/023/panic/s20_3.wav",
            ParsedPath("023-panic-s20_3", "023", "panic", extras={"sentence": "s20_3"}),
        ),
        ("emoprosody", "speech/cc_001.sph", ParsedPath("cc_001", "cc", "")),
        (
            "iemocap",
            "Session3/sentences/wav/Ses03M_impro05b/Ses03M_impro05b_F009.wav",
            ParsedPath(
                "Ses03M_impro05b_F009",
                "Ses03F",
                "",
                "Ses03",
                {"dialogue": "impro05b", "elicitation": "improvised", "gender": "female"},
            ),
        ),
        (
            "iemocap",
            "Ses05M_script01_1b_MXX0.flac",
            ParsedPath(
                "Ses05M_script01_1b_MXX0",
                "Ses05M",
                "",
                "Ses05",
                {"dialogue": "script01_1b", "elicitation": "scripted", "gender": "male"},
            ),
        ),
    ],
)
def test_names_are_parsed(corpus: str, name: str, expected: ParsedPath) -> None:
    assert parse(corpus, name) == expected


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        ("emodb", "04a01Fa.wav"),  # no such speaker
        ("emodb", "03a03Fa.wav"),  # no such sentence
        ("emodb", "03a01Sa.wav"),  # no such emotion
        ("emodb", "03a01fa.wav"),  # the letter's case matters
        ("emodb", "03a01F.wav"),
        ("emodb", "03a01Fa.mp3"),
        ("ravdess", "03-02-05-02-01-02-12.wav"),  # song
        ("ravdess", "01-01-05-02-01-02-12.wav"),  # audio and video
        ("ravdess", "03-01-01-02-01-01-12.wav"),  # a strong neutral
        ("ravdess", "03-01-09-01-01-01-12.wav"),
        ("ravdess", "03-01-05-02-01-02-25.wav"),
        ("ravdess", "03-01-05-02-01-02-00.wav"),
        ("nemo", "WR0_surprise_64.wav"),
        ("nemo", "WR0_anger_0.wav"),
        ("nemo", "WR0_anger_91.wav"),
        ("nemo", "XX0_anger_1.wav"),
        ("savee", "a01.wav"),  # whose?
        ("savee", "XY/a01.wav"),
        ("savee", "DC/a16.wav"),
        ("savee", "DC/n31.wav"),
        ("emovo", "gio-f4-b1.wav"),
        ("emovo", "gio-f1-b4.wav"),
        ("tess", "OYF_back_angry.wav"),
        ("tess", "OAF_back_surprise.wav"),
        ("tess", "OAF_angry.wav"),
        ("crema-d", "1000_DFA_ANG_XX.wav"),  # actors are 1001 to 1091
        ("crema-d", "1092_DFA_ANG_XX.wav"),
        ("crema-d", "1001_ABC_ANG_XX.wav"),
        ("crema-d", "1001_DFA_ANG_XX.mp3"),
        ("shemo", "F32A05.wav"),  # 31 women
        ("shemo", "M57A05.wav"),  # 56 men
        ("shemo", "F00A05.wav"),
        ("shemo", "F01B05.wav"),
        ("shemo", "F01A00.wav"),
        ("urdu", "Happy/SM1_F1_A01.wav"),  # the folder contradicts the name
        ("urdu", "Angry/SM8_F1_A01.wav"),  # no such speaker
        ("urdu", "Angry/SM1_F1_A1.wav"),
        ("urdu", "Angry/SM1_F1_A0101.wav"),
        ("esd", "0011/Happy/0011_000351.wav"),  # the folder contradicts the name
        ("esd", "0021/Angry/0021_000351.wav"),
        ("esd", "0011/Surprise/0011_001751.wav"),
        ("esd", "0011/Neutral/0011_000000.wav"),
        ("enterface", "subject 6/anger/s6_an_1.avi"),  # never cut into sentences
        ("enterface", "s6_an_1.wav"),
        ("enterface", "subject 1/fear/sentence 1/s1_an_1.avi"),  # the folder contradicts the name
        ("enterface", "subject 1/anger/sentence 2/s1_an_1.avi"),
        ("enterface", "subject 45/anger/sentence 1/s45_an_1.avi"),
        ("enterface", "subject 1/anger/sentence 1/s1_an_6.avi"),
        ("rml", "an1.avi"),  # whose?
        ("rml", "s9/an1.avi"),
        ("rml", "s1/a/b/an1.avi"),
        ("rml", "s1/an01.avi"),
        ("afew", "Test/000046280.avi"),
        ("afew", "Train/Contempt/000046280.avi"),
        ("afew", "Train/Angry/46280.avi"),
        ("masc", "anger/201.wav"),  # whose?
        ("masc", "001/angry/201.wav"),
        ("masc", "001/anger/2 01.wav"),
        ("emoprosody", "cc_1.sph"),
        ("iemocap", "Ses06F_impro01_F000.wav"),
        ("iemocap", "Ses01F_impro01.wav"),  # a whole dialogue
        ("iemocap", "Ses01F_impro01_X000.wav"),
    ],
)
def test_a_name_that_is_none_of_the_corpus(corpus: str, name: str) -> None:
    assert parse(corpus, name) is None
