"""What is chosen on development data: epochs by their AU-ROC, and settings for a target corpus."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET, one_thread, placing, separable
from tests.training.looping import build
from tests.training.looping import task as training_task

from emotone.classical.base import AdaptiveClassifier, align
from emotone.classical.classifiers.svm import AdaptiveSvm, LinearSvm
from emotone.errors import RunError
from emotone.features.windows import window_starts
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.training.batches import Examples, Task
from emotone.training.development import development_score, window_probabilities
from emotone.training.tuning import INNER_FOLDS, TargetCorpus, TunedClassifier, tune_for_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.classical.base import Adaptation, Scorer, Truth, Vectors


# ----------------------------------------------------------------------------------------------------------------------
# Development scores: the AU-ROC against counting pairs of windows, and where it is undefined.

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

NOTHING = Examples((), np.zeros(0, np.int64), np.zeros(0, np.int64))


def task(development: Examples, **changes: Any) -> Task:
    return replace(Task(NOTHING, development, hop_seconds=0.01, window=30, hop=15, signature="f00d", seed=3), **changes)


def net(classes: int = 2) -> Any:
    torch.manual_seed(0)
    return LogMelCnn(**TINY_NET).build(64, classes).eval()


def slow_area(truth: list[int], scores: list[float], label: int) -> float:
    """Share of pairs of windows that are ranked right; ties count half."""
    pairs = product(
        [score for one, score in zip(truth, scores, strict=True) if one == label],
        [score for one, score in zip(truth, scores, strict=True) if one != label],
    )
    return float(np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs]))


@pytest.mark.parametrize("min_frames", [0, 25])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_area_agrees_with_counting_pairs_of_windows_in_each_corpus(min_frames: int, classes: int) -> None:
    examples = separable(16, seed=5, corpora=2)
    of = task(examples, min_frames=min_frames)
    judge = net(classes)
    areas = []
    for corpus in range(2):
        truth: list[int] = []
        scores: list[list[float]] = []
        for item, where, label in zip(examples.features, examples.corpora, examples.labels, strict=True):
            if where == corpus:
                given = window_probabilities(judge, item, **placing(of)).tolist()
                truth += [int(label)] * len(given)
                scores += given
        areas.append(np.mean([slow_area(truth, [row[label] for row in scores], label) for label in (0, 1)]))
    assert development_score(judge, of, monitor="auroc") == pytest.approx(float(np.mean(areas)), abs=1e-3)


def test_a_corpus_with_a_single_label_does_not_count_and_nothing_else_is_undefined() -> None:
    examples = separable(12)
    mixed = replace(examples, corpora=np.where(np.arange(12) < 8, 0, 1 + examples.labels))
    both = Examples(examples.features[:8], examples.labels[:8], np.zeros(8, np.int64))
    assert development_score(net(), task(mixed), monitor="auroc") == pytest.approx(
        development_score(net(), task(both), monitor="auroc")
    )
    lonely = Examples(examples.features[::2], examples.labels[::2], np.zeros(6, np.int64))
    with pytest.raises(RunError, match=r"AU-ROC of the development part is undefined: no corpus of it has two labels"):
        development_score(net(), task(lonely), monitor="auroc")


def test_nothing_has_no_score() -> None:
    assert development_score(net(), task(NOTHING), monitor="auroc") is None


def test_short_last_windows_are_judged_as_if_alone() -> None:
    rows = separable(1).features[0][:29].repeat(3, axis=0)  # 87 frames: windows at 0, 15, 30, 45, 60 (27 frames)
    judge, of = net(), task(NOTHING, min_frames=25)
    probabilities = window_probabilities(judge, rows, **placing(of))
    assert len(probabilities) == 5
    with torch.inference_mode():
        last = torch.softmax(judge(torch.from_numpy(rows[None, 60:]), None), dim=1).numpy()
    np.testing.assert_allclose(probabilities[4:], last, atol=1e-6)


@pytest.mark.parametrize("monitor", ["uar", "auroc"])
def test_windows_that_are_not_given_have_no_say(monitor: Any) -> None:
    examples = separable(8, seed=5)
    of, judge = task(examples), net()
    everything = tuple(window_starts(len(rows), window=30, hop=15) for rows in examples.features)
    given = replace(examples, starts=everything)
    assert development_score(judge, task(given), monitor=monitor) == development_score(judge, of, monitor=monitor)
    first = replace(examples, starts=tuple(np.zeros(1, np.int64) for _ in everything))
    cut = replace(examples, features=tuple(rows[:30] for rows in examples.features))
    assert development_score(judge, task(first), monitor=monitor) == pytest.approx(
        development_score(judge, task(cut), monitor=monitor)
    )


def test_the_development_score_agrees_with_counting() -> None:
    torch.manual_seed(0)
    net = build().eval()
    examples = separable(30, seed=5, corpora=3)
    of = training_task(development=examples)
    recalls: dict[int, list[float]] = {}
    for corpus in range(3):
        for label in range(2):
            chosen = [
                item
                for item, where, truth in zip(examples.features, examples.corpora, examples.labels, strict=True)
                if (where, truth) == (corpus, label)
            ]
            hits = [
                int(window_probabilities(net, item, **placing(of)).mean(axis=0).argmax()) == label for item in chosen
            ]
            recalls.setdefault(corpus, []).append(sum(hits) / len(hits))
    expected = np.mean([np.mean(values) for values in recalls.values()])
    assert development_score(net, of) == pytest.approx(float(expected))


def test_windows_are_judged_as_if_each_were_alone() -> None:
    torch.manual_seed(0)
    net = build().eval()
    rows = separable(1).features[0][:29].repeat(5, axis=0)  # 145 frames: windows at 0, 20, 40, 60, 80, 85
    probabilities = window_probabilities(net, rows, **placing(training_task()))
    assert probabilities.shape == (6, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    with torch.inference_mode():
        last = torch.softmax(net(torch.from_numpy(rows[None, 85:]), None), dim=1).numpy()
    np.testing.assert_allclose(probabilities[5:], last, atol=1e-6)


def test_the_cross_entropy_is_that_of_the_mean_probability_of_each_clip() -> None:
    examples, judge = separable(6, seed=5, corpora=2), net()
    of = task(examples)
    logs: list[list[float]] = [[], []]
    for rows, corpus, label in zip(examples.features, examples.corpora, examples.labels, strict=True):
        logs[int(corpus)].append(np.log(window_probabilities(judge, rows, **placing(of)).mean(axis=0)[label]))
    expected = np.mean([np.mean(values) for values in logs])
    assert development_score(judge, of, monitor="cross-entropy") == pytest.approx(expected, rel=1e-5)


def test_the_cross_entropy_of_clips_is_that_of_their_windows_one_by_one() -> None:
    examples = separable(18, seed=5)
    lengths = np.random.default_rng(0).integers(10, 60, len(examples))
    examples = replace(examples, features=tuple(x[:n] for x, n in zip(examples.features, lengths, strict=True)))
    of, judge = task(examples), net()
    logs = [
        np.log(window_probabilities(judge, rows, **placing(of)).mean(axis=0)[label])
        for rows, label in zip(examples.features, examples.labels, strict=True)
    ]
    expected = np.mean([np.mean(np.array(logs)[examples.corpora == each]) for each in np.unique(examples.corpora)])
    assert development_score(judge, of, monitor="cross-entropy") == pytest.approx(float(expected), abs=1e-5)


# ----------------------------------------------------------------------------------------------------------------------
# Tuning for a target corpus: settings are selected on its speakers, and the other corpora are always training data.

SPEAKERS = 6  # of the target
EACH = 4  # clips


@dataclass(frozen=True)
class Spy:
    """An adapting classifier that keeps what it was given, and scores each clip's second value times a strength."""

    version: ClassVar[int] = 1

    strength: tuple[float, ...] = (1.0,)
    sources: list[tuple[Vectors, Truth, int]] = field(default_factory=list, compare=False)
    targets: list[tuple[Vectors, Truth]] = field(default_factory=list, compare=False)
    asked: list[Vectors] = field(default_factory=list, compare=False)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per strength."""
        return tuple({"strength": strength} for strength in self.strength)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:
        """Nobody asks for it."""
        raise NotImplementedError

    def fit_sources(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[str]:  # noqa: ARG002
        """Keep what was given."""
        self.sources.append((vectors.copy(), truth.copy(), seed))
        return ["learned"]

    def adapt(self, sources: Sequence[Any], vectors: Vectors, truth: Truth, *, labels: int) -> list[Scorer]:
        """Return one scorer per strength: a strength below 0 answers the wrong way round."""
        assert sources == ["learned"]
        self.targets.append((vectors.copy(), truth.copy()))

        def scorer(strength: float) -> Scorer:
            def score(others: Vectors) -> Vectors:
                self.asked.append(others.copy())
                scores: Vectors = np.zeros((len(others), labels))
                scores[:, 0], scores[:, 1] = -strength * others[:, 1], strength * others[:, 1]
                return scores

            return score

        return [scorer(strength) for strength in self.strength]


@dataclass(frozen=True)
class Part:
    """A training part: 20 clips of each of two other corpora before, between and behind those of the target."""

    vectors: Vectors
    truth: Truth
    groups: Any
    corpora: Any


def part(rng: np.random.Generator) -> Part:
    """Return clips whose first value counts them and whose second one tells the label."""
    corpora = np.array(["a"] * 20 + ["target"] * (SPEAKERS * EACH) + ["b"] * 20)
    truth = np.arange(len(corpora), dtype=np.int64) % 2
    speakers = [f"{corpus}/{index // EACH}" for index, corpus in enumerate(corpora)]
    vectors = np.stack([np.arange(len(corpora)), 2.0 * truth - 1 + rng.normal(0, 0.1, len(truth))], axis=1)
    return Part(vectors, truth, np.array(speakers), corpora)


def tuned(classifier: Any, of: Part, *, how: Adaptation = "corpora", **changes: Any) -> TunedClassifier:
    given = {"labels": 3, "seed": 3, "standardise": False, **changes}
    return tune_for_target(
        TargetCorpus(of.corpora, "target", how), classifier, of.vectors, of.truth, of.groups, **given
    )


def test_the_spy_is_an_adapting_classifier() -> None:
    assert isinstance(Spy(), AdaptiveClassifier)
    assert not isinstance(LinearSvm(), AdaptiveClassifier)


def test_inner_folds_divide_the_targets_speakers_and_nobody_else(rng: np.random.Generator) -> None:
    of, spy = part(rng), Spy()
    tuned(spy, of)
    clips = of.vectors[of.corpora == "target"]
    *inner, (last, _) = spy.targets
    assert len(inner) == INNER_FOLDS
    judged: list[float] = []
    for (learned, _), asked in zip(inner, spy.asked, strict=True):
        speakers = [set(of.groups[rows[:, 0].astype(int)]) for rows in (learned, asked)]
        assert speakers[0].isdisjoint(speakers[1])
        assert sorted(np.concatenate([learned, asked])[:, 0]) == clips[:, 0].tolist()
        judged += asked[:, 0].tolist()
    assert sorted(judged) == clips[:, 0].tolist()
    np.testing.assert_array_equal(last, clips)


def test_what_the_other_corpora_teach_is_solved_once(rng: np.random.Generator) -> None:
    of, spy = part(rng), Spy(strength=(1.0, 2.0))
    tuned(spy, of, standardise=True)
    moved, _ = align(of.vectors, of.corpora, target="target", method="corpora", standardise=True)
    ((vectors, truth, seed),) = spy.sources  # the inner folds leave the others' clips where they are
    np.testing.assert_array_equal(vectors, moved[of.corpora != "target"])
    np.testing.assert_array_equal(truth, of.truth[of.corpora != "target"])
    assert seed == 3


@pytest.mark.parametrize("how", ["none", "coral"])
def test_where_it_depends_on_the_target_it_is_solved_in_each_fold(rng: np.random.Generator, how: Adaptation) -> None:
    spy = Spy()
    tuned(spy, part(rng), how=how, standardise=True)
    assert len(spy.sources) == INNER_FOLDS + 1


def test_the_best_on_the_target_is_chosen(rng: np.random.Generator) -> None:
    of, spy = part(rng), Spy(strength=(-1.0, 1.0, 2.0))
    result = tuned(spy, of)
    assert result.inner == (0.0, 1.0, 1.0)
    assert result.chosen == {"strength": 1.0}  # of equal ones the first
    clips = of.corpora == "target"
    np.testing.assert_array_equal(result.probabilities(of.vectors[clips]).argmax(axis=1), of.truth[clips])


def test_others_that_contradict_the_target_have_no_say_in_the_choice(rng: np.random.Generator) -> None:
    of = part(rng)
    others = of.corpora != "target"
    wrong = np.where(others, 1 - of.truth, of.truth)
    result = tuned(Spy(strength=(-1.0, 1.0)), Part(of.vectors, wrong, of.groups, of.corpora))
    assert result.inner == (0.0, 1.0)


def test_a_held_out_speaker_changes_nothing_of_what_is_fitted_without_it(rng: np.random.Generator) -> None:
    of, one, two = part(rng), Spy(), Spy()
    wild = of.vectors.copy()
    wild[of.groups == "target/6", 1] = 1e6 * rng.normal(size=EACH)
    tuned(one, of, how="coral", standardise=True)
    tuned(two, Part(wild, of.truth, of.groups, of.corpora), how="coral", standardise=True)
    same = [
        bool(np.array_equal(a[0], b[0]) and np.array_equal(c[0], d[0]))
        for a, b, c, d in zip(one.targets, two.targets, one.sources, two.sources, strict=True)
    ]
    assert sum(same) == 1  # its own fold


@pytest.mark.parametrize("how", ["none", "corpora", "coral"])
@pytest.mark.parametrize("classifier", [LinearSvm(cost=(0.1, 1.0)), AdaptiveSvm(cost=(0.1, 1.0))], ids=str)
def test_labels_that_the_target_lacks_have_no_probability(
    rng: np.random.Generator, how: Adaptation, classifier: Any
) -> None:
    of = part(rng)
    truth = np.where(of.corpora == "b", 2, of.truth)  # b has what the target does not
    result = tuned(classifier, Part(of.vectors, truth, of.groups, of.corpora), how=how, standardise=True)
    clips = of.corpora == "target"
    found = result.probabilities(of.vectors[clips])
    np.testing.assert_array_equal(found[:, 2], 0.0)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
    assert np.mean(found.argmax(axis=1) == truth[clips]) > 0.9


def test_one_speaker_of_the_target_is_divided_by_clips(rng: np.random.Generator) -> None:
    of, spy = part(rng), Spy()
    result = tuned(spy, Part(of.vectors, of.truth, np.full(len(of.truth), "s"), of.corpora))
    assert len(spy.targets) == INNER_FOLDS + 1
    assert result.inner == (1.0,)


def test_too_few_clips_to_choose_by_take_the_most_cautious(rng: np.random.Generator) -> None:
    of = part(rng)
    kept = np.flatnonzero(of.corpora != "target")
    kept = np.sort(np.append(kept, [20, 21]))  # two clips of the target, one per label
    few = Part(of.vectors[kept], of.truth[kept], of.groups[kept], of.corpora[kept])
    result = tuned(AdaptiveSvm(), few, standardise=True)
    assert result.inner == ()
    assert result.chosen == {"source_cost": 0.01, "cost": 0.1}
    assert result.temperature == 1.0
    assert np.isfinite(result.probabilities(of.vectors)).all()


@pytest.mark.parametrize(
    ("whose", "message"),
    [
        ("target", "24 training clips of target with fewer than two labels can't be adapted to"),
        ("others", "40 training clips of other corpora with fewer than two labels can't be adapted from"),
    ],
)
def test_a_single_label_on_either_side_is_rejected(rng: np.random.Generator, whose: str, message: str) -> None:
    of = part(rng)
    truth = np.where((of.corpora == "target") == (whose == "target"), 1, of.truth)
    with pytest.raises(RunError, match=message):
        tuned(Spy(), Part(of.vectors, truth, of.groups, of.corpora))


def test_no_clips_on_a_side_are_rejected(rng: np.random.Generator) -> None:
    of = part(rng)
    with pytest.raises(RunError, match="0 training clips of target with fewer"):
        tuned(Spy(), Part(of.vectors, of.truth, of.groups, np.full(len(of.truth), "a")))


def test_the_same_seed_gives_the_same_probabilities(rng: np.random.Generator) -> None:
    of = part(rng)
    first, second = (tuned(AdaptiveSvm(), of, standardise=True) for _ in range(2))
    assert (first.chosen, first.temperature, first.inner) == (second.chosen, second.temperature, second.inner)
    np.testing.assert_array_equal(first.probabilities(of.vectors), second.probabilities(of.vectors))
