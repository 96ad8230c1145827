"""A detector's threshold decides the labels of segments, utterances and clips, offline and live."""

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
def signal(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Loud noise, then a second of silence, so that an utterance ends."""
    return np.concatenate([noise, np.zeros(32000, np.float32)])


@pytest.mark.parametrize("quantile", [0.2, 0.5, 0.8])
def test_the_threshold_decides_every_label(
    make_bundle: MakeBundle,
    signal: NDArray[np.float32],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quantile: float,
) -> None:
    monkeypatch.setattr("emotone.inference.engine.NetworkDetector", LoudDetector)
    plain = load(make_bundle(tmp_path / "plain", labels=LABELS)).predict(signal, rate=16000)
    found = [one.probabilities["anger"] for one in plain.segments]
    assert len(set(found)) > 3
    threshold = float(np.quantile(found, quantile))
    model = load(make_bundle(tmp_path / "set", labels=LABELS, thresholds={"anger": threshold}))

    def expected(probability: float) -> str:
        return "anger" if probability >= threshold else "other"

    whole = model.predict(signal, rate=16000)
    assert {one.label for one in whole.segments} == {"anger", "other"}
    for one in whole.segments:
        assert one.label == expected(one.probabilities["anger"])
    for part in whole.utterances:
        assert part.label == expected(part.probabilities["anger"])
    assert whole.clip.label == expected(whole.clip.probabilities["anger"])
    with model.session(rate=16000) as session:
        events = [*session.push(signal), *session.end()]
    live = [event for event in events if isinstance(event, Measurement)]
    assert [event.label for event in live] == [one.label for one in whole.segments]
    (end,) = (event for event in events if isinstance(event, UtteranceEnd))
    assert end.clip.label == expected(end.clip.probabilities["anger"])


def test_without_thresholds_the_most_probable_label_is_reported(
    make_bundle: MakeBundle, signal: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.inference.engine.NetworkDetector", LoudDetector)
    whole = load(make_bundle(tmp_path / "plain", labels=LABELS)).predict(signal, rate=16000)
    for one in whole.segments:
        assert one.label == ("anger" if one.probabilities["anger"] >= 0.5 else "other")
