"""Explanations: occlusion of bands and times, and what it shows."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.errors import RateError, UnknownNameError, UsageError
from emotone.inference.explanation import Explanation, explain_signal
from emotone.inference.occlusion import Band, Moment, bands_below, moments_in, muted, without_band
from emotone.inference.result import ModelInfo, Prediction
from emotone.inference.segments import Clip, UtteranceSegment

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.model import Model


# ----------------------------------------------------------------------------------------------------------------------
# Explanations of functions whose important parts are known, and of a model's predictions.

RATE = 8000
SECONDS = 3.0
TIME = np.arange(round(SECONDS * RATE)) / RATE
SIGNAL = (0.1 * np.sin(2 * np.pi * 700 * TIME) + 0.1 * np.sin(2 * np.pi * 2500 * TIME)).astype(np.float32)
INFO = ModelInfo("made", "1.0.0", "0" * 64, "MIT")


def made(share: float, *, utterances: tuple[tuple[float, float], ...] = ((0.0, SECONDS),)) -> Prediction:
    """Return a prediction with a given probability of anger."""
    probabilities = {"anger": share, "neutral": 1 - share}
    clip = Clip("anger", share, unsure=False, probabilities=probabilities, speech=True)
    parts = tuple(
        UtteranceSegment(start, end, "anger", unsure=False, probabilities=probabilities, changed=False)
        for start, end in utterances
    )
    return Prediction("made.wav", SECONDS, RATE, INFO, ("anger", "neutral"), clip, (), parts)


def power(signal: NDArray[np.float32], first: float, last: float) -> float:
    part = signal[round(first * RATE) : round(last * RATE)]
    return float(np.mean(part.astype(np.float64) ** 2)) / 0.01


def two_moments(signal: NDArray[np.float32]) -> Prediction:
    """Anger is the power in two moments, 0.3 to 0.6 and 1.5 to 1.8 s, and nothing else."""
    return made(0.1 + 0.5 * power(signal, 0.3, 0.6) + 0.3 * power(signal, 1.5, 1.8))


def one_band(signal: NDArray[np.float32]) -> Prediction:
    """Anger is the power above 2 kHz."""
    lines = np.abs(np.fft.rfft(signal)) ** 2
    high = np.fft.rfftfreq(len(signal), 1 / RATE) > 2000
    return made(0.1 + 0.8 * float(lines[high].sum() / max(1e-9, lines.sum())))


def test_the_moments_that_matter_are_found_and_the_check_holds() -> None:
    steps: list[tuple[int, int]] = []
    found = explain_signal(
        two_moments, SIGNAL, rate=RATE, limit=4000, seconds=0.3, progress=lambda *step: steps.append(step)
    )
    importances = [one.importance for one in found.moments]
    assert len(importances) == 10
    assert importances[1] == pytest.approx(0.5, abs=0.03)
    assert importances[5] == pytest.approx(0.3, abs=0.03)
    assert sum(map(abs, importances)) == pytest.approx(0.8, abs=0.05)
    assert found.faithfulness is not None
    assert (found.faithfulness.moments, found.faithfulness.less, found.faithfulness.holds) == (2, 1.0, True)
    assert found.faithfulness.drop == pytest.approx(0.8, abs=0.05)
    assert abs(found.faithfulness.random_drop) < 0.01
    assert steps[-1] == (len(steps), len(steps))
    assert found.check().startswith("without the 2 most important moments the probability falls by 7")
    assert found.check().endswith("without 2 others by 0.0 (mean), and by less in 100 % of 20 draws: the check holds")


def test_the_band_that_matters_is_found() -> None:
    found = explain_signal(one_band, SIGNAL, rate=RATE, limit=11025)
    by_low = {one.low: one.importance for one in found.bands}
    assert set(by_low) == {0, 250, 500, 1000, 2000, 3000}  # below half the rate
    assert by_low[2000] == pytest.approx(0.4, abs=0.01)
    assert by_low[500] == pytest.approx(-0.4, abs=0.01)  # without it, the rest is a larger share
    assert by_low[0] == pytest.approx(0, abs=0.01)


def test_the_check_fails_for_a_function_of_noise() -> None:
    """Removing two parts that each lower the probability raises it."""

    def contrary(signal: NDArray[np.float32]) -> Prediction:
        silent = sum(power(signal, first / 10, (first + 3) / 10) < 0.2 for first in range(0, 30, 3))
        return made({0: 0.6, 1: 0.5}.get(silent, 0.9))

    found = explain_signal(contrary, SIGNAL, rate=RATE, limit=4000, seconds=0.3)
    assert found.faithfulness is not None
    assert not found.faithfulness.holds
    assert found.check().endswith("the check FAILS: do not rely on the moments")


def test_another_label_and_other_moments() -> None:
    anger = explain_signal(two_moments, SIGNAL, rate=RATE, limit=4000, seconds=0.5)
    neutral = explain_signal(two_moments, SIGNAL, rate=RATE, limit=4000, seconds=0.5, label="neutral")
    assert len(neutral.moments) == 6
    assert [one.importance for one in neutral.moments] == pytest.approx([-one.importance for one in anger.moments])
    assert neutral.faithfulness is not None
    assert neutral.faithfulness.draws == 6  # all pairs of the other four


def test_few_moments_are_not_checked() -> None:
    found = explain_signal(two_moments, SIGNAL, rate=RATE, limit=4000, seconds=1.0)
    assert found.faithfulness is None
    assert found.check() == "no check: it needs at least 6 moments, and there are 3"


def test_short_recordings_have_shorter_moments() -> None:
    found = explain_signal(lambda _: made(0.5, utterances=((0.0, 0.6), (1.0, 1.6))), SIGNAL, rate=RATE, limit=4000)
    assert len(found.moments) == 12
    assert found.moments[0].end == 0.1


def silent_prediction() -> Prediction:
    clip = Clip(None, None, unsure=True, probabilities={"anger": 0.5, "neutral": 0.5}, speech=False)
    return replace(made(0.5, utterances=()), clip=clip)


@pytest.mark.parametrize("label", [None, "anger"])
def test_without_speech_there_is_nothing_to_explain(label: str | None) -> None:
    found = explain_signal(lambda _: silent_prediction(), SIGNAL, rate=RATE, limit=4000, label=label)
    assert (found.label, found.moments, found.bands, found.faithfulness) == (None, (), (), None)
    assert found.check() == "no speech: there is no label to explain"


def test_refusals() -> None:
    with pytest.raises(UsageError, match=r"has 61\.0 s, and at most 60 s can be explained; choose a part"):
        explain_signal(two_moments, np.zeros(61 * RATE, np.float32), rate=RATE, limit=4000)
    with pytest.raises(UsageError, match=r"moments of 0\.01 s were requested; the shortest are 0\.05 s"):
        explain_signal(two_moments, SIGNAL, rate=RATE, limit=4000, seconds=0.01)
    with pytest.raises(UnknownNameError, match="unknown label 'angr'; did you mean 'anger'"):
        explain_signal(two_moments, SIGNAL, rate=RATE, limit=4000, label="angr")


def test_the_json_object_contains_the_prediction() -> None:
    found = explain_signal(two_moments, SIGNAL, rate=RATE, limit=4000, seconds=0.3)
    stored = json.loads(found.to_json())
    assert stored["schema"] == "emotone.explanation/1"
    assert stored["prediction"]["schema"] == "emotone.prediction/1"
    assert stored["moments"][1] == {"start": 0.3, "end": 0.6, "importance": found.moments[1].importance}
    assert stored["faithfulness"]["holds"] is True
    assert Explanation(silent_prediction(), None, (), (), None).to_dict()["faithfulness"] is None


def test_a_model_explains_files_parts_and_samples(model: Model, noise: NDArray[np.float32], tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise, 16000, subtype="FLOAT")
    part = model.explain(path, start=1.0, end=3.0, moment=0.5)
    assert part.prediction.duration == 2.0
    assert part.prediction.file == str(path)
    samples = model.explain(noise[16000:48000], rate=16000, moment=0.5)
    assert samples.moments == part.moments
    both = np.stack([0 * noise, noise])
    second = model.explain(both, rate=16000, start=1.0, end=3.0, channel=1, moment=0.5)
    assert second.moments == part.moments
    assert part.label == model.predict(noise[16000:48000], rate=16000).clip.label
    with pytest.raises(RateError, match="channel 3"):
        model.explain(path, channel=3)


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = explain_signal(two_moments, SIGNAL, rate=RATE, limit=4000, seconds=0.3)
    figure = found.plot(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "made.wav: anger 90 %" in text
    assert "500-1000 Hz" in text
    assert "the check holds" in text
    assert [len(axes.patches) for axes in figure.axes] == [0, 10, 6]
    long = replace(silent_prediction(), file="folder/" * 20 + "a.wav")
    empty = Explanation(long, None, (), (), None).plot()
    assert len(empty.axes) == 2
    assert "no speech" in empty.texts[0].get_text()
    assert len(empty.texts[0].get_text()) < 110
    with pytest.raises(UnknownNameError, match="unknown suffix of a picture"):
        found.plot(tmp_path / "a.pdf")


# ----------------------------------------------------------------------------------------------------------------------
# Moments cover utterances, muting silences them with fades, and a removed band takes its tones with it.

TOY_RATE = 1000


def test_moments_are_equal_parts_of_utterances() -> None:
    moments = moments_in([(0.5, 1.5), (2.0, 2.05)], seconds=0.3)
    assert [(one.start, one.end) for one in moments] == [(0.5, 0.833), (0.833, 1.167), (1.167, 1.5), (2.0, 2.05)]
    assert moments_in([], seconds=0.3) == ()


@pytest.mark.parametrize(
    ("limit", "last"), [(8000.0, (4000, 8000)), (4000.0, (3000, 4000)), (11025.0, (4000, 8000)), (300.0, (250, 300))]
)
def test_bands_end_at_the_limit(limit: float, last: tuple[int, int]) -> None:
    bands = bands_below(limit)
    assert (bands[0].low, bands[-1].low, bands[-1].high) == (0, *last)
    assert all(one.high == other.low for one, other in pairwise(bands))


def test_muted_moments_are_silent_and_the_rest_is_kept() -> None:
    signal = np.ones(TOY_RATE, np.float32)
    silenced = muted(signal, [Moment(0.2, 0.4), Moment(0.8, 2.0)], rate=TOY_RATE)
    assert signal.min() == 1
    assert not silenced[210:390].any()
    assert (silenced[:200] == 1).all()
    assert (silenced[401:800] == 1).all()
    assert np.abs(np.diff(silenced)).max() <= 0.11  # fades
    assert not silenced[810:990].any()


def test_neighbours_are_muted_as_one() -> None:
    signal = np.ones(TOY_RATE, np.float32)
    both = muted(signal, [Moment(0.5, 0.7), Moment(0.3, 0.5)], rate=TOY_RATE)
    np.testing.assert_array_equal(both, muted(signal, [Moment(0.3, 0.7)], rate=TOY_RATE))


def test_a_band_is_removed_and_others_are_kept() -> None:
    time = np.arange(TOY_RATE) / TOY_RATE
    low, high = (np.sin(2 * np.pi * pitch * time).astype(np.float32) for pitch in (100, 300))
    np.testing.assert_allclose(without_band(low + high, Band(250, 500), rate=TOY_RATE), low, atol=1e-5)
    np.testing.assert_allclose(without_band(low + high, Band(0, 250), rate=TOY_RATE), high, atol=1e-5)
