"""The fit of heads: statistics and optimum by definition, what a corpus weighs, and adaptation of what was fitted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.errors import ConfigError, RunError
from emotone.fitting.embedding_data import LabelledEmbeddings
from emotone.fitting.embedding_head import fit_head
from emotone.recipes.embedding_recipe import HeadSettings, HiddenSettings, OrdinarySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LABELS = ("anger", "neutral", "sadness")
PLAIN = HeadSettings(standardisations=("stored",), corpus_balance=0.0)


def made(
    rng: np.random.Generator, *, count: int = 90, shift: float = 0.0, corpus: str = "a"
) -> tuple[NDArray[np.float64], LabelledEmbeddings]:
    """Return class means and data of three labels: six speakers with a class mean each, plus noise."""
    centres = np.random.default_rng(5).normal(size=(len(LABELS), 8)) * 2
    labels = np.arange(count) % len(LABELS)
    values = centres[labels] + rng.normal(size=(count, 8)) * 0.5 + shift
    speakers = np.array([f"{corpus}-{number // 15}" for number in range(count)])
    return centres, LabelledEmbeddings(values, labels.astype(np.int64), np.full(count, corpus), speakers)


def joined(*parts: LabelledEmbeddings) -> LabelledEmbeddings:
    return LabelledEmbeddings(
        np.concatenate([one.values for one in parts]),
        np.concatenate([one.labels for one in parts]),
        np.concatenate([one.corpora for one in parts]),
        np.concatenate([one.speakers for one in parts]),
    )


def test_it_recognises_what_it_was_fitted_on(rng: np.random.Generator) -> None:
    centres, data = made(rng)
    head = fit_head(data, HeadSettings(), labels=LABELS, seed=1)
    assert head.logits(centres.astype(np.float32)).argmax(axis=1).tolist() == [0, 1, 2]
    assert head.shrinkage == HeadSettings().shrinkage


def test_large_corpora_do_not_dominate_the_statistics(rng: np.random.Generator) -> None:
    small, large = made(rng, count=30, corpus="small")[1], made(rng, count=300, shift=4.0, corpus="large")[1]
    head = fit_head(joined(small, large), PLAIN, labels=LABELS, seed=1)
    means = np.array([small.values.mean(axis=0), large.values.mean(axis=0)])
    within = np.mean([small.values.var(axis=0), large.values.var(axis=0)], axis=0)
    np.testing.assert_allclose(head.mean, means.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(head.within, np.sqrt(within), atol=2e-3)
    np.testing.assert_allclose(head.deviation, np.sqrt(within + means.var(axis=0)), atol=2e-3)


def test_the_weights_are_the_optimum(rng: np.random.Generator) -> None:
    """The gradient of the loss, computed here by differences, is zero."""
    _, data = made(rng, count=30)
    embeddings = data.values.astype(np.float32)
    head = fit_head(data, PLAIN, labels=LABELS, seed=1)

    def loss(weight: NDArray[np.float64]) -> float:
        logits = replace(head, weight=weight.astype(np.float32)).logits(embeddings).astype(np.float64)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return float(-logs[np.arange(30), data.labels].sum() + (weight**2).sum() / (2 * PLAIN.regularisation))

    weight = head.weight.astype(np.float64)
    for place in ((0, 0), (3, 1), (7, 2)):
        step = np.zeros_like(weight)
        step[place] = 1e-3
        assert abs(loss(weight + step) - loss(weight - step)) / 2e-3 < 0.05


def test_a_weight_of_a_corpus_changes_the_fit(rng: np.random.Generator) -> None:
    data = joined(made(rng, corpus="a")[1], made(rng, shift=1.0, corpus="b")[1])
    alike = fit_head(data, HeadSettings(weights={"a": 1.0}), labels=LABELS, seed=1)
    weighed = fit_head(data, HeadSettings(weights={"a": 0.1}), labels=LABELS, seed=1)
    assert np.abs(alike.weight - weighed.weight).max() > 1e-5


def test_the_seed_fixes_the_fit(rng: np.random.Generator) -> None:
    _, data = made(rng)
    first, again, other = (fit_head(data, HeadSettings(), labels=LABELS, seed=seed) for seed in (1, 1, 2))
    assert (first.weight == again.weight).all()
    assert (first.weight != other.weight).any()


def test_adapted_to_a_shifted_corpus_it_recognises_it(rng: np.random.Generator) -> None:
    """A constant added to all recordings, such as another microphone, disappears with adaptation."""
    data = joined(made(rng, corpus="a")[1], made(rng, shift=1.0, corpus="b")[1])
    head = fit_head(data, HeadSettings(), labels=LABELS, seed=1)
    _, new = made(rng, shift=-6.0, corpus="new")
    embeddings = new.values.astype(np.float32)
    adapted = head.adapted(embeddings).logits(embeddings).argmax(axis=1)
    assert (adapted == new.labels).mean() > 0.95
    assert (head.logits(embeddings).argmax(axis=1) == new.labels).mean() < 0.9


def test_a_single_label_is_refused(rng: np.random.Generator) -> None:
    _, data = made(rng)
    one = replace(data, labels=np.zeros_like(data.labels))
    with pytest.raises(RunError, match="90 recordings with fewer than two labels are not enough to fit a head"):
        fit_head(one, HeadSettings(), labels=LABELS, seed=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"standardisations": ()}, "must name at least one"),
        ({"standardisations": ("stored", "stored")}, "each once"),
        ({"standardisations": ("store",)}, "did you mean 'stored'"),
        ({"weights": {"a": 0.0}}, "weight of a must be above 0"),
        ({"regularisation": 0.0}, "regularisation"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        HeadSettings(**changes)  # type: ignore[arg-type]


def with_reading(rng: np.random.Generator) -> LabelledEmbeddings:
    """Return acted speech, and a corpus of reading that differs in one further direction."""
    acted = made(rng, corpus="acted")[1]
    reading = replace(made(rng, count=60, corpus="reading")[1], labels=np.ones(60, np.int64))
    reading.values[:, 0] += 12.0
    return joined(acted, reading)


READING = OrdinarySettings(("reading",), regularisation=0.1, neutral=0.8)
ORDINARY = replace(PLAIN, ordinary=READING)


def test_ordinary_speech_trains_a_detector_and_no_emotion(rng: np.random.Generator) -> None:
    data = with_reading(rng)
    is_reading = data.corpora == "reading"
    head = fit_head(data, ORDINARY, labels=LABELS, seed=1)
    alone = fit_head(data.chosen(~is_reading), ORDINARY, labels=LABELS, seed=1)
    assert alone.ordinary is None
    for name in ("mean", "deviation", "within", "weight", "bias"):
        np.testing.assert_array_equal(getattr(head, name), getattr(alone, name))
    assert head.ordinary is not None
    share = head.ordinary.probabilities(data.values.astype(np.float32))
    assert share[is_reading].min() > 0.5 > share[~is_reading].max()
    np.testing.assert_allclose(head.ordinary.prior, [0.1, 0.8, 0.1], rtol=1e-6)
    found = head.probabilities(data.values[is_reading].astype(np.float32), temperature=1.0)
    assert (found.argmax(axis=1) == LABELS.index("neutral")).all()


def test_the_expected_share_moves_the_odds(rng: np.random.Generator) -> None:
    data = with_reading(rng)
    even, rare = (
        fit_head(data, replace(PLAIN, ordinary=replace(READING, share=share)), labels=LABELS, seed=1).ordinary
        for share in (0.5, 0.1)
    )
    assert even is not None
    assert rare is not None
    assert rare.bias - even.bias == pytest.approx(np.log(0.1 / 0.9), abs=1e-4)


def test_without_a_neutral_label_ordinary_speech_has_equal_probabilities(rng: np.random.Generator) -> None:
    head = fit_head(with_reading(rng), ORDINARY, labels=("anger", "fear", "sadness"), seed=1)
    assert head.ordinary is not None
    np.testing.assert_allclose(head.ordinary.prior, 1 / 3, rtol=1e-6)


def test_ordinary_speech_alone_can_not_train_a_head(rng: np.random.Generator) -> None:
    with pytest.raises(RunError, match="0 recordings with fewer than two labels"):
        fit_head(made(rng, corpus="reading")[1], ORDINARY, labels=LABELS, seed=1)


HIDDEN = HiddenSettings(units=16, networks=2, dropout=0.2, input_dropout=0.1, epochs=30, learning_rate=0.02)


def test_a_hidden_layer_recognises_what_it_was_fitted_on(rng: np.random.Generator) -> None:
    centres, data = made(rng)
    head = fit_head(data, HeadSettings(hidden=HIDDEN), labels=LABELS, seed=1)
    assert head.hidden is not None
    assert head.hidden.weight.shape == (8, 32)
    assert head.weight.shape == (32, 3)
    assert head.logits(centres.astype(np.float32)).argmax(axis=1).tolist() == [0, 1, 2]


def test_a_hidden_layer_separates_what_no_line_separates(rng: np.random.Generator) -> None:
    """Two labels that differ in whether two values have the same sign."""
    values = rng.choice([-1.0, 1.0], (200, 2)) + rng.normal(size=(200, 2)) * 0.1
    labels = (values[:, 0] * values[:, 1] > 0).astype(np.int64)
    data = LabelledEmbeddings(values, labels, np.full(200, "a"), np.full(200, "a-1"))
    settings = replace(PLAIN, hidden=replace(HIDDEN, epochs=60, input_dropout=0.0))
    linear, hidden = (fit_head(data, one, labels=("anger", "fear"), seed=1) for one in (PLAIN, settings))
    scores = [(one.logits(values.astype(np.float32)).argmax(axis=1) == labels).mean() for one in (linear, hidden)]
    assert scores[0] < 0.8
    assert scores[1] > 0.95


def test_logits_of_networks_side_by_side_are_their_mean(rng: np.random.Generator) -> None:
    """The networks of a joint training start and end apart, so halves of the hidden layer can be compared."""
    _, data = made(rng)
    head = fit_head(data, HeadSettings(hidden=HIDDEN), labels=LABELS, seed=1)
    assert head.hidden is not None
    values = data.values.astype(np.float32)
    halves = []
    for part in (slice(0, 16), slice(16, 32)):
        layer = replace(head.hidden, weight=head.hidden.weight[:, part], bias=head.hidden.bias[part])
        halves.append(replace(head, hidden=layer, weight=2 * head.weight[part]).logits(values))
    assert np.abs(halves[0] - halves[1]).max() > 0.1
    np.testing.assert_allclose(head.logits(values), np.mean(halves, axis=0), atol=1e-5)
    for half in halves:
        assert (half.argmax(axis=1) == data.labels).mean() > 0.95


def test_the_seed_fixes_a_hidden_layer(rng: np.random.Generator) -> None:
    _, data = made(rng)
    short = HeadSettings(hidden=replace(HIDDEN, epochs=2))
    first, again, other = (fit_head(data, short, labels=LABELS, seed=seed) for seed in (1, 1, 2))
    assert (first.weight == again.weight).all()
    assert (first.weight != other.weight).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (lambda: HiddenSettings(dropout=1.0), "dropout must be between 0 and 0.95"),
        (lambda: HiddenSettings(networks=0), "networks must be between 1 and 64"),
        (lambda: OrdinarySettings(()), "must name at least one corpus"),
        (lambda: OrdinarySettings(("a",), share=0.0), "share must be between"),
    ],
)
def test_settings_of_parts_out_of_range_are_refused(settings: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings()


def with_copy(data: LabelledEmbeddings, *, shift: float) -> LabelledEmbeddings:
    return replace(data, copies=(data.values + shift, data.values - shift))


def test_a_linear_head_takes_copies_as_further_recordings(rng: np.random.Generator) -> None:
    data = with_copy(made(rng)[1], shift=0.5)
    further = joined(data, replace(data, values=data.copies[0]), replace(data, values=data.copies[1]))
    one, other = (fit_head(each, PLAIN, labels=LABELS, seed=1) for each in (data, further))
    np.testing.assert_allclose(one.weight, other.weight, atol=1e-5)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-6)


@pytest.mark.parametrize("copied", [0.0, 0.5, 1.0])
def test_recordings_are_replaced_by_copies_in_this_share(rng: np.random.Generator, copied: float) -> None:
    data = with_copy(made(rng, count=600)[1], shift=9.0)
    moved = np.round((data.drawn(rng, copied=copied).values - data.values).mean(axis=1)).astype(int)
    assert set(np.unique(moved)) <= {-9, 0, 9}
    assert np.mean(moved != 0) == pytest.approx(copied, abs=0.08)
    assert np.mean(moved == 9) == pytest.approx(copied / 2, abs=0.08)


def test_a_hidden_layer_learns_from_copies(rng: np.random.Generator) -> None:
    centres, plain = made(rng)
    data = replace(plain, values=plain.values * 0, copies=(plain.values,))  # only the copies contain anything
    hidden = HiddenSettings(
        units=16, networks=2, epochs=40, dropout=0.0, input_dropout=0.0, learning_rate=0.01, copied=1
    )
    head = fit_head(data, replace(PLAIN, hidden=hidden), labels=LABELS, seed=1)
    assert head.logits(centres.astype(np.float32)).argmax(axis=1).tolist() == [0, 1, 2]


def test_the_domain_is_around_all_corpora_also_of_ordinary_speech(rng: np.random.Generator) -> None:
    near, far = made(rng)[1], made(rng, shift=50.0, corpus="reading")[1]
    settings = replace(PLAIN, domain_directions=2, ordinary=OrdinarySettings(corpora=("reading",)))
    domain = fit_head(joined(near, far), settings, labels=LABELS, seed=1).domain
    assert domain is not None
    inside = np.concatenate([near.values, far.values]).astype(np.float32)
    assert domain.distance(inside).max() < domain.distance((near.values + 25).astype(np.float32)).min()
    np.testing.assert_allclose(domain.directions @ domain.directions.T, np.eye(2), atol=2e-3)
    assert fit_head(near, replace(PLAIN, domain_directions=0), labels=LABELS, seed=1).domain is None


def test_labels_of_equal_weight_have_the_same_share_of_the_loss(rng: np.random.Generator) -> None:
    _, data = made(rng)
    rare = data.chosen((data.labels != 0) | (np.arange(90) < 30))
    settings = replace(PLAIN, label_balance=1.0)
    weights = rare.weights(settings)
    np.testing.assert_allclose([weights[rare.labels == label].sum() for label in range(3)], len(rare) / 3)
    assert weights.mean() == pytest.approx(1.0)
    np.testing.assert_array_equal(rare.weights(PLAIN), 1.0)
    share = {
        balance: fit_head(rare, replace(PLAIN, label_balance=balance), labels=LABELS, seed=1).probabilities(
            np.zeros((1, 8), np.float32), temperature=1.0
        )[0, 0]
        for balance in (0.0, 1.0)
    }
    assert share[1.0] > share[0.0]
