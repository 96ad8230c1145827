"""Labelled embeddings of several corpora, what each recording weighs, and the ways to standardise them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.head import shrunk_statistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from emotone.recipes.embedding_recipe import HeadSettings, Standardisation

    Values = NDArray[np.float64]

FLOOR = 1e-3  # is added to deviations: no dimension is amplified without limit
MIN_SUBSET, MAX_SUBSET = 8, 200  # recordings whose statistics a "subset" has
MAX_NEUTRAL = 0.9


@dataclass(frozen=True, eq=False)
class LabelledEmbeddings:
    """Training data of a head.

    Attributes:
        values: [recordings, values].
        labels: index of each recording's label [recordings].
        corpora: of each recording.
        speakers: of each recording, unique over all corpora.
        copies: values of changed copies of all recordings, [recordings, values] each.

    """

    values: Values
    labels: NDArray[np.int64]
    corpora: NDArray[np.str_]
    speakers: NDArray[np.str_]
    copies: tuple[Values, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, mask: NDArray[np.bool_]) -> LabelledEmbeddings:
        """Return the recordings where the mask [recordings] is true."""
        copies = tuple(copy[mask] for copy in self.copies)
        return LabelledEmbeddings(self.values[mask], self.labels[mask], self.corpora[mask], self.speakers[mask], copies)

    def with_copies(self) -> LabelledEmbeddings:
        """Return all recordings, then all copies, as recordings of their own."""
        places = np.tile(np.arange(len(self)), 1 + len(self.copies))
        values = np.concatenate([self.values, *self.copies])
        return LabelledEmbeddings(values, self.labels[places], self.corpora[places], self.speakers[places])

    def drawn(self, rng: np.random.Generator, *, copied: float) -> LabelledEmbeddings:
        """Return the recordings, each replaced by one of its copies with the probability `copied`."""
        if not self.copies:
            return self
        kinds = np.where(rng.random(len(self)) < copied, rng.integers(1, 1 + len(self.copies), len(self)), 0)
        values = self.values.copy()
        for number, copy in enumerate(self.copies, 1):
            values[kinds == number] = copy[kinds == number]
        return LabelledEmbeddings(values, self.labels, self.corpora, self.speakers)

    def weights(self, settings: HeadSettings) -> Values:
        """Return a weight per recording, 1 on average: a corpus of n recordings weighs n ** (1 - balance).

        A label with the total weight w then gets the total weight w ** (1 - `label_balance`).
        """
        weights = np.ones(len(self))
        for corpus in np.unique(self.corpora):
            chosen = self.corpora == corpus
            weights[chosen] = chosen.sum() ** -settings.corpus_balance * settings.weights.get(str(corpus), 1.0)
        if settings.label_balance:
            totals = np.bincount(self.labels, weights)
            weights *= totals[self.labels] ** -settings.label_balance
        scaled: Values = weights * len(self) / weights.sum()
        return scaled


@dataclass(frozen=True, eq=False)
class TrainingStatistics:
    """The mean and the deviation of embeddings, such that a large corpus does not dominate.

    Attributes:
        mean: of the corpora's means [values].
        deviation: root of the mean of the corpora's variances plus the variance of their means [values].
        within: root of the mean of the corpora's variances [values].

    """

    mean: Values
    deviation: Values
    within: Values

    @classmethod
    def of(cls, data: LabelledEmbeddings) -> TrainingStatistics:
        """Return the statistics of embeddings."""
        parts = [data.values[data.corpora == corpus] for corpus in np.unique(data.corpora)]
        means = np.array([part.mean(axis=0) for part in parts])
        variances = np.array([part.var(axis=0) for part in parts])
        mean = means.mean(axis=0)
        return cls(
            mean=mean,
            deviation=np.sqrt((variances + (means - mean) ** 2).mean(axis=0)) + FLOOR,
            within=np.sqrt(variances.mean(axis=0)) + FLOOR,
        )


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Standardises labelled embeddings in each of the ways of a recipe; see `HeadSettings.standardisations`.

    Attributes:
        statistics: of all training data.
        settings: of the head.
        neutral: index of the label neutral; -1 if there is none.

    """

    statistics: TrainingStatistics
    settings: HeadSettings
    neutral: int

    @property
    def ways(self) -> int:
        """How often each recording occurs in the result of `compute`."""
        return len(self.settings.standardisations)

    def compute(self, data: LabelledEmbeddings, rng: np.random.Generator) -> Values:
        """Return [ways x recordings, values]: all recordings in the first way, then in the second."""
        return np.concatenate([self._standardised(data, kind, rng) for kind in self.settings.standardisations])

    def _standardised(self, data: LabelledEmbeddings, kind: Standardisation, rng: np.random.Generator) -> Values:
        if kind == "stored":
            plain: Values = (data.values - self.statistics.mean) / self.statistics.deviation
            return plain
        result: Values = np.empty_like(data.values)
        for corpus in np.unique(data.corpora):
            chosen = np.flatnonzero(data.corpora == corpus)
            if kind == "corpus":
                values = data.values[chosen]
                result[chosen] = (values - values.mean(axis=0)) / (values.std(axis=0) + FLOOR)
                continue
            for group in _speaker_groups(data.speakers[chosen], rng):
                members = chosen[group]
                mean, spread = self._shrunk(data.values[_subset(members, data.labels, neutral=self.neutral, rng=rng)])
                result[members] = (data.values[members] - mean) / spread
        return result

    def _shrunk(self, values: Values) -> tuple[Values, Values]:
        stored = self.statistics
        mean, variance = shrunk_statistics(
            values, mean=stored.mean, within=stored.within, shrinkage=self.settings.shrinkage
        )
        return mean, np.sqrt(variance) + FLOOR


def _speaker_groups(speakers: NDArray[np.str_], rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield the places of groups of a random number of speakers, which cover all of them."""
    names = np.unique(speakers)
    rng.shuffle(names)
    size = int(rng.integers(1, len(names) + 1))
    for first in range(0, len(names), size):
        yield np.flatnonzero(np.isin(speakers, names[first : first + size]))


def _subset(
    members: NDArray[np.int64], labels: NDArray[np.int64], *, neutral: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return a random subset of recordings, half of the time with a random share of neutral ones."""
    count = min(len(members), int(np.exp(rng.uniform(np.log(MIN_SUBSET), np.log(MAX_SUBSET)))))
    is_neutral = labels[members] == neutral
    if rng.random() < 0.5 or not is_neutral.any() or is_neutral.all():
        return rng.choice(members, count, replace=False)
    share = int(rng.uniform(0, MAX_NEUTRAL) * count)
    return np.concatenate([rng.choice(members[is_neutral], share), rng.choice(members[~is_neutral], count - share)])
