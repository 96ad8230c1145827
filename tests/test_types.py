"""The records that cross floors."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from emotone.types import Fold, Utterance


def clip(corpus: str = "emodb") -> Utterance:
    return Utterance("03a01Fa", corpus, Path("03a01Fa.wav"), 0.0, None, "03", "03", "happiness")


def test_keys_are_unique_over_corpora() -> None:
    assert clip().key == "emodb/03a01Fa"
    assert clip().speaker_key == "emodb/03"
    assert clip("other").key != clip().key


def test_records_are_frozen_values() -> None:
    assert clip() == clip()
    with pytest.raises(FrozenInstanceError):
        clip().label = "anger"  # type: ignore[misc]
    assert len({Fold("f", ("a",), (), ("b",)), Fold("f", ("a",), (), ("b",))}) == 1


def test_extras_are_not_shared() -> None:
    assert clip().extras == {}
    assert clip().extras is not clip().extras
