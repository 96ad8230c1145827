"""Systems that are computed from the predictions of others."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.errors import RunError
from emotone.reproductions.combined import mean_of, mean_so_far
from emotone.scoring.predictions import PredictionRow, PredictionsTable

LABELS = ("fear", "joy")


def table(chances: dict[str, list[float]], *, seed: int = 1) -> PredictionsTable:
    """Return the probabilities of fear in the windows of each clip, and the mean for the clip."""
    rows = []
    for clip, values in chances.items():
        for segment, chance in ((None, float(np.mean(values))), *enumerate(values)):
            rows.append(
                PredictionRow(
                    utterance=f"toy/{clip}",
                    corpus="toy",
                    protocol="random-60-20-20",
                    fold="split",
                    seed=seed,
                    speaker="s1",
                    truth="joy",
                    probabilities=(chance, 1 - chance),
                    system="f00d",
                    segment=segment,
                )
            )
    return PredictionsTable.from_rows(rows, labels=LABELS)


def test_a_mean_has_the_mean_probabilities_and_their_largest_label() -> None:
    found = mean_of([table({"a": [0.9, 0.2]}), table({"a": [0.3, 0.2]})])
    np.testing.assert_allclose(found.windows().probabilities[:, 0], [0.6, 0.2])
    assert found.windows().prediction.tolist() == ["fear", "joy"]


@pytest.mark.parametrize("other", [{"b": [0.5]}, {"a": [0.5, 0.5]}])
def test_systems_with_other_windows_have_no_mean(other: dict[str, list[float]]) -> None:
    with pytest.raises(RunError, match="only systems with the same clips, windows and seeds can be combined"):
        mean_of([table({"a": [0.5]}), table(other)])


def test_windows_are_averaged_with_those_before_them_in_their_own_clip() -> None:
    one = table({"a": [0.9, 0.1, 0.2], "b": [0.4, 0.8]})
    both = PredictionsTable.concat([one, table({"a": [0.0, 0.0, 0.0], "b": [0.0, 0.0]}, seed=2)])
    found = mean_so_far(both, windows=2)
    first = found.where(found.seed == 1)
    np.testing.assert_allclose(first.windows().probabilities[:, 0], [0.9, 0.5, 0.15, 0.4, 0.6])
    assert not found.where(found.seed == 2).probabilities[:, 0].any()
    np.testing.assert_array_equal(first.whole_utterances().probabilities, one.whole_utterances().probabilities)
