"""Each corpus's names: what they say, the complete published grid, and what is none of theirs."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.base import CORPORA, Parsed

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse(corpus: str, name: str) -> Parsed | None:
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


@pytest.mark.parametrize(("name", "grid"), [("ravdess", ravdess_grid), ("savee", savee_grid), ("emovo", emovo_grid)])
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
            Parsed("03a01Fa", "03", "Freude", extras={"sentence": "a01", "version": "a", "gender": "male"}),
        ),
        (
            "emodb",
            "16b10Td.WAV",
            Parsed("16b10Td", "16", "Trauer", extras={"sentence": "b10", "version": "d", "gender": "female"}),
        ),
        (
            "ravdess",
            "Actor_12/03-01-05-02-01-02-12.wav",
            Parsed(
                "03-01-05-02-01-02-12",
                "12",
                "angry",
                extras={"sentence": "01", "intensity": "strong", "repetition": "02", "gender": "female"},
            ),
        ),
        (
            "nemo",
            "samples/WR0_surprised_64.wav",
            Parsed("WR0_surprised_64", "WR0", "surprised", extras={"sentence": "64", "gender": "male"}),
        ),
        ("savee", "DC/a01.wav", Parsed("DC_a01", "DC", "anger", extras={"sentence": "a01", "gender": "male"})),
        ("savee", "DC_a01.flac", Parsed("DC_a01", "DC", "anger", extras={"sentence": "a01", "gender": "male"})),
        (
            "emovo",
            "f1/gio-f1-b1.wav",
            Parsed("gio-f1-b1", "f1", "gioia", extras={"sentence": "b1", "gender": "female"}),
        ),
    ],
)
def test_a_name_says(corpus: str, name: str, expected: Parsed) -> None:
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
    ],
)
def test_a_name_that_is_none_of_the_corpus(corpus: str, name: str) -> None:
    assert parse(corpus, name) is None
