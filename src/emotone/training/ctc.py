"""Connectionist temporal classification: the training of a recogniser on utterances and their transcripts.

References: Graves et al., Connectionist temporal classification, ICML 2006; Amodei et al., Deep Speech 2,
arXiv:1512.02595, 2015, section 3.2 (SortaGrad).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from emotone.errors import RunError
from emotone.metrics.transcription import character_error_rate, greedy_text, word_error_rate
from emotone.nets.speech_recogniser import BLANK
from emotone.training.batches import pad
from emotone.training.objective import Evaluation, Loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from emotone.types import Array


@dataclass(frozen=True)
class SpokenTexts:
    """Utterances with their transcripts.

    Attributes:
        features: one array [time, dimension] per utterance.
        texts: their transcripts, in the characters of the recogniser.

    """

    features: tuple[Array, ...]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class SpeechBatch:
    """One batch of utterances.

    Attributes:
        inputs: [batch, time, dimension].
        lengths: [batch] valid rows.
        codes: [batch, characters] of the transcripts, filled with blanks.
        counts: [batch] characters of each.

    """

    inputs: Array
    lengths: NDArray[np.int64]
    codes: NDArray[np.int64]
    counts: NDArray[np.int64]


def steps_of(rows: int) -> int:
    """Return the number of steps that a recogniser predicts a symbol at."""
    return (rows + 1) // 2


def steps_needed(text: str) -> int:
    """Return the least number of steps for a text: one per character, and a blank between two equal ones.

    Example:
        >>> steps_needed("hello")
        6

    """
    return len(text) + sum(first == second for first, second in pairwise(text))


class CtcObjective:
    """The mean CTC loss of utterances; the score is the negative character error rate of the development part.

    Batches have utterances of similar durations. The first epoch begins with the shortest ones; later ones have the
    same batches in random order.

    Args:
        train: utterances, each with enough steps for its text.
        development: selects the epoch; may be empty.
        characters: of the recogniser, without the blank.
        batch_size: utterances per batch.
        epochs: maximum number of epochs.
        seed: of the order of batches.

    Raises:
        RunError: nothing to train on, or an utterance has too few steps.

    """

    def __init__(
        self,
        train: SpokenTexts,
        development: SpokenTexts,
        *,
        characters: str,
        batch_size: int,
        epochs: int,
        seed: int,
    ) -> None:
        if len(train) == 0:
            raise RunError("no training data: there are no transcribed utterances")
        for rows, text in zip(train.features, train.texts, strict=True):
            if steps_of(len(rows)) < steps_needed(text):
                raise RunError(f"{len(rows)} rows are too few for the transcript '{text}': exclude the utterance")
        self.train = train
        self.development = development
        self.characters = characters
        self.batch_size = batch_size
        self.seed = seed
        order = np.argsort([len(rows) for rows in train.features], kind="stable")
        self.parts = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
        self.steps = (len(self.parts),) * epochs
        self._loss = nn.CTCLoss(blank=BLANK, reduction="mean", zero_infinity=True)

    def batches(self, epoch: int) -> Iterator[SpeechBatch]:
        """Yield the batches of an epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        places = np.arange(len(self.parts)) if epoch == 1 else rng.permutation(len(self.parts))
        for place in places:
            chosen = self.parts[place]
            inputs, lengths = pad([self.train.features[index] for index in chosen])
            texts = [self.train.texts[index] for index in chosen]
            counts = np.array([len(text) for text in texts], np.int64)
            codes = np.full((len(texts), int(counts.max())), BLANK, np.int64)
            for row, text in zip(codes, texts, strict=True):
                row[: len(text)] = [1 + self.characters.index(character) for character in text]
            yield SpeechBatch(inputs, lengths, codes, counts)

    def loss(self, output: Tensor, batch: SpeechBatch) -> Loss:
        """Return the CTC loss of log-probabilities [batch, steps, symbols], per character, mean over utterances."""
        steps = torch.from_numpy((batch.lengths + 1) // 2)
        codes, counts = torch.from_numpy(batch.codes), torch.from_numpy(batch.counts)
        return Loss(self._loss(output.transpose(0, 1), codes, steps, counts), len(batch.counts))

    def evaluate(self, net: nn.Module, epoch: int) -> Evaluation:  # noqa: ARG002 - every epoch is evaluated
        """Return the negative character error rate as the score, and both error rates."""
        if len(self.development) == 0:
            return Evaluation()
        rates = error_rates(net, self.development, characters=self.characters)
        return Evaluation(-rates["cer"], rates)


def error_rates(net: nn.Module, spoken: SpokenTexts, *, characters: str) -> dict[str, float]:
    """Return the character and word error rates, `cer` and `wer`, of greedy decoding; the network is put in eval mode.

    Args:
        net: of `SpeechRecogniser.build`.
        spoken: at least one utterance.
        characters: of the recogniser, without the blank.

    """
    net.eval()
    with torch.inference_mode():
        scores = [net(torch.from_numpy(rows[None]), None)[0].numpy() for rows in spoken.features]
    found = [greedy_text(values, characters, blank=BLANK) for values in scores]
    return {
        "cer": character_error_rate(spoken.texts, found),
        "wer": word_error_rate(spoken.texts, found),
    }
