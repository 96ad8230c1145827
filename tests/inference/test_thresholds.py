"""A detector's threshold decides about segments, clips and utterances, offline and live, wherever it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.inference.conftest import LoudDetector

from emotone.inference.events import Measurement, UtteranceEnd
from emotone.inference.model import load

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.conftest import MakeBundle

LABELS = ("anger", "other")


@pytest.fixture
def spoken(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Loud noise, then a second of silence, so that an utterance ends."""
    return np.concatenate([noise, np.zeros(32000, np.float32)])


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_files_and_streams_hang_on_the_threshold(
    make_bundle: MakeBundle,
    spoken: NDArray[np.float32],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: float,
) -> None:
    monkeypatch.setattr("emotone.inference.engine.ActivityDetector", LoudDetector)
    plain = load(make_bundle(tmp_path / "plain", labels=LABELS)).predict(spoken, rate=16000)
    found = [one.probabilities["anger"] for one in plain.segments if one.speech]
    assert len(set(found)) > 3
    threshold = float(np.quantile(found, place))
    model = load(make_bundle(tmp_path / "set", labels=LABELS, thresholds={"anger": threshold}))

    def named(chance: float) -> str:
        return "anger" if chance >= threshold else "other"

    whole = model.predict(spoken, rate=16000)
    labels = {one.label for one in whole.segments if one.speech}
    assert labels == {"anger", "other"}
    for one in whole.segments:
        assert one.label == (named(one.probabilities["anger"]) if one.speech else None)
    assert whole.clip.label == named(whole.clip.probabilities["anger"])
    with model.session(rate=16000) as session:
        events = [*session.push(spoken), *session.end()]
    live = [event for event in events if isinstance(event, Measurement)]
    assert [event.label for event in live] == [one.label for one in whole.segments]
    ends = [event for event in events if isinstance(event, UtteranceEnd)]
    assert ends
    for end in ends:
        assert end.clip.label == named(end.clip.probabilities["anger"])


def test_without_thresholds_the_most_probable_is_named(
    make_bundle: MakeBundle, spoken: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.inference.engine.ActivityDetector", LoudDetector)
    whole = load(make_bundle(tmp_path / "plain", labels=LABELS)).predict(spoken, rate=16000)
    for one in whole.segments:
        likelier = "anger" if one.probabilities["anger"] >= 0.5 else "other"
        assert one.label == (likelier if one.speech else None)
