"""Claims of the paper on reusing speech recognisers, from synthetic scores and predictions."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reproductions.stored import results_of

from emotone.recipes.library import load_recipe
from emotone.recipes.recipe import Recipe
from emotone.reproductions.papers.asr_reuse.claims import confusions, scoreboard
from emotone.reproductions.papers.asr_reuse.figures import LoudnessUnit
from emotone.reproductions.papers.asr_reuse.published import TABLE1
from emotone.reproductions.papers.asr_reuse.tables import FREE, NETWORKS, PAPER, SYSTEMS
from emotone.reproductions.recipe_changes import changed
from emotone.scoring.predictions import PredictionRow, PredictionsTable

LABELS = ("anger", "happiness", "neutral", "sadness")


def predicted(*pairs: tuple[str, str]) -> PredictionsTable:
    """Return a table of clips with a true and a predicted label each."""
    rows = []
    for number, (truth, label) in enumerate(pairs):
        probabilities = np.full(len(LABELS), 0.1)
        probabilities[LABELS.index(label)] = 0.7
        rows.append(PredictionRow(f"a/{number}", "a", "loso", "f", 1, "s", truth, probabilities, "f00d"))
    return PredictionsTable.from_rows(rows, labels=LABELS)


def verdicts(values: dict[tuple[str, str, str, str], float], **tables: PredictionsTable) -> dict[str, str]:
    predictions = {("emodb", row.removeprefix("row")): table for row, table in tables.items()}
    board = scoreboard(results_of(PAPER, values), predictions)
    return {finding.claim.id: finding.verdict for finding in board.findings}


def test_without_runs_nothing_is_claimed() -> None:
    assert set(verdicts({}).values()) == {"untested"}


def test_networks_are_compared_on_the_same_corpus() -> None:
    values = {("networks", "emodb", row, "uar"): value for row, value in {"mp-3": 0.8, "baseline-96": 0.7}.items()}
    values |= {("networks", "emodb", "rnn-2", "uar"): 0.75, ("networks", "savee", "mp-2", "uar"): 0.9}
    found = verdicts(values)
    assert found["probe"] == "held"
    assert found["recurrent"] == found["progressive"] == "untested"
    found = verdicts({**values, ("networks", "emodb", "mp-2", "uar"): 0.76})
    assert found["recurrent"] == "failed"


def test_layers_are_those_of_whisper_and_of_letters() -> None:
    values = {("table1", "emodb", "1", "uar"): 0.8, ("table1", "emodb", "2", "uar"): 0.9}
    assert verdicts(values)["layer"] == "held"
    values |= {("networks", "emodb", f"letter-gru-mp-{layer}", "uar"): 0.6 - 0.1 * layer for layer in (1, 2)}
    assert verdicts(values)["layer"] == "failed"  # half of the comparisons


def test_anger_and_sadness_are_separated_where_clips_are_more_probably_their_own() -> None:
    right = [("anger", "anger"), ("sadness", "sadness")]
    assert verdicts({}, row1=predicted(*right))["anger-sadness"] == "held"
    assert verdicts({}, row1=predicted(*right, ("anger", "sadness")))["anger-sadness"] == "failed"


def test_the_two_most_frequent_confusions_are_those_of_happiness() -> None:
    right = [(label, label) for label in LABELS]
    wrong = [("anger", "happiness"), ("happiness", "neutral")]
    assert verdicts({}, row3=predicted(*right, *wrong))["confusions"] == "held"
    assert verdicts({}, row3=predicted(*right, *wrong, *[("sadness", "neutral")] * 2))["confusions"] == "failed"
    shares = confusions(predicted(*right, *wrong))
    np.testing.assert_allclose(shares[0], [0.5, 0.5, 0, 0])


@pytest.mark.parametrize(("correlation", "verdict"), [(0.7, "held"), (-0.7, "held"), (0.5, "failed")])
def test_a_unit_follows_the_loudness_as_well_as_the_papers(correlation: float, verdict: str) -> None:
    unit = LoudnessUnit(2, 7, correlation, 50, 1536, (0.0, 1.0), (0.0, 1.0))
    finding = scoreboard(results_of(PAPER, {}), {}, unit).findings[-1]
    assert (finding.claim.id, finding.verdict) == ("loudness", verdict)
    assert "unit 7 of layer 2" in finding.evidence


def test_the_coverage_counts_the_papers_numbers() -> None:
    values = {("networks", "iemocap", "rnn-1", "accuracy"): 0.5, ("networks", "emodb", "rnn-1", "uar"): 0.5}
    coverage = scoreboard(results_of(PAPER, values), {}).coverage
    assert (coverage.published, coverage.measured, coverage.counterparts) == (41, 1, 1)


def test_every_network_of_the_paper_has_cells_with_a_valid_recipe() -> None:
    assert {system.title for system in SYSTEMS.values()} >= set(TABLE1)
    for system in SYSTEMS.values():
        recipe = changed(load_recipe(system.recipe), system.changes)
        assert isinstance(recipe, Recipe)
        assert recipe.training.annealing is not None
    assert len({cell.key for cell in NETWORKS.cells}) == len(NETWORKS.cells) == len(SYSTEMS) * len(FREE) + len(TABLE1)
