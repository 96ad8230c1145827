"""Development scores: the AU-ROC against counting pairs of windows, and where it is undefined."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET, one_thread, placing, separable
from tests.training.looping import build
from tests.training.looping import task as training_task

from emotone.errors import RunError
from emotone.features.windows import window_starts
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.training.batches import Examples, Task
from emotone.training.development import development_score, window_probabilities

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
