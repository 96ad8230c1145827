"""The division of a user's clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.evaluation.personalise import division
from emotone.types import Utterance


def clips(*speakers: str) -> list[Utterance]:
    return [Utterance(str(i), "own", Path(), 0.0, None, name, name, "anger") for i, name in enumerate(speakers)]


@pytest.mark.parametrize(
    ("speakers", "protocol", "caveat"),
    [
        (("a", "b"), "speaker-folds-2", ""),
        (("a", "b", "c", "d"), "speaker-folds-3", ""),
        (("", ""), "random-3", "the speakers of the clips are not known"),
        (("a", ""), "random-3", "the speakers of some clips are not known"),
        (("a", "a"), "random-3", "all clips are of one speaker, so that the score says nothing about others"),
    ],
)
def test_speakers_are_kept_apart_where_they_are_known(speakers: tuple[str, ...], protocol: str, caveat: str) -> None:
    assert division(clips(*speakers)) == (protocol, caveat)
