"""Utterances: where they begin and end, padding, and thresholds."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from tests.inference.conftest import LoudDetector

from emotone.audio.speech_network import ENDING
from emotone.features.front_ends.log_mel import LogMel
from emotone.inference.engine import Engine
from emotone.inference.events import Measurement, UtteranceEnd
from emotone.inference.model import Model, load
from emotone.inference.utterances import PAUSE_FRAMES, Boundary, UtteranceDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from tests.conftest import MakeBundle

    from emotone.bundles.bundle import Bundle
    from emotone.bundles.head import EmbeddingHead
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Utterances begin and end where the activity does, whatever the pieces, and are divided where the emotion changes.


def decisions_of(text: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return decisions from e.g. "3. 2x": three silent frames and two with speech."""
    parts = [np.full(int(part[:-1]), part[-1] == "x") for part in text.split()]
    return np.concatenate(parts)


def test_the_detector_hurries_until_an_utterance_has_ended() -> None:
    assert ENDING == PAUSE_FRAMES


def slow_twin(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Return (first frame, frame after the last) of each utterance: frames with speech, gaps below 0.5 s closed."""
    found: list[tuple[int, int]] = []
    for frame in np.flatnonzero(active).tolist():
        if found and frame - found[-1][1] < PAUSE_FRAMES:
            found[-1] = (found[-1][0], frame + 1)
        else:
            found.append((frame, frame + 1))
    return found


@given(
    runs=st.lists(st.tuples(st.integers(1, 120), st.booleans()), max_size=12),
    cuts=st.lists(st.integers(0, 1400), max_size=8),
)
def test_boundaries_do_not_depend_on_the_pieces(runs: list[tuple[int, bool]], cuts: list[int]) -> None:
    active = np.concatenate([np.zeros(0, np.bool_), *(np.full(*run) for run in runs)])
    detector = UtteranceDetector()
    found = [one for piece in np.split(active, sorted(cuts)) for one in detector.push(piece)]
    found += detector.finish()
    assert [(one.start, one.end) for one in found if one.end is not None] == slow_twin(active)
    assert [one.start for one in found if one.end is None] == [start for start, _ in slow_twin(active)]


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ("9.", []),
        ("5. 3x 49.", [Boundary(5, None)]),
        ("5. 3x 50.", [Boundary(5, None), Boundary(5, 8)]),
        ("5. 3x 49. 1x 50.", [Boundary(5, None), Boundary(5, 58)]),
        ("1x 50. 1x", [Boundary(0, None), Boundary(0, 1), Boundary(51, None)]),
    ],
)
def test_half_a_second_of_silence_ends_an_utterance(decisions: str, expected: list[Boundary]) -> None:
    assert UtteranceDetector().push(decisions_of(decisions)) == expected


def test_the_end_of_the_sound_ends_an_utterance_once() -> None:
    detector = UtteranceDetector()
    detector.push(decisions_of("5. 3x 10."))
    assert detector.finish() == [Boundary(5, 8)]
    assert detector.finish() == []


ANGER, SADNESS = [0.94, 0.02, 0.02, 0.02], [0.02, 0.02, 0.02, 0.94]


@dataclass(frozen=True)
class ScriptedBundle:
    """A bundle whose network returns prepared probabilities, one row per window."""

    bundle: Bundle
    rows: list[list[float]]

    def __getattr__(self, name: str) -> object:
        return getattr(self.bundle, name)

    def outputs(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array([self.rows.pop(0) for _ in features], np.float32)

    def probabilities_of(
        self, outputs: NDArray[np.float32], *, head: EmbeddingHead | None = None
    ) -> NDArray[np.float64]:
        assert head is None
        return outputs.astype(np.float64).round(6)


def ends(bundle: Bundle, *utterances: list[list[float]]) -> list[UtteranceEnd]:
    """Return the ends of loud utterances with these windows of 3 s at whole seconds, and 2 s of silence after each."""
    sound = [np.pad(np.full((len(one) + 2) * 16000, 0.1, np.float32), (0, 32000)) for one in utterances]
    scripted = ScriptedBundle(bundle, [row for windows in utterances for row in windows])
    engine = Engine(scripted)  # type: ignore[arg-type]
    events = [*engine.push(np.concatenate(sound)), *engine.finish()]
    return [event for event in events if isinstance(event, UtteranceEnd)]


def test_an_utterance_is_divided_where_its_emotion_changes(model: Model) -> None:
    first, second, third = ends(model.bundle, [ANGER] * 6, [ANGER] * 5 + [SADNESS] * 4, [ANGER] * 2 + [SADNESS])
    assert [(part.start, part.end, part.label, part.changed) for part in first.parts] == [(0.0, 8.0, "anger", False)]
    shown = [(part.start, part.end, part.label, part.changed) for part in second.parts]
    # The centres of the windows before and after the change are 5.5 s and 6.5 s after the start.
    assert shown == [(10.0, 16.0, "anger", False), (16.0, 21.0, "sadness", True)]
    assert [list(part.probabilities.values()) for part in second.parts] == [ANGER, SADNESS]
    weighted = np.average([ANGER, SADNESS], axis=0, weights=[6, 5])
    assert list(second.clip.probabilities.values()) == pytest.approx(weighted)
    (whole,) = third.parts  # one window is not enough for a change
    assert (whole.label, whole.changed, whole.probabilities) == ("anger", True, third.clip.probabilities)


def test_neighbouring_sections_with_the_same_label_are_one_part(make_bundle: MakeBundle, tmp_path: Path) -> None:
    labels = ("anger", "other")
    bundle = load(make_bundle(tmp_path / "detector", labels=labels, thresholds={"anger": 0.99})).bundle
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emotone.inference.engine.NetworkDetector", LoudDetector)
        (end,) = ends(bundle, [[0.95, 0.05]] * 5 + [[0.05, 0.95]] * 4)
    (part,) = end.parts
    assert (part.start, part.end, part.label, part.changed) == (end.start, end.time, "other", False)
    assert part.probabilities == pytest.approx(end.clip.probabilities)


@pytest.mark.parametrize("rate", [8000, 32000])
def test_a_front_end_of_another_rate_has_the_same_utterances_live(
    tiny_bundle: Path, speech: Callable[..., NDArray[np.float32]], rate: int
) -> None:
    feature = LogMel(rate=rate, window=rate // 40, hop=rate // 100, fft=1024, high=3800.0)
    other = Model(replace(load(tiny_bundle).bundle, feature=feature))
    signal = speech(25.0, rate=rate)
    with other.session(rate=rate) as session:
        events = [event for at in range(0, len(signal), 999) for event in session.push(signal[at : at + 999])]
        events += session.end()
    live = [part for event in events if isinstance(event, UtteranceEnd) for part in event.parts]
    offline = other.predict(signal, rate=rate).utterances
    assert len(live) > 3
    assert [(one.start, one.end, one.label) for one in live] == [(one.start, one.end, one.label) for one in offline]
    numbers = [[list(one.probabilities.values()) for one in parts] for parts in (live, offline)]
    np.testing.assert_allclose(numbers[0], numbers[1], atol=1e-5)


# ----------------------------------------------------------------------------------------------------------------------
# Silence and faint noise around speech, or in a pause, change few labels of the shipped models.
#
# The ends of utterances follow the level of the sound. Where it does not fall, as in noise, they depend on the
# detector's network, whose state depends on what comes before; this changes labels whose probabilities are nearly
# equal. The aim is no change in 98 % of recordings. Measured were at most 2, 0 and 1 of 40; the bounds below allow one
# more, because processors round differently.

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.flac"))
CORPORA = {"emodb": "wav/*", "emovo": "**/*", "savee": "**/*", "ravdess": "**/*"}
PER_CORPUS = 10
NOISE = 1e-4  # -80 dB relative to full scale
PAUSE = 1.5  # seconds between two recordings: longer than a pause within an utterance
# By model: changed clip labels of 40 recordings with one kind of padding: silence before them, after them, in a pause.
BOUNDS = {"small": (3, 1, 2), "default": (3, 1, 1)}
SURE = 0.6  # labels of the default model with a higher confidence do not change


@pytest.fixture(scope="module", params=sorted(BOUNDS))
def padded_model(request: pytest.FixtureRequest) -> Model:
    return load(request.param)


def pads(rate: int) -> Iterator[Array]:
    """Yield digital silence and faint noise of 1 and 5 s."""
    rng = np.random.default_rng(0)
    for seconds in (1, 5):
        yield np.zeros(seconds * rate, np.float32)
        yield (NOISE * rng.standard_normal(seconds * rate)).astype(np.float32)


def read(path: Path) -> tuple[Array, int]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.mean(axis=1), rate


def labels(model: Model, signal: Array, rate: int) -> list[str | None]:
    prediction = model.predict(signal, rate=rate)
    return [prediction.clip.label, *(utterance.label for utterance in prediction.utterances)]


def sure_labels(model: Model, signal: Array, rate: int) -> list[str]:
    """Return the utterances' labels; "unsure" where a model with thresholds has a confidence of at most `SURE`."""
    least = SURE if model.bundle.manifest.thresholds else 0.0
    utterances = model.predict(signal, rate=rate).utterances
    return [one.label if one.confidence > least else "unsure" for one in utterances]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_silence_around_the_examples_changes_no_utterance(padded_model: Model, path: Path) -> None:
    """The default model is unsure of these synthetic voices: its labels may change, and none may become sure."""
    signal, rate = read(path)
    expected = sure_labels(padded_model, signal, rate)
    for pad in pads(rate):
        for padded in ([pad, signal], [signal, pad], [pad, signal, pad]):
            assert sure_labels(padded_model, np.concatenate(padded), rate) == expected


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[tuple[Array, int]]:
    """Ten recordings of each of four corpora, drawn with a fixed seed; all are sampled at one rate."""
    chosen: list[Path] = []
    for corpus, pattern in CORPORA.items():
        found = [path for path in (shared / "corpora" / corpus).glob(pattern) if path.suffix in {".flac", ".ogg"}]
        chosen += random.Random(1).sample(sorted(found), PER_CORPUS)
    return [read(path) for path in chosen]


def test_silence_around_real_recordings_changes_few_labels(
    padded_model: Model, recordings: list[tuple[Array, int]]
) -> None:
    changed = np.zeros((2, 4), int)  # [before or after, pad]
    sure = np.zeros((2, 4), int)
    for signal, rate in recordings:
        expected = padded_model.predict(signal, rate=rate).clip
        for number, pad in enumerate(pads(rate)):
            for place, padded in enumerate(([pad, signal], [signal, pad])):
                found = padded_model.predict(np.concatenate(padded), rate=rate).clip
                differs = found.label != expected.label
                changed[place, number] += differs
                sure[place, number] += differs and max(expected.confidence or 0, found.confidence or 0) > SURE
    before, after, _ = BOUNDS[padded_model.bundle.manifest.name]
    assert changed[0].max() <= before, changed
    assert changed[1].max() <= after, changed
    if padded_model.bundle.manifest.thresholds:
        assert not sure.any(), sure


def test_a_longer_pause_between_real_utterances_changes_few_labels(
    padded_model: Model, recordings: list[tuple[Array, int]]
) -> None:
    changed = np.zeros(4, int)
    pairs = list(zip(recordings, recordings[1:] + recordings[:1], strict=True))
    for (first, rate), (second, _) in pairs:
        pause = np.zeros(round(PAUSE * rate), np.float32)
        expected = labels(padded_model, np.concatenate([first, pause, second]), rate)
        for number, pad in enumerate(pads(rate)):
            found = labels(padded_model, np.concatenate([first, pause, pad, second]), rate)
            changed[number] += found[0] != expected[0]
    assert changed.max() <= BOUNDS[padded_model.bundle.manifest.name][2], changed


# ----------------------------------------------------------------------------------------------------------------------
# A detector's threshold decides the labels of segments, utterances and clips, offline and live.

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
