"""Heads and detectors of models, the shipped detector, and the domain of the training data."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.bundles import library
from emotone.bundles.contents import CARD
from emotone.bundles.head import EmbeddingHead, HiddenLayer, OrdinarySpeech, head_bytes, read_head, softmax
from emotone.bundles.training_domain import RANGE, TrainingDomain
from emotone.errors import BundleError, UsageError
from emotone.fitting.card import INTENDED_USE
from emotone.inference.model import load
from emotone.inference.segments import decide_label, positive_of

# ----------------------------------------------------------------------------------------------------------------------
# Heads and detectors of models, and the shipped detector.

# ----------------------------------------------------------------------------------------------------------------------
# Heads of embeddings: logits by definition, adaptation between its two limits, and files that are checked.

VALUES, LABELS = 5, 3


@pytest.fixture
def head(rng: np.random.Generator) -> EmbeddingHead:
    return EmbeddingHead(
        mean=rng.normal(size=VALUES).astype(np.float32),
        deviation=rng.uniform(0.5, 2, VALUES).astype(np.float32),
        within=rng.uniform(0.5, 2, VALUES).astype(np.float32),
        weight=rng.normal(size=(VALUES, LABELS)).astype(np.float32),
        bias=rng.normal(size=LABELS).astype(np.float32),
        shrinkage=10.0,
    )


def test_logits_follow_the_definition(head: EmbeddingHead, rng: np.random.Generator) -> None:
    embeddings = rng.normal(size=(4, VALUES)).astype(np.float32)
    for row, found in zip(embeddings, head.logits(embeddings), strict=True):
        expected = [
            sum((row[i] - head.mean[i]) / head.deviation[i] * head.weight[i, label] for i in range(VALUES))
            + head.bias[label]
            for label in range(LABELS)
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_many_recordings_replace_the_statistics(head: EmbeddingHead, rng: np.random.Generator) -> None:
    embeddings = rng.normal(3, 2, (100_000, VALUES)).astype(np.float32)
    adapted = head.adapted(embeddings)
    np.testing.assert_allclose(adapted.mean, embeddings.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(adapted.deviation, embeddings.std(axis=0), atol=1e-3)
    assert adapted.weight is head.weight


def test_as_many_recordings_as_the_shrinkage_count_half(head: EmbeddingHead, rng: np.random.Generator) -> None:
    embeddings = rng.normal(3, 2, (10, VALUES)).astype(np.float32)
    adapted = head.adapted(embeddings)
    np.testing.assert_allclose(adapted.mean, (embeddings.mean(axis=0) + head.mean) / 2, rtol=1e-5)
    np.testing.assert_allclose(adapted.deviation**2, (embeddings.var(axis=0) + head.within**2) / 2, rtol=1e-4)


def test_a_shift_and_a_scale_of_all_recordings_have_no_effect_after_adaptation(
    head: EmbeddingHead, rng: np.random.Generator
) -> None:
    free = dataclasses.replace(head, shrinkage=0.0)
    embeddings = rng.normal(size=(50, VALUES)).astype(np.float32)
    shifted = 3 * embeddings + 7
    np.testing.assert_allclose(
        free.adapted(shifted).logits(shifted), free.adapted(embeddings).logits(embeddings), atol=1e-3
    )


def test_constant_embeddings_do_not_divide_by_zero(head: EmbeddingHead) -> None:
    adapted = dataclasses.replace(head, shrinkage=0.0).adapted(np.ones((3, VALUES), np.float32))
    assert np.isfinite(adapted.logits(np.ones((1, VALUES), np.float32))).all()


@pytest.mark.parametrize("recordings", [0, 1])
def test_one_recording_has_no_statistics(head: EmbeddingHead, recordings: int) -> None:
    with pytest.raises(UsageError, match=rf"at least 2 recordings with speech; given {recordings}"):
        head.adapted(np.zeros((recordings, VALUES), np.float32))


def test_it_is_read_back_unchanged(head: EmbeddingHead) -> None:
    data = head_bytes(head)
    assert data == head_bytes(head)
    again = read_head(data, where="head.npz", labels=LABELS)
    for field in dataclasses.fields(head):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(head, field.name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": np.zeros(4, np.float32)}, r"mean has shape \[4\]; needed: \[5\]"),
        ({"weight": np.zeros((5, 2), np.float32)}, r"weight has shape \[5, 2\]; needed: \[5, 3\]"),
        ({"bias": np.array([0, np.nan, 0], np.float32)}, "not all finite"),
        ({"within": np.zeros(5, np.float32)}, "deviations must be above 0"),
        ({"shrinkage": -1.0}, "shrinkage must be 0 or above; given -1"),
    ],
)
def test_wrong_values_are_refused(head: EmbeddingHead, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(head, **change)


def test_damaged_files_are_refused(head: EmbeddingHead) -> None:
    data = head_bytes(head)
    with pytest.raises(BundleError, match=r"head\.npz does not contain a head"):
        read_head(data[: len(data) // 2], where="head.npz", labels=LABELS)
    with pytest.raises(BundleError, match=r"head\.npz has scores for 3 labels; the model has 4"):
        read_head(data, where="head.npz", labels=LABELS + 1)
    buffer = io.BytesIO()
    np.savez(buffer, mean=np.zeros(3))
    with pytest.raises(BundleError, match="does not contain a head"):
        read_head(buffer.getvalue(), where="head.npz", labels=LABELS)


@pytest.fixture
def ordinary() -> OrdinarySpeech:
    """A detector that only looks at the first value, and answers mostly label 1."""
    weight = np.zeros(VALUES, np.float32)
    weight[0] = 1.0
    return OrdinarySpeech(weight, bias=0.0, prior=np.array([0.1, 0.8, 0.1], np.float32))


def test_ordinary_speech_approaches_its_prior(
    head: EmbeddingHead, ordinary: OrdinarySpeech, rng: np.random.Generator
) -> None:
    whole = dataclasses.replace(head, ordinary=ordinary)
    embeddings = rng.normal(size=(3, VALUES)).astype(np.float32)
    embeddings[:, 0] = (-800.0, 0.0, 800.0)
    emotions = softmax(head.logits(embeddings) / 2.0)
    found = whole.probabilities(embeddings, temperature=2.0)
    np.testing.assert_allclose(ordinary.probabilities(embeddings), [0.0, 0.5, 1.0], atol=1e-12)
    np.testing.assert_allclose(found[0], emotions[0], atol=1e-6)
    np.testing.assert_allclose(found[1], (emotions[1] + ordinary.prior) / 2, atol=1e-6)
    np.testing.assert_allclose(found[2], ordinary.prior, atol=1e-6)
    np.testing.assert_allclose(head.probabilities(embeddings, temperature=2.0), emotions)


def test_adaptation_does_not_change_what_is_ordinary(
    head: EmbeddingHead, ordinary: OrdinarySpeech, rng: np.random.Generator
) -> None:
    adapted = dataclasses.replace(head, ordinary=ordinary).adapted(rng.normal(5, 2, (40, VALUES)).astype(np.float32))
    assert adapted.ordinary is ordinary


def test_a_detector_of_ordinary_speech_survives_its_file(head: EmbeddingHead, ordinary: OrdinarySpeech) -> None:
    whole = dataclasses.replace(head, ordinary=ordinary)
    found = read_head(head_bytes(whole), where="head.npz", labels=LABELS).ordinary
    assert found is not None
    np.testing.assert_array_equal(found.weight, ordinary.weight)
    np.testing.assert_array_equal(found.prior, ordinary.prior)
    assert found.bias == ordinary.bias
    assert read_head(head_bytes(head), where="head.npz", labels=LABELS).ordinary is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"weight": np.zeros(VALUES + 1, np.float32)},
            r"ordinary speech has shapes \[\[6\], \[3\]\]; needed: \[\[5\], \[3\]\]",
        ),
        ({"weight": np.full(VALUES, np.nan, np.float32)}, "ordinary speech contains values that are not finite"),
        ({"bias": float("inf")}, "ordinary speech contains values that are not finite"),
        ({"prior": np.array([0.5, 0.6, 0.1], np.float32)}, "must be 0 or above and sum to 1"),
        ({"prior": np.array([1.5, -0.6, 0.1], np.float32)}, "must be 0 or above and sum to 1"),
    ],
)
def test_wrong_detectors_of_ordinary_speech_are_refused(
    head: EmbeddingHead, ordinary: OrdinarySpeech, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(head, ordinary=dataclasses.replace(ordinary, **changes))


@pytest.fixture
def hidden(head: EmbeddingHead, rng: np.random.Generator) -> EmbeddingHead:
    """A head with four hidden units."""
    layer = HiddenLayer(rng.normal(size=(VALUES, 4)).astype(np.float16), rng.normal(size=4).astype(np.float32))
    return dataclasses.replace(head, hidden=layer, weight=rng.normal(size=(4, LABELS)).astype(np.float32))


def test_a_hidden_layer_follows_the_definition(hidden: EmbeddingHead, rng: np.random.Generator) -> None:
    embeddings = rng.normal(size=(2, VALUES)).astype(np.float32)
    assert hidden.hidden is not None
    assert hidden.values == VALUES
    for row, found in zip(embeddings, hidden.logits(embeddings), strict=True):
        standardised = (row - hidden.mean) / hidden.deviation
        units = [
            max(0.0, float(standardised @ hidden.hidden.weight[:, unit].astype(np.float32) + hidden.hidden.bias[unit]))
            for unit in range(4)
        ]
        np.testing.assert_allclose(found, units @ hidden.weight + hidden.bias, rtol=1e-5)


def test_a_hidden_layer_survives_its_file(hidden: EmbeddingHead, rng: np.random.Generator) -> None:
    again = read_head(head_bytes(hidden), where="head.npz", labels=LABELS)
    embeddings = rng.normal(size=(3, VALUES)).astype(np.float32)
    np.testing.assert_array_equal(again.logits(embeddings), hidden.logits(embeddings))
    adapted = again.adapted(embeddings)
    assert adapted.hidden is again.hidden


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (HiddenLayer(np.zeros((5, 3), np.float16), np.zeros(4, np.float32)), r"has shape \[5, 3\] and 4 biases"),
        (HiddenLayer(np.full((5, 4), np.inf, np.float16), np.zeros(4, np.float32)), "not finite numbers"),
    ],
)
def test_wrong_hidden_layers_are_refused(hidden: EmbeddingHead, layer: HiddenLayer, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(hidden, hidden=layer)


# ----------------------------------------------------------------------------------------------------------------------
# The label that a detector detects, and its decision on either side of its threshold.


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (("anger", "other"), "anger"),
        (("other", "anger-frustration"), "anger-frustration"),
        (("anger", "joy"), None),
        (("anger", "joy", "other"), None),
        (("other",), None),
    ],
)
def test_the_positive_label(labels: tuple[str, ...], positive: str | None) -> None:
    assert positive_of(labels) == positive


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_the_threshold_of_a_detector_decides(probability: float, threshold: float, first: bool) -> None:
    probabilities = {"anger": probability, "other": 1 - probability}
    in_order = probabilities if first else dict(reversed(probabilities.items()))
    label, unsure = decide_label(in_order, {"anger": threshold})
    assert (label, unsure) == ("anger" if probability >= threshold else "other", False)


@pytest.mark.parametrize(
    ("probabilities", "thresholds", "expected"),
    [
        ({"anger": 0.6, "other": 0.4}, {}, ("anger", False)),
        ({"anger": 0.5, "other": 0.5}, {}, ("anger", False)),  # the first of equals
        ({"anger": 0.4, "other": 0.6}, {"other": 0.7}, ("other", True)),
        ({"anger": 0.3, "other": 0.7}, {"anger": 0.4, "other": 0.8}, ("other", True)),
        ({"anger": 0.3, "joy": 0.7}, {"anger": 0.2}, ("joy", False)),  # not a detector
        ({"anger": 0.6, "joy": 0.4}, {"anger": 0.7}, ("anger", True)),
    ],
)
def test_a_label_below_its_threshold_is_unsure(
    probabilities: dict[str, float], thresholds: dict[str, float], expected: tuple[str, bool]
) -> None:
    assert decide_label(probabilities, thresholds) == expected


# ----------------------------------------------------------------------------------------------------------------------
# The shipped detectors of anger: their labels, their thresholds, and their cards.

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ON_AN_ENCODER = ("ami", "an4", "emodb", "librispeech", "ljspeech", "nemo", "ravdess")


@pytest.mark.parametrize(("name", "corpora"), [("anger", ON_AN_ENCODER), ("anger-soundnet", ("emodb",))])
def test_its_positive_label_has_a_threshold(name: str, corpora: tuple[str, ...]) -> None:
    manifest = library.load(name).manifest
    assert manifest.labels == ("anger", "other")
    assert set(manifest.thresholds) == {"anger"}
    assert (manifest.windows.seconds, manifest.windows.hop, manifest.training.corpora) == (1.2, 0.6, corpora)


@pytest.mark.parametrize("name", ["anger", "anger-soundnet"])
def test_its_card_contains_the_threshold_and_the_limits(name: str) -> None:
    bundle = library.load(name)
    card = (bundle.directory / CARD).read_text(encoding="utf-8")
    assert INTENDED_USE in card
    for words in ("false alarms per hour", "## Limits", f"{bundle.manifest.thresholds['anger']:.2f}"):
        assert words in card


@pytest.mark.parametrize("recording", ["even", "loud-fast-high"])
@pytest.mark.parametrize("name", ["anger", "anger-soundnet"])
def test_its_threshold_decides(name: str, recording: str) -> None:
    model = load(name)
    threshold = model.bundle.manifest.thresholds["anger"]
    found = model.predict(EXAMPLES / f"{recording}.flac")
    for one in found.segments:
        named = "anger" if one.probabilities["anger"] >= threshold else "other"
        assert one.label == (named if one.speech else None)


# ----------------------------------------------------------------------------------------------------------------------
# The region of the training data: distances by definition, shares of nearer recordings, and the temperature.


@pytest.fixture
def domain() -> TrainingDomain:
    """Two corpora that vary along the first of four values only."""
    return TrainingDomain(
        centres=np.array([[0, 0, 0, 0], [0, 0, 10, 0]], np.float32),
        spread=np.array([1, 1, 2, 1], np.float32),
        directions=np.array([[1, 0, 0, 0]], np.float16),
        distances=np.array([0.25, 0.5, 1.0, 2.0, 4.0], np.float32),
        slope=0.5,
    )


@pytest.mark.parametrize(
    ("embedding", "distance"),
    [
        ([0, 0, 0, 0], 0.0),
        ([99, 0, 0, 0], 0.0),  # along the direction in which the training data vary
        ([0, 2, 0, 0], 1.0),  # 2 ** 2 / 4 values
        ([0, 0, 4, 0], 1.0),  # two spreads from the first centre
        ([5, 0, 8, 2], 1.25),  # one spread of 2 from the second centre, and 2 spreads of 1
    ],
)
def test_the_distance_is_the_residual_from_the_nearest_centre(
    domain: TrainingDomain, embedding: list[float], distance: float
) -> None:
    np.testing.assert_allclose(domain.distance(np.array([embedding], np.float32)), [distance])


@pytest.mark.parametrize(("value", "share"), [(0, 0.0), (1, 0.0), (2, 0.5), (2 * 2**0.5, 0.75), (9, 1.0)])
def test_novelty_is_the_share_of_training_recordings_that_are_nearer(
    domain: TrainingDomain, value: float, share: float
) -> None:
    np.testing.assert_allclose(domain.novelty(np.array([[0, value, 0, 0]], np.float32)), [share], atol=1e-6)


def test_the_temperature_grows_with_the_distance_within_bounds(domain: TrainingDomain) -> None:
    embeddings = np.array([[0, 2, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 99, 0, 0]], np.float32)
    np.testing.assert_allclose(domain.temperature_factors(embeddings), [1.0, 2.0, *RANGE])
    flat = replace(domain, slope=0.0)
    np.testing.assert_array_equal(flat.temperature_factors(embeddings), np.ones(4))


def test_an_adapted_domain_is_around_the_recordings_of_the_user(domain: TrainingDomain) -> None:
    adapted = domain.adapted(np.array([0.0, 6, 0, 0]), np.array([1.0, 2, 1, 1]))
    np.testing.assert_allclose(adapted.distance(np.array([[0, 6, 0, 0], [0, 10, 0, 0]], np.float32)), [0.0, 1.0])


def test_shares_need_measured_distances(domain: TrainingDomain) -> None:
    unmeasured = replace(domain, distances=np.zeros(0, np.float32))
    with pytest.raises(UsageError, match="distances of left-out recordings were not measured"):
        unmeasured.novelty(np.zeros((1, 4), np.float32))
    np.testing.assert_array_equal(unmeasured.temperature_factors(np.zeros((2, 4), np.float32)), [1, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"centres": np.zeros((1, 3), np.float32)}, r"centres have shape \[1, 3\]; needed: \[1 or more, 4\]"),
        ({"directions": np.zeros((0, 4), np.float16)}, r"directions have shape \[0, 4\]"),
        ({"spread": np.array([1, 1, 0, 1], np.float32)}, "spreads and distances must be above 0"),
        ({"distances": np.array([2, 1], np.float32)}, "distances ascending"),
        ({"slope": float("nan")}, "not all finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(domain: TrainingDomain, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(domain, **changes)  # type: ignore[arg-type]
