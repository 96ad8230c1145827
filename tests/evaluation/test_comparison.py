"""Comparisons of made-up runs: against slow twins, against what the metrics say, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made_runs import LABELS, Made, made_detector, write_run

from emotone.errors import ConfigError, RunError, UsageError
from emotone.evaluation.comparison import Comparison, Difference, compare_runs
from emotone.evaluation.comparison_text import comparison_markdown
from emotone.evaluation.table import PredictionRow, PredictionsTable
from emotone.metrics.classification import accuracy, unweighted_average_recall
from emotone.metrics.detection import auroc
from emotone.metrics.intervals import paired_interval
from emotone.metrics.intervals_detection import Judged, auroc_difference_interval
from emotone.metrics.significance import corrected_t, holm, mcnemar, paired_t, wilcoxon
from emotone.metrics.significance_auroc import delong, unpaired_z

if TYPE_CHECKING:
    from pathlib import Path

WEAK, STRONG = Made(skill=0.4, draw=1), Made(skill=0.7, draw=2)
SLOW = {"uar": unweighted_average_recall, "accuracy": accuracy}


def compare(folder: Path, *runs: Made | PredictionsTable, **settings: Any) -> Comparison:
    tables = [run.table() if isinstance(run, Made) else run for run in runs]
    folders = [write_run(folder / f"run-{number}", table) for number, table in enumerate(tables)]
    return compare_runs(folders, **{"replicates": 50, **settings})


def find(comparison: Comparison, metric: str, *, corpus: str = "toy", runs: str = "R1 R2") -> Difference:
    (found,) = [
        difference
        for difference in comparison.differences
        if (difference.metric, difference.corpus, f"{difference.first} {difference.second}") == (metric, corpus, runs)
    ]
    return found


def without(table: PredictionsTable, *keys: str) -> PredictionsTable:
    return table.where(~np.isin(table.utterance, keys))


def test_one_seed_is_compared_as_the_metrics_would(tmp_path: Path) -> None:
    first, second = WEAK.table(), STRONG.table()
    comparison = compare(tmp_path, first, second, seed=3, replicates=200)
    for metric, score in SLOW.items():
        found = find(comparison, metric)
        values = [score(table.truth, table.prediction, labels=LABELS) for table in (first, second)]
        assert (found.first_value, found.second_value) == pytest.approx(values)
        assert found.value == pytest.approx(values[1] - values[0])
        interval = paired_interval(
            first.truth,
            first.prediction,
            second.prediction,
            first.speaker,
            labels=LABELS,
            metric="uar" if metric == "uar" else "accuracy",
            rng=np.random.default_rng(3),
            replicates=200,
        )
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
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
    assert found.notes == ("tests over utterances look at the first seed only",)
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


def test_an_utterance_counts_once_however_often_it_was_judged(tmp_path: Path) -> None:
    # Half of the clips are judged by two seeds of the second run: they must not weigh twice.
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


def test_two_labels_have_an_auroc_which_is_the_same_for_both(tmp_path: Path) -> None:
    runs = [Made(skill=skill, draw=draw, labels=("anger", "other")) for draw, skill in enumerate((0.4, 0.7))]
    found = find(compare(tmp_path, *runs), "au-roc")
    for value, run in zip((found.first_value, found.second_value), runs, strict=True):
        table = run.table()
        for column, label in enumerate(table.labels):
            assert value == pytest.approx(auroc(table.truth == label, table.probabilities[:, column]))
    (delong,) = found.tests
    assert (delong.test.name, delong.test.n) == ("DeLong", 216)
    assert found.low is not None
    assert found.low < found.value


WEAK_DETECTOR, STRONG_DETECTOR = made_detector(0.5, draw=1), made_detector(1.5, draw=2)


@pytest.mark.parametrize(("metric", "n"), [("au-roc", 72), ("window-au-roc", 216)])
def test_detectors_are_compared_over_clips_and_windows(metric: str, n: int, tmp_path: Path) -> None:
    found = find(compare(tmp_path, WEAK_DETECTOR, STRONG_DETECTOR, seed=3, replicates=100), metric)
    parts = [
        table.windows() if metric == "window-au-roc" else table.whole_utterances()
        for table in (WEAK_DETECTOR, STRONG_DETECTOR)
    ]
    truth, (first, second) = parts[0].truth == "anger", (part.probabilities[:, 0] for part in parts)
    assert (found.first_value, found.second_value) == pytest.approx((auroc(truth, first), auroc(truth, second)))
    judged = [Judged(truth, scores, parts[0].speaker) for scores in (first, second)]
    interval = auroc_difference_interval(*judged, rng=np.random.default_rng(3), replicates=100)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    tests = {test.test.name: test.test for test in found.tests}
    assert tests["DeLong"].p == pytest.approx(delong(truth, first, second).p)
    assert (found.n, found.speakers) == (n, 12)
    if metric == "window-au-roc":
        assert tests["Mann-Whitney z, unpaired"].p == pytest.approx(unpaired_z(truth, first, truth, second).p)
        assert any("the paper of SoundNet for anger made" in note for note in found.notes)
    else:
        assert list(tests) == ["DeLong"]


def test_windows_are_those_of_the_first_seed(tmp_path: Path) -> None:
    many = made_detector(1.5, draw=2, seeds=2)
    found = find(compare(tmp_path, WEAK_DETECTOR, many), "window-au-roc")
    first = many.where((many.seed == 0) & (many.segment >= 0))
    assert found.n == 216
    assert found.second_value == pytest.approx(auroc(first.truth == "anger", first.probabilities[:, 0]))


def test_other_windows_have_an_interval_and_no_paired_test(tmp_path: Path) -> None:
    finer = made_detector(1.5, draw=2, windows=5, hop=0.3)
    found = find(compare(tmp_path, WEAK_DETECTOR, finer), "window-au-roc")
    assert [test.test.name for test in found.tests] == ["Mann-Whitney z, unpaired"]
    assert [test.test.n for test in found.tests] == [216 + 360]
    assert found.low is not None
    assert "no DeLong over windows: the runs cut the utterances into different ones" in found.notes
    assert "AU-ROC over 216 and 360 windows" in found.notes


def test_windows_that_only_some_utterances_have_are_not_compared(tmp_path: Path) -> None:
    baseline = STRONG_DETECTOR.whole_utterances()
    comparison = compare(tmp_path / "one", WEAK_DETECTOR, baseline)
    assert [found.metric for found in comparison.differences] == ["uar", "accuracy", "au-roc"]
    note = "no AU-ROC of windows: the runs have judged windows of 72 of 72 and 0 of 72 utterances"
    assert note in comparison.differences[0].notes
    both_whole = compare(tmp_path / "none", WEAK_DETECTOR.whole_utterances(), baseline)
    assert not any("windows" in note for found in both_whole.differences for note in found.notes)


def test_one_class_has_no_auroc_and_it_is_said(tmp_path: Path) -> None:
    angry = [table.where(table.truth == "anger") for table in (WEAK_DETECTOR, STRONG_DETECTOR)]
    comparison = compare(tmp_path, *angry)
    assert [found.metric for found in comparison.differences] == ["uar", "accuracy"]
    assert "AU-ROC is undefined: every utterance is 'anger'" in comparison.differences[0].notes
    assert "AU-ROC is undefined: every utterance is 'anger' (toy: R1, R2)" in comparison_markdown(comparison)


def test_windows_are_shown(tmp_path: Path) -> None:
    comparison = compare(tmp_path, WEAK_DETECTOR, STRONG_DETECTOR)
    text = comparison_markdown(comparison)
    assert "| AU-ROC of windows | R1, R2 |" in text
    assert "| Mann-Whitney z, unpaired |" in text
    assert "windows as independent, which those of one speaker are not" in text
    assert json.loads(json.dumps(comparison.to_dict(), allow_nan=False)) == comparison.to_dict()


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
    assert found.notes == ("R2 can also answer calm, which R1 can't",)


def test_other_truth_is_refused_with_words(tmp_path: Path) -> None:
    rows = [replace(row, truth="joy") if row.utterance == "toy/s3-00" else row for row in STRONG.rows()]
    other = PredictionsTable.from_rows(rows, labels=LABELS)
    with pytest.raises(
        RunError,
        match=r"the truth of 1 of 216 utterances is not the same \(first: toy/s3-00 is 'fear' in R1 and 'joy' in R2\); "
        "they were made with other label sets: evaluate both with one",
    ):
        compare(tmp_path, WEAK, other)


def test_other_speakers_are_refused(tmp_path: Path) -> None:
    rows = [replace(row, speaker="x") for row in STRONG.rows()]
    with pytest.raises(RunError, match=r"the speaker of 216 of 216 .*'s0' in R1 and 'x' in R2\)$"):
        compare(tmp_path, WEAK, PredictionsTable.from_rows(rows, labels=LABELS))


def test_utterances_that_only_one_has_are_named_with_the_reason(tmp_path: Path) -> None:
    first, second = without(WEAK.table(), "toy/s1-00"), without(STRONG.table(), "toy/s0-00", "toy/s0-01")
    problem = {"key": "toy/s0-00", "code": "empty", "message": "s0-00.wav is empty"}
    folders = [
        write_run(tmp_path / "first", first),
        write_run(tmp_path / "second", second, problems=[problem]),
    ]
    with pytest.raises(
        RunError,
        match=r"R1 and R2 do not share all utterances of toy: 2 are in R1 only \(first: toy/s0-00: s0-00.wav is empty"
        r"\); 1 is in R2 only \(first: toy/s1-00\); to compare what both have, add --common",
    ):
        compare_runs(folders)
    found = find(compare_runs(folders, common=True, replicates=20), "accuracy")
    assert (found.n, found.folds) == (213, 24)
    assert found.notes[0].startswith("left out: 2 are in R1 only")
    assert found.first_value == pytest.approx(np.mean(both(first, second).truth == both(first, second).prediction))


def both(table: PredictionsTable, other: PredictionsTable) -> PredictionsTable:
    return table.where(np.isin(table.utterance, other.utterance))


def test_nothing_shared_is_refused_even_then(tmp_path: Path) -> None:
    table = WEAK.table()
    halves = [table.where(np.arange(len(table)) % 2 == half) for half in (0, 1)]
    with pytest.raises(RunError, match=r"108 are in R1 only .*; 108 are in R2 only .*; they share no utterance$"):
        compare(tmp_path, *halves, common=True)


def test_corpora_that_only_one_has_are_named(tmp_path: Path) -> None:
    first, second = replace(WEAK, corpora=("toy", "calls")), replace(STRONG, corpora=("toy",))
    with pytest.raises(
        RunError, match=r"R1 and R2 were not judged on the same corpora: calls is in R1 and not in R2; .* --common"
    ):
        compare(tmp_path, first, second)
    comparison = compare(tmp_path, first, second, common=True)
    assert {difference.corpus for difference in comparison.differences} == {"toy"}
    assert comparison.notes == ("left out: calls is in R1 and not in R2",)
    with pytest.raises(RunError, match="R1 and R2 share no corpus: toy is in R1 and not in R2; calls is in R2 and not"):
        compare(tmp_path, second, replace(STRONG, corpora=("calls",)), common=True)


def test_other_protocols_are_compared_over_utterances_only(tmp_path: Path) -> None:
    comparison = compare(tmp_path, WEAK, replace(STRONG, protocol="random-2"))
    found = find(comparison, "accuracy")
    assert [test.test.name for test in found.tests] == ["McNemar"]
    assert found.notes == ("no tests over folds: the runs divide the utterances in different ways",)
    assert comparison.notes == (
        "R2 (random-2) tests speakers that it was trained on: its scores do not hold for new ones",
        (
            "R1 is leave-one-speaker-out and R2 is random-2: they were not trained on the same parts, so a difference "
            "is not the systems' alone"
        ),
    )


def held_out(made: Made) -> PredictionsTable:
    """Return the predictions as those of a finished model."""
    rows = [replace(row, protocol="held-out", fold="all") for row in made.rows()]
    return PredictionsTable.from_rows(rows, labels=LABELS)


def test_one_fold_has_no_tests_over_folds(tmp_path: Path) -> None:
    comparison = compare(tmp_path, held_out(WEAK), held_out(STRONG))
    assert find(comparison, "uar").tests == ()
    assert find(comparison, "uar").notes == ("no tests over folds: there is one fold only",)
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
    [(1, "no interval: there is one speaker only"), (5, "an interval over 5 speakers is too narrow")],
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
    assert found.notes == ("no interval: the speaker of 216 of 216 clips is not known",)


def test_segments_are_not_compared(tmp_path: Path) -> None:
    rows = WEAK.rows()
    with_segments = PredictionsTable.from_rows([*rows, replace(rows[0], segment=0)], labels=LABELS)
    assert find(compare(tmp_path, with_segments, STRONG), "uar").n == 216


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


def test_a_run_is_not_compared_with_itself_or_alone(tmp_path: Path) -> None:
    folder = WEAK.write(tmp_path / "run")
    with pytest.raises(UsageError, match="at least 2 runs; 1 was given"):
        compare_runs([folder])
    with pytest.raises(UsageError, match="run was given twice"):
        compare_runs([folder, tmp_path / "other" / ".." / "run"])


ROW: PredictionRow = WEAK.rows()[0]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "has nothing to compare: its predictions table has no row for a whole utterance"),
        ([ROW, replace(ROW, system="other")], "holds the systems f00d, other; compare one at a time"),
        ([ROW, replace(ROW, protocol="random-2")], "holds the protocols leave-one-speaker-out, random-2; compare one"),
    ],
)
def test_a_table_that_is_no_single_system_is_refused(rows: list[PredictionRow], words: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=words):
        compare(tmp_path, WEAK, PredictionsTable.from_rows(rows, labels=LABELS))


@pytest.mark.parametrize("missing", ["run.json", "predictions.parquet"])
def test_an_unfinished_evaluation_is_refused(missing: str, tmp_path: Path) -> None:
    folders = [made.write(tmp_path / name) for name, made in (("a", WEAK), ("b", STRONG))]
    (folders[1] / missing).unlink()
    with pytest.raises(RunError, match="b holds no finished evaluation; give the folder that `emotone evaluate` print"):
        compare_runs(folders)


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "run.json is not valid JSON: "), ("[]", "it has no protocol"), ('{"protocol": 1}', "it has no protocol")],
)
def test_a_damaged_description_is_refused(text: str, words: str, tmp_path: Path) -> None:
    folders = [made.write(tmp_path / name) for name, made in (("a", WEAK), ("b", STRONG))]
    (folders[0] / "run.json").write_text(text)
    with pytest.raises(ConfigError, match=words):
        compare_runs(folders)


def test_as_markdown(tmp_path: Path) -> None:
    comparison = compare(tmp_path, WEAK, replace(WEAK, system="beef", seeds=2))
    lines = comparison_markdown(comparison).splitlines()
    assert lines[0] == f"R1 = {tmp_path / 'run-0'} (leave-one-speaker-out)"
    accuracy_row = next(line for line in lines if line.startswith("| toy    | accuracy |"))
    found = find(comparison, "accuracy")
    assert [cell.strip() for cell in accuracy_row.strip("|").split("|")] == [
        "toy",
        "accuracy",
        "R1, R2",
        f"{100 * found.first_value:.1f}",
        f"{100 * found.second_value:.1f}",
        f"{100 * found.value:+.1f} [{100 * (found.low or 0):+.1f}, {100 * (found.high or 0):+.1f}]",
        "216",
        "24",
    ]
    (coins,) = [line for line in lines if "McNemar" in line]
    assert [cell.strip() for cell in coins.strip("|").split("|")][3:] == [
        "McNemar",
        "216",
        "0",
        "1.0000",
        "1.0000",
        "1",
    ]
    assert lines[-1] == "Note: tests over utterances look at the first seed only (toy: R1, R2)"
    assert len({len(line) for line in lines if line.startswith(("| toy", "| corpus"))}) == 2  # aligned


def test_as_markdown_without_intervals_tests_and_p(tmp_path: Path) -> None:
    one = compare(tmp_path / "one", *(replace(made, speakers=1) for made in (WEAK, STRONG)))
    text = comparison_markdown(replace(one, differences=tuple(replace(found, tests=()) for found in one.differences)))
    assert "Tests, two-sided" not in text
    assert "no interval: there is one speaker only (toy: R1, R2)" in text
    assert "[" not in text.split("Scores x 100:")[1].split("\n\n")[1].replace("[95 %]", "")
    same = comparison_markdown(compare(tmp_path / "same", WEAK, replace(WEAK, system="beef")))
    assert "Note: UAR, Wilcoxon: no p: the scores are the same in every fold (toy: R1, R2)" in same
    assert "| -         | -" in same
    sure = comparison_markdown(compare(tmp_path / "sure", Made(skill=0.0), Made(skill=1.0)))
    assert "< 0.0001" in sure
