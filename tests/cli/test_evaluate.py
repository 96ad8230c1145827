"""Evaluations from the command line: baselines, two stages, without labels, and transfer options."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import RECIPE_TOML, emodb_utterances, tiny_recipe, write_emodb

from emotone.cli.commands.evaluate import command as evaluate
from emotone.cli.commands.train import command as train
from emotone.cli.options import TransferOptions
from emotone.errors import UsageError
from emotone.scoring.finished_run import RUN, STAGES, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable


# ----------------------------------------------------------------------------------------------------------------------
# `emotone evaluate` with shipped recipes of baselines, and random splits with their speaker-independent twins.

BASELINE = """\
name = "tilt"
labels = "emodb"

[functionals]
name = "spectral-tilt"

[classifier]
name = "linear-svm"
cost = [1.0]
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "emodb"
    return write_emodb(folder, speakers=("03", "08", "09"), sentences=("a01", "a02"))


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    (tmp_path / "tilt.toml").write_text(BASELINE, encoding="utf-8")
    return tmp_path / "tilt.toml"


@pytest.fixture
def run_evaluate(emotone: Callable[..., Any], corpus: Path, tmp_path: Path) -> Callable[..., Any]:
    """Evaluate on the toy corpus: `evaluate("majority", "--json")`."""

    def call(*arguments: object) -> Any:
        return emotone("evaluate", *arguments, "--corpus", f"emodb={corpus}", "--out", tmp_path / "results")

    return call


@pytest.mark.parametrize("name", ["majority", "chance"])
def test_baselines_that_ignore_the_audio(run_evaluate: Callable[..., Any], name: str) -> None:
    result = run_evaluate(name, "--json")
    assert result.status == 0
    found = json.loads(result.out)
    (uar,) = (row for row in found["scores"] if row["metric"] == "uar" and row["setting"] == "system")
    assert uar["ours"]["n"] == 12
    if name == "majority":
        assert uar["ours"]["value"] == 0.5
    assert Path(found["run"]).name.startswith(f"{name}-leave-one-speaker-out-")
    assert found["leakage"]["shared"]["speakers"]["items"] == []
    assert (found["problems"], found["twin"]) == ([], None)


def test_a_shipped_baseline_from_end_to_end(run_evaluate: Callable[..., Any], corpus: Path) -> None:
    pytest.importorskip("opensmile", reason="the extra 'baselines' is not installed")
    result = run_evaluate("egemaps-linear-svm", "--json", "--quiet")
    assert result.status == 0
    found = json.loads(result.out)
    (uar,) = (row for row in found["scores"] if row["metric"] == "uar" and row["setting"] == "system")
    assert uar["ours"]["value"] > 0.9
    assert uar["speaker_independent"] is True
    folder = Path(found["run"])
    kept = json.loads((folder / RUN).read_text())
    assert kept["recipe"]["functionals"] == {"name": "opensmile", "feature_set": "eGeMAPSv02"}
    assert kept["recipe"]["classifier"]["cost"] == [1e-4, 1e-3, 1e-2, 1e-1]
    # A repeated run reads neither recordings nor features.
    before = (folder / TABLE).stat().st_mtime_ns
    again = run_evaluate("egemaps-linear-svm", "--workers", "2")
    assert again.status == 0
    assert again.out.rstrip().endswith(str(folder))
    assert (folder / TABLE).stat().st_mtime_ns == before


def test_a_random_split_is_compared_with_new_speakers(run_evaluate: Callable[..., Any], baseline: Path) -> None:
    result = run_evaluate(baseline, "--protocol", "random-5")
    assert result.status == 0
    assert re.search(r"^emodb: UAR \d+ with shared speakers, \d+ for new speakers$", result.out, re.MULTILINE)
    # Three speakers are too few for five folds.
    assert (
        "random-5 shares speakers between training and test data; also evaluating leave-one-speaker-out" in result.err
    )
    found = json.loads(run_evaluate(baseline, "--protocol", "random-5", "--json").out)
    assert Path(found["twin"]).name.startswith("tilt-leave-one-speaker-out-")


def test_the_twin_of_a_random_split_has_as_many_folds_if_there_are_enough_speakers(
    emotone: Callable[..., Any], baseline: Path, tmp_path: Path
) -> None:
    speakers = ("03", "08", "09", "10", "11")
    folder = write_emodb(tmp_path / "emodb", speakers=speakers, sentences=("a01", "a02"))
    arguments = ("--corpus", f"emodb={folder}", "--protocol", "random-5", "--out", tmp_path / "results")
    result = emotone("evaluate", baseline, *arguments)
    assert result.status == 0
    assert "also evaluating speaker-folds-5" in result.err
    assert re.search(r"^emodb: UAR \d+ with shared speakers, \d+ for new speakers$", result.out, re.MULTILINE)
    assert "speakers: 5 shared, by 20 of 20 test clips" in result.out


def test_a_single_speaker_allows_no_twin(emotone: Callable[..., Any], baseline: Path, tmp_path: Path) -> None:
    folder = write_emodb(tmp_path / "emodb", speakers=("03",), sentences=("a01", "a02", "a04", "a05"))
    arguments = ("--corpus", f"emodb={folder}", "--protocol", "random-2", "--out", tmp_path / "results")
    result = emotone("evaluate", baseline, *arguments)
    assert result.status == 0
    assert "these recordings allow no speaker-independent protocol" in result.err
    assert "for new speakers" not in result.out


def test_speaker_scaling_is_printed(run_evaluate: Callable[..., Any], baseline: Path) -> None:
    result = run_evaluate(baseline, "--protocol", "leave-one-speaker-out+speaker-scaled")
    assert result.status == 0
    assert "3 test speakers are scaled with their own unlabelled clips, 12 of 12 test clips" in result.out


def test_another_label_set_makes_another_run(run_evaluate: Callable[..., Any]) -> None:
    own = json.loads(run_evaluate("majority", "--json").out)["run"]
    seven = run_evaluate("majority", "--labels", "seven", "--json")
    assert seven.status == 0
    assert json.loads(seven.out)["run"] != own
    kept = json.loads((Path(json.loads(seven.out)["run"]) / RUN).read_text())
    assert kept["recipe"]["labels"] == "seven"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("is10-linear-svn",), "unknown recipe or model 'is10-linear-svn'; did you mean 'is10-linear-svm'?"),
        (("majorty", "--labels", "seven"), "unknown recipe or model 'majorty'; did you mean 'majority'?"),
        (("majority", "--labels", "sevn"), "unknown label set 'sevn'; did you mean 'seven'?"),
        (("majority", "--protocol", "random-5+speaker-scale"), "unknown scaling '+speaker-scale'; did you mean"),
        (
            ("default", "--labels", "seven"),
            "--from, --transfer, --unlabelled and --labels are for recipes, and default is a finished model",
        ),
        (("nowhere.toml",), "can't read nowhere.toml"),
    ],
)
def test_wrong_usage_is_one_line_and_leaves_nothing(
    run_evaluate: Callable[..., Any],
    shipped: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    result = run_evaluate(*arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_finished_model_has_no_shortcuts(run_evaluate: Callable[..., Any], shipped: Path, tmp_path: Path) -> None:
    result = run_evaluate("default", "--shortcuts")
    assert (result.status, result.out) == (2, "")
    assert "--shortcuts is for recipes: it needs folds, and default is a finished model" in result.err
    assert not (tmp_path / "results").exists()


@pytest.fixture
def one_cue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the quickest of the cues."""
    monkeypatch.setattr("emotone.evaluation.shortcuts.CUES", {"duration": "the duration"})


@pytest.mark.usefixtures("one_cue")
def test_scores_of_simple_cues_are_printed_and_stored(run_evaluate: Callable[..., Any]) -> None:
    result = run_evaluate("majority", "--shortcuts")
    assert result.status == 0
    assert "Baselines that use simple cues (leave-one-speaker-out):" in result.out
    assert any(line.split()[:2] == ["emodb", "duration"] for line in result.out.splitlines())
    found = json.loads(run_evaluate("majority", "--shortcuts", "--json").out)
    assert [cue["name"] for cue in found["shortcuts"]] == ["duration"]
    kept = json.loads((Path(found["run"]) / RUN).read_text(encoding="utf-8"))
    assert [cue["name"] for cue in kept["shortcuts"]] == ["duration"]


# ----------------------------------------------------------------------------------------------------------------------
# `emotone evaluate` with a pre-training stage: the target corpus is scored, with the twin of its protocol.

STAGED = """
[transfer]
plan = "A2"

[pretraining]
scenario = "S1"

[pretraining.training]
epochs = 1
crop_seconds = 0.5
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "toy.toml").write_text(RECIPE_TOML.replace("epochs = 8", "epochs = 1") + STAGED)
    return tmp_path / "toy.toml"


@pytest.fixture
def corpora(tmp_path: Path) -> tuple[str, ...]:
    """A target in Emo-DB's layout, and a table of other recordings."""
    target = write_emodb(tmp_path / "emodb", speakers=("03", "08"), sentences=("a01", "a02"))
    more = emodb_utterances(write_emodb(tmp_path / "more", sentences=("a01", "a02")))
    other = [each for each in more if each.speaker in {"09", "10"}]
    table = tmp_path / "calls.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "speaker", "label"])
        writer.writerows([each.path, each.speaker, each.label] for each in other)
    return ("--corpus", f"emodb={target}", "--corpus", f"calls={table}")


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_the_target_is_scored_under_the_protocol_and_its_twin(
    emotone: Callable[..., Any], recipe: Path, corpora: tuple[str, ...], tmp_path: Path
) -> None:
    given = ("--protocol", "onto-emodb-random-2", "--plan", "A5", "--out", tmp_path / "runs", "--json", "--quiet")
    result = emotone("evaluate", recipe, *corpora, *given)
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert {score["corpus"] for score in found["scores"]} == {"emodb"}
    assert {score["protocol"] for score in found["scores"]} == {"onto-emodb-random-2", "onto-emodb-speaker-folds-2"}
    assert "trained on and never tested: calls 8" in result.err
    fold, *_ = json.loads((Path(found["run"]) / STAGES).read_text()).values()
    assert {name.split(".")[1] for name in fold["tensors"]["tuned"]} == {"classifier"}


@pytest.mark.usefixtures("one_thread", "torch_bundles")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train",), "use emotone evaluate. For a model, train on the other corpora first"),
        (
            ("evaluate", "--protocol", "random-2"),
            "no corpus to pre-train on: the target is calls, emodb, left out: none",
        ),
        (("evaluate", "--protocol", "onto-savee-random-2"), "onto-savee-random-2 tests the corpus savee and trains on"),
        (("evaluate", "--protocol", "onto-emodb-randm-2"), "unknown protocol 'onto-emodb-randm-2'"),
    ],
)
def test_a_missing_target_or_missing_sources_are_one_line(
    emotone: Callable[..., Any], recipe: Path, corpora: tuple[str, ...], arguments: tuple[str, ...], message: str
) -> None:
    command, *options = arguments
    result = emotone(command, recipe, *corpora, *options, "--out", recipe.parent / "runs")
    assert result.status == 2
    assert message in result.err


# ----------------------------------------------------------------------------------------------------------------------
# The transfer options of `emotone train` and `emotone evaluate`.


@pytest.mark.parametrize("name", ["source", "plan", "unlabelled", "labels"])
def test_train_and_evaluate_have_the_same_options(name: str) -> None:
    first, second = (
        {parameter.name: parameter.to_info_dict() for parameter in command.params} for command in (train, evaluate)
    )
    assert first[name] == second[name]


def test_without_options_the_recipe_is_unchanged() -> None:
    recipe = tiny_recipe()
    assert TransferOptions().recipe(recipe) == recipe
    assert not TransferOptions(labels="seven").is_transfer


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"source": "small-open", "plan": "A5"}, ("small-open", "A5", "")),
        ({"source": "small-open", "plan": "auto"}, ("small-open", "A2", "")),
        ({"source": "small-open", "unlabelled": "statistics"}, ("small-open", "A1", "statistics")),
    ],
)
def test_a_recipe_gets_the_transfer(options: dict[str, Any], expected: tuple[str, str, str]) -> None:
    given = TransferOptions(**options)
    transfer = given.recipe(tiny_recipe()).transfer
    assert transfer is not None
    assert (transfer.source, transfer.plan, transfer.unlabelled) == expected
    assert given.is_transfer
    assert given.is_auto == (options.get("plan") == "auto")


def test_without_a_recipe_the_settings_are_those_of_the_model() -> None:
    recipe = TransferOptions("small-open", "A5", labels="four").recipe(None)
    assert (recipe.name, recipe.labels) == ("small-open", "four")


def test_auto_needs_labels() -> None:
    with pytest.raises(UsageError, match="auto scores plans on labelled clips; with --unlabelled, pass the name"):
        TransferOptions("small-open", "auto", "pseudo-labels").recipe(tiny_recipe())
