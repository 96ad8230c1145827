"""Comparisons of made-up runs: against slow twins, against what the metrics say, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made_runs import LABELS, STRONG, WEAK, Made, compare, find, write_run

from emotone.metrics.classification import accuracy, unweighted_average_recall
from emotone.metrics.intervals import difference_estimate
from emotone.metrics.significance import corrected_t, holm, mcnemar, paired_t, wilcoxon
from emotone.scoring.comparison import Comparison, compare_runs, comparison_tables, runs_lines
from emotone.scoring.predictions import PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path


SLOW = {"uar": unweighted_average_recall, "accuracy": accuracy}


def test_one_seed_is_compared_as_the_metrics_would(tmp_path: Path) -> None:
    first, second = WEAK.table(), STRONG.table()
    comparison = compare(tmp_path, first, second, seed=3, replicates=200)
    for metric, score in SLOW.items():
        found = find(comparison, metric)
        values = [score(table.truth, table.prediction, labels=LABELS) for table in (first, second)]
        assert (found.first_value, found.second_value) == pytest.approx(values)
        assert found.value == pytest.approx(values[1] - values[0])
        estimate = difference_estimate(
            first.truth,
            first.prediction,
            second.prediction,
            first.speaker,
            labels=LABELS,
            metric="uar" if metric == "uar" else "accuracy",
            rng=np.random.default_rng(3),
            replicates=200,
        )
        assert (found.low, found.high) == pytest.approx((estimate.low, estimate.high))
        assert (found.n, found.speakers, found.folds, found.notes) == (216, 24, 24, ())


@pytest.mark.parametrize("metric", ["uar", "accuracy"])
def test_tests_over_folds_are_those_of_the_folds_scores(metric: str, tmp_path: Path) -> None:
    first, second = WEAK.table(), STRONG.table()
    scores = []
    for table in (first, second):
        parts = [table.where(table.fold == fold) for fold in np.unique(table.fold)]
        scores.append([SLOW[metric](part.truth, part.prediction, labels=LABELS) for part in parts])
    tests = {found.test.name: found.test for found in find(compare(tmp_path, first, second), metric).tests}
    expected = [paired_t(*scores), wilcoxon(*scores), corrected_t(*scores, test_to_train=9 / 207)]
    if metric == "accuracy":
        expected.append(mcnemar(first.truth, first.prediction, second.prediction))
    assert len(tests) == len(expected)
    for test in expected:
        found = tests[test.name]
        assert (found.p, found.statistic) == pytest.approx((test.p, test.statistic))
        assert (found.n, found.note) == (test.n, test.note)


def test_seeds_that_tested_the_same_parts_are_one_fold(tmp_path: Path) -> None:
    many = replace(STRONG, seeds=3)
    comparison = compare(tmp_path, WEAK, many)
    table, found = many.table(), find(comparison, "accuracy")
    assert found.second_value == pytest.approx(accuracy(table.truth, table.prediction, labels=LABELS))
    assert (found.n, found.folds) == (216, 24)
    assert found.notes == ("tests over utterances use the first seed only",)
    by_fold = [
        np.mean([part.truth == part.prediction])
        for fold in np.unique(table.fold)
        for part in [table.where(table.fold == fold)]
    ]
    weak = WEAK.table()
    of_weak = [
        np.mean(weak.truth[weak.fold == fold] == weak.prediction[weak.fold == fold]) for fold in np.unique(weak.fold)
    ]
    (paired,) = [found.test for found in found.tests if found.test.name == "paired t"]
    assert paired.p == pytest.approx(paired_t(of_weak, by_fold).p)
    (coins,) = [found.test for found in found.tests if found.test.name == "McNemar"]
    first_seed = table.where(table.seed == 0)
    assert coins == mcnemar(weak.truth, weak.prediction, first_seed.prediction)


def test_an_utterance_counts_once_with_any_number_of_seeds(tmp_path: Path) -> None:
    # Half of the clips have two seeds in the second run; they must not count twice.
    one = STRONG.table()
    again = replace(STRONG, draw=9).table()
    half = again.where(np.arange(len(again)) % 2 == 0)
    half = PredictionsTable(labels=half.labels, **{**half.columns(), "seed": half.seed + 1})
    found = find(compare(tmp_path, WEAK, PredictionsTable.concat([one, half])), "accuracy")
    right = (one.truth == one.prediction).astype(float)
    right[::2] = (right[::2] + (half.truth == half.prediction)) / 2
    assert found.second_value == pytest.approx(right.mean())


def test_the_order_of_rows_does_not_matter(tmp_path: Path, rng: np.random.Generator) -> None:
    table = STRONG.table()
    order = rng.permutation(len(table))
    mixed = PredictionsTable(labels=LABELS, **{name: column[order] for name, column in table.columns().items()})
    plain = compare(tmp_path / "plain", WEAK, table).to_dict()["differences"]
    assert compare(tmp_path / "mixed", WEAK, mixed).to_dict()["differences"] == plain


def test_the_family_is_one_test_of_one_metric_over_pairs_and_corpora(tmp_path: Path) -> None:
    corpora = ("calls", "toy")
    runs = [Made(skill=skill, draw=draw, corpora=corpora) for draw, skill in enumerate((0.4, 0.5, 0.7))]
    comparison = compare(tmp_path, *runs)
    assert len(comparison.differences) == 3 * 2 * 2
    for name, metric in (("McNemar", "accuracy"), ("corrected t", "uar"), ("Wilcoxon", "accuracy")):
        family = [
            found
            for difference in comparison.differences
            if difference.metric == metric
            for found in difference.tests
            if found.test.name == name
        ]
        assert len(family) == 6
        assert {found.family for found in family} == {6}
        assert [found.holm for found in family] == list(holm([found.test.p for found in family]))


def test_a_run_and_its_copy_do_not_differ(tmp_path: Path) -> None:
    found = find(compare(tmp_path, WEAK, replace(WEAK, system="beef")), "accuracy")
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    p = {test.test.name: (test.test.p, test.holm, test.family) for test in found.tests}
    assert p == {
        "McNemar": (1.0, 1.0, 1),
        "paired t": (None, None, 0),
        "Wilcoxon": (None, None, 0),
        "corrected t": (None, None, 0),
    }


def test_labels_may_stand_in_another_order_and_be_more(tmp_path: Path) -> None:
    table = STRONG.table()
    wider = PredictionsTable(
        labels=("calm", *LABELS[::-1]),
        **{
            **table.columns(),
            "probabilities": np.concatenate([np.zeros((len(table), 1)), table.probabilities[:, ::-1]], axis=1),
        },
    )
    plain = find(compare(tmp_path / "plain", WEAK, table), "uar")
    found = find(compare(tmp_path / "wider", WEAK, wider), "uar")
    assert found.value == pytest.approx(plain.value)
    assert found.notes == ("R2 also has the labels calm, which R1 does not have",)


def test_other_protocols_are_compared_over_utterances_only(tmp_path: Path) -> None:
    comparison = compare(tmp_path, WEAK, replace(STRONG, protocol="random-2"))
    found = find(comparison, "accuracy")
    assert [test.test.name for test in found.tests] == ["McNemar"]
    assert found.notes == ("no tests over folds: the runs have different test parts",)
    assert comparison.notes == (
        "R2 (random-2) is speaker-dependent: its scores do not generalise to new speakers",
        (
            "R1 uses leave-one-speaker-out and R2 uses random-2: their training data differ, so the difference is not "
            "due to the systems alone"
        ),
    )


def held_out(made: Made) -> PredictionsTable:
    """Return the predictions as those of a finished model."""
    rows = [replace(row, protocol="held-out", fold="all") for row in made.rows()]
    return PredictionsTable.from_rows(rows, labels=LABELS)


def test_one_fold_has_no_tests_over_folds(tmp_path: Path) -> None:
    comparison = compare(tmp_path, held_out(WEAK), held_out(STRONG))
    assert find(comparison, "uar").tests == ()
    assert find(comparison, "uar").notes == ("no tests over folds: there is only one fold",)
    assert comparison.runs[0].speaker_independent is None  # nothing says what the model was trained on


@pytest.mark.parametrize(
    ("trained_on", "noted", "independent"), [([], True, True), ([], None, None), (["toy"], False, False)]
)
def test_a_finished_model_may_have_seen_the_speakers(
    trained_on: list[str], noted: bool | None, independent: bool | None, tmp_path: Path
) -> None:
    about: dict[str, Any] = {"protocol": {"name": "held-out", "trained_on": trained_on}}
    about["scores"] = [{"speaker_independent": noted}]
    folders = [write_run(tmp_path / name, held_out(made), **about) for name, made in (("a", WEAK), ("b", STRONG))]
    comparison = compare_runs(folders, replicates=20)
    assert [run.speaker_independent for run in comparison.runs] == [independent] * 2
    assert (len(comparison.notes) == 0) is (independent is not False)


def test_some_folds_in_common_are_enough(tmp_path: Path) -> None:
    table = STRONG.table()
    merged = np.where(np.isin(table.fold, ["toy.s0", "toy.s1"]), "toy.s0", table.fold)
    found = find(compare(tmp_path, WEAK, PredictionsTable(labels=LABELS, **{**table.columns(), "fold": merged})), "uar")
    assert found.notes == ("tests over the 22 folds that both runs have, of 24 and 23",)
    assert {test.test.n for test in found.tests} == {22}


def test_folds_that_leave_nothing_to_train_on_have_no_corrected_t(tmp_path: Path) -> None:
    # One seed tested everything in one fold, the other left a speaker out: what was trained on, nothing tells.
    def odd(made: Made) -> PredictionsTable:
        rows = [replace(row, fold="all") for row in replace(made, seeds=2).rows()]
        rows = [row for row in rows if row.seed == 0 or row.speaker != "s0"]
        return PredictionsTable.from_rows(rows, labels=LABELS)

    found = find(compare(tmp_path, odd(WEAK), odd(STRONG)), "uar")
    assert found.folds == 2
    assert [test.test.name for test in found.tests] == ["paired t", "Wilcoxon"]


@pytest.mark.parametrize(
    ("speakers", "note"),
    [(1, "no interval: there is only one speaker"), (5, "an interval over 5 speakers is too narrow")],
)
def test_few_speakers_are_said(speakers: int, note: str, tmp_path: Path) -> None:
    found = find(compare(tmp_path, replace(WEAK, speakers=speakers), replace(STRONG, speakers=speakers)), "uar")
    assert note in found.notes
    assert (found.low is None) is (speakers == 1)


def test_unknown_speakers_are_said(tmp_path: Path) -> None:
    def nameless(made: Made) -> PredictionsTable:
        return PredictionsTable.from_rows([replace(row, speaker="") for row in made.rows()], labels=LABELS)

    found = find(compare(tmp_path, nameless(WEAK), nameless(STRONG)), "uar")
    assert (found.speakers, found.low) == (0, None)
    assert found.notes == ("no interval: the speaker of 216 of 216 clips is unknown",)


def test_the_json_form(tmp_path: Path) -> None:
    given = compare(tmp_path, WEAK, STRONG).to_dict()
    assert json.loads(json.dumps(given, allow_nan=False)) == given
    assert list(given) == ["runs", "differences", "notes"]
    assert given["runs"][0] == {
        "name": "R1",
        "folder": str(tmp_path / "run-0"),
        "protocol": "leave-one-speaker-out",
        "speaker_independent": True,
        "seeds": 1,
    }
    first = given["differences"][0]
    names = "corpus metric first second first_value second_value value low high n speakers folds tests notes"
    assert list(first) == names.split(" ")
    assert list(first["tests"][0]) == ["statistic", "p", "n", "name", "note", "holm", "family"]


def text_of(comparison: Comparison) -> str:
    return "\n\n".join(table.text() for table in comparison_tables(comparison))


def test_as_tables(tmp_path: Path) -> None:
    comparison = compare(tmp_path, WEAK, replace(WEAK, system="beef", seeds=2))
    assert runs_lines(comparison)[0] == f"R1 = {tmp_path / 'run-0'} (leave-one-speaker-out)"
    differences, tests = comparison_tables(comparison)
    found = find(comparison, "accuracy")
    assert differences.rows[1] == (
        "toy",
        "accuracy",
        "R1, R2",
        f"{100 * found.first_value:.1f}",
        f"{100 * found.second_value:.1f}",
        f"{100 * found.number:+.1f} [{100 * (found.low or 0):+.1f}, {100 * (found.high or 0):+.1f}]",
        "216",
        "24",
    )
    (mcnemar_row,) = [row for row in tests.rows if "McNemar" in row]
    assert mcnemar_row[3:] == ("McNemar", "216", "0", "1.0000", "1.0000", "1")
    assert tests.notes[-1] == "tests over utterances use the first seed only (toy: R1, R2)"


def test_tables_without_intervals_tests_and_p(tmp_path: Path) -> None:
    one = compare(tmp_path / "one", *(replace(made, speakers=1) for made in (WEAK, STRONG)))
    untested = replace(one, differences=tuple(replace(found, tests=()) for found in one.differences))
    (table,) = comparison_tables(untested)
    assert "no interval: there is only one speaker (toy: R1, R2)" in table.notes
    assert all("[" not in cell for row in table.rows for cell in row)
    same = text_of(compare(tmp_path / "same", WEAK, replace(WEAK, system="beef")))
    assert "Note: UAR, Wilcoxon: no p: the scores are equal in every fold (toy: R1, R2)" in same
    sure = text_of(compare(tmp_path / "sure", Made(skill=0.0), Made(skill=1.0)))
    assert "< 0.0001" in sure
