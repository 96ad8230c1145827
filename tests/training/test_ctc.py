"""The CTC objective: its batches, its loss against summing all paths, and what can't be trained on."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from tests.toy import one_thread

from emotone.errors import RunError
from emotone.training.ctc import CtcObjective, SpokenTexts, error_rates, steps_needed, steps_of

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
NONE = SpokenTexts((), ())


def spoken(*lengths: int, text: str = "AB") -> SpokenTexts:
    return SpokenTexts(tuple(np.full((length, 3), length, np.float32) for length in lengths), (text,) * len(lengths))


def objective(train: SpokenTexts, development: SpokenTexts = NONE, *, batch_size: int = 2) -> CtcObjective:
    return CtcObjective(train, development, characters="AB", batch_size=batch_size, epochs=3, seed=1)


def slow_loss(log_probabilities: list[list[float]], codes: list[int]) -> float:
    """Return the negative logarithm of the summed probabilities of all paths of a text, per character."""
    total = 0.0
    for path in product(range(3), repeat=len(log_probabilities)):
        merged = [code for place, code in enumerate(path) if place == 0 or path[place - 1] != code]
        if [code for code in merged if code] == codes:
            total += float(np.exp(sum(row[code] for row, code in zip(log_probabilities, path, strict=True))))
    return -float(np.log(total)) / len(codes)


def test_the_first_epoch_begins_with_the_shortest_utterances() -> None:
    of = objective(spoken(30, 10, 40, 20, 50))
    assert of.steps == (3, 3, 3)
    lengths = [[batch.lengths.tolist() for batch in of.batches(epoch)] for epoch in (1, 2, 3)]
    assert lengths[0] == [[10, 20], [30, 40], [50]]
    assert sorted(lengths[1]) == sorted(lengths[2]) == lengths[0]
    assert [batch.lengths.tolist() for batch in of.batches(2)] == lengths[1]


def test_transcripts_are_codes_filled_with_blanks() -> None:
    features = (np.zeros((20, 3), np.float32), np.zeros((22, 3), np.float32))
    (batch,) = objective(SpokenTexts(features, ("BA", "ABB"))).batches(1)
    assert batch.codes.tolist() == [[2, 1, 0], [1, 2, 2]]
    assert batch.counts.tolist() == [2, 3]


def test_the_loss_agrees_with_summing_all_paths() -> None:
    features = (np.zeros((5, 3), np.float32), np.zeros((10, 3), np.float32))
    of = objective(SpokenTexts(features, ("A", "AA")))
    (batch,) = of.batches(1)
    output = torch.log_softmax(torch.from_numpy(np.random.default_rng(0).normal(size=(2, 5, 3))), dim=2)
    expected = [slow_loss(output[0, :3].tolist(), [1]), slow_loss(output[1].tolist(), [1, 1])]
    loss = of.loss(output, batch)
    assert float(loss.mean) == pytest.approx(np.mean(expected))
    assert loss.count == 2


def test_the_score_is_the_negative_character_error_rate() -> None:
    class Says(torch.nn.Module):
        """Predicts A, then B: one letter per half of the steps."""

        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
            steps = steps_of(x.shape[1])
            codes = torch.tensor([1] * (steps // 2) + [2] * (steps - steps // 2))
            return torch.nn.functional.one_hot(codes, 3).float()[None]

    development = SpokenTexts(spoken(10, 12).features, ("AB", "AA"))
    evaluation = objective(spoken(10, 20), development).evaluate(Says(), 1)
    assert evaluation.score == -0.25
    assert evaluation.metrics == {"cer": 0.25, "wer": 0.5}
    assert error_rates(Says(), spoken(10), characters="AB") == {"cer": 0.0, "wer": 0.0}
    assert objective(spoken(10)).evaluate(Says(), 1).score is None


def test_utterances_need_a_step_per_character_and_one_between_equal_ones() -> None:
    assert [steps_of(rows) for rows in (1, 2, 3)] == [1, 1, 2]
    assert [steps_needed(text) for text in ("", "A", "AB", "AAB", "AAA")] == [0, 1, 2, 4, 5]
    with pytest.raises(RunError, match=r"4 rows are too few for the transcript 'AA': exclude the utterance"):
        objective(spoken(4, text="AA"))
    with pytest.raises(RunError, match="no training data: there are no transcribed utterances"):
        objective(NONE)
