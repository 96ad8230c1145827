"""`emotone tune`, and the spaces of settings that it searches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import RECIPE_TOML, emodb_utterances, one_thread, torch_bundles, write_emodb, write_small_encoder

import emotone as package
from emotone.errors import ConfigError, RunError, UsageError
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.library import load_recipe, shipped_recipes
from emotone.recipes.recipe import Recipe
from emotone.scale.search import training_part
from emotone.scale.search_space import default_space, read_space
from emotone.scoring.finished_run import read_run

if TYPE_CHECKING:
    from collections.abc import Callable


# ----------------------------------------------------------------------------------------------------------------------
# `emotone tune`: trials that are runs, that survive their process, and that never see a test part.

pytest.importorskip("optuna", reason="needs emotone[tune]")
pytest.importorskip("torch")

__all__ = ["one_thread", "torch_bundles"]
pytestmark = pytest.mark.usefixtures("one_thread")
BASELINE = """\
name = "mine"
labels = "emodb"
[functionals]
name = "duration"
[classifier]
name = "quadratic-discriminant"
regularisation = 0.01
"""
SPACE = "[classifier.regularisation]\nbetween = [1e-4, 1.0]\nlog = true\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("emodb"), sentences=("a01", "a02"))


@pytest.fixture
def given(corpus: Path, tmp_path: Path) -> tuple[object, ...]:
    """The command with a recipe that is fitted in milliseconds."""
    recipe, space = tmp_path / "mine.toml", tmp_path / "space.toml"
    recipe.write_text(BASELINE)
    space.write_text(SPACE)
    return ("tune", recipe, "--corpus", f"emodb={corpus}", "--space", space, "--folds", "2", "--out", tmp_path / "runs")


def test_every_trial_is_a_run_and_more_trials_continue(
    emotone: Callable[..., Any], given: tuple[object, ...], corpus: Path, tmp_path: Path
) -> None:
    first = emotone(*given, "--trials", 2, "--json")
    assert first.status == 0, first.err
    found = json.loads(first.out)
    assert found["own"]["settings"] == {"classifier.regularisation": 0.01}
    assert [one["state"] for one in found["trials"]] == ["complete", "complete"]
    for one in found["trials"]:
        run = read_run(tmp_path / "runs" / one["run"])
        assert (run.protocol, run.speaker_independent) == ("speaker-folds-2", True)
        assert run.about["recipe"]["classifier"]["regularisation"] == one["settings"]["classifier.regularisation"]
        assert len(run.whole) == len(emodb_utterances(corpus))
    more = emotone(*given, "--trials", 3)
    assert "Best of 3 trials: uar " in more.out
    assert "report the score on recordings that the search did not use" in more.out
    folder = Path(found["search"])
    listed = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    assert listed[:2] == found["trials"]
    assert len(listed) == 3
    assert (folder / "trials.svg").read_text().startswith("<?xml")
    best = load_recipe(str(folder / "best.toml"))
    (chosen, *_) = sorted(listed, key=lambda one: (-one["value"], one["number"]))
    assert isinstance(best, ClassicalRecipe)
    assert (best.name, best.classifier["regularisation"]) == (
        "mine-tuned",
        chosen["settings"]["classifier.regularisation"],
    )


def test_a_head_on_a_frozen_encoder_with_its_default_space(
    emotone: Callable[..., Any], corpus: Path, tmp_path: Path
) -> None:
    weights = write_small_encoder(tmp_path / "small.safetensors", layers=1)
    recipe = tmp_path / "head.toml"
    recipe.write_text(
        f'name = "head"\nlabels = "emodb"\n[encoder]\nsource = "{weights.as_posix()}"\nlayers = [1]\n[head]\n'
    )
    options = ("--folds", 2, "--out", tmp_path / "runs", "--trials", 2, "--json")
    result = emotone("tune", recipe, "--corpus", f"emodb={corpus}", *options)
    assert result.status == 0, result.err
    own, other = json.loads(result.out)["trials"]
    assert own["settings"]["head.regularisation"] == 0.003
    assert set(other["settings"]) == {"head.regularisation", "head.corpus_balance", "head.standardisations"}


KILLED = """
import sys
from emotone.cli.main import run
from emotone.evaluation import run as evaluation
whole = evaluation.run_fold
def slow(job):
    found = whole(job)
    if job.fold.name != "fold-1":
        print("in the middle", flush=True)
        sys.stdin.read()
    return found
if sys.argv[1] == "slow":
    evaluation.run_fold = slow
sys.exit(run(sys.argv[2:]))
"""


def test_a_killed_search_continues_with_the_same_trials(
    emotone: Callable[..., Any], given: tuple[object, ...], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, "slow", *map(str, given), "--trials", "2"]
    environment = {**os.environ, "PYTHONPATH": str(Path(package.__file__).parent.parent)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in the middle\n"
        process.send_signal(signal.SIGKILL)
    (folds,) = (tmp_path / "runs").glob("*/folds")
    kept = sorted(folds.glob("*/predictions.parquet"))
    times = [path.stat().st_mtime_ns for path in kept]
    assert kept
    resumed = json.loads(emotone(*given, "--trials", 2, "--json").out)
    assert [one["state"] for one in resumed["trials"]] == ["failed", "complete", "complete"]
    assert resumed["trials"][1]["settings"] == resumed["trials"][0]["settings"]
    assert times == sorted(times)  # finished folds were kept until the run was complete
    whole = json.loads(emotone(*given[:-1], tmp_path / "others", "--trials", 2, "--json").out)
    assert [one["settings"] for one in whole["trials"]] == [one["settings"] for one in resumed["trials"][1:]]
    assert [one["value"] for one in whole["trials"]] == [one["value"] for one in resumed["trials"][1:]]


def test_a_hopeless_trial_is_stopped(
    emotone: Callable[..., Any], given: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four complete trials with two folds and a whole, and one that is worse after its first fold.
    scores = iter([0.8, 0.8, 0.8] * 4 + [0.1])
    monkeypatch.setattr("emotone.scale.search.Search.score", lambda *_: next(scores))
    found = json.loads(emotone(*given, "--trials", 5, "--json").out)
    assert [one["state"] for one in found["trials"]] == ["complete"] * 4 + ["stopped"]
    assert (found["trials"][4]["value"], found["best"]["number"]) == (0.1, 0)


def test_several_workers_share_the_trials_of_a_database(
    emotone: Callable[..., Any], given: tuple[object, ...], tmp_path: Path
) -> None:
    storage = f"sqlite:///{(tmp_path / 'trials.db').as_posix()}"
    found = json.loads(emotone(*given, "--trials", 3, "--workers", 2, "--storage", storage, "--json").out)
    assert [one["state"] for one in found["trials"]] == ["complete"] * 3
    assert not list(Path(found["search"]).glob("workers/*"))


@pytest.mark.usefixtures("torch_bundles")
def test_a_network_is_searched_in_the_training_part_of_a_fold(
    emotone: Callable[..., Any], corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "toy.toml").write_text(RECIPE_TOML.replace("epochs = 8", "epochs = 1"))
    (tmp_path / "space.toml").write_text("[training.learning_rate]\ntimes = [0.5, 2.0]\n")
    options = ("--space", tmp_path / "space.toml", "--folds", 2, "--out", tmp_path / "runs", "--trials", 1, "--json")
    outer = ("--protocol", "speaker-folds-4", "--fold", "fold-2")
    result = emotone("tune", tmp_path / "toy.toml", "--corpus", f"emodb={corpus}", *options, *outer)
    assert result.status == 0, result.err
    assert "searching in 12 of 16 clips: the training part" in result.err
    (trial,) = json.loads(result.out)["trials"]
    kept = training_part(emodb_utterances(corpus), "speaker-folds-4", fold="fold-2")
    used = read_run(tmp_path / "runs" / trial["run"]).whole
    assert set(used.utterance.tolist()) == {one.key for one in kept}
    assert len(set(used.speaker.tolist())) == 3


def test_a_protocol_with_several_folds_needs_one(corpus: Path) -> None:
    utterances = emodb_utterances(corpus)
    with pytest.raises(
        UsageError, match=r"has 2 folds, and settings must not be chosen .* with --fold: fold-1, fold-2"
    ):
        training_part(utterances, "speaker-folds-2")
    with pytest.raises(UsageError, match="unknown fold of speaker-folds-2 'fold-9'"):
        training_part(utterances, "speaker-folds-2", fold="fold-9")
    with pytest.raises(RunError, match="needs at least 9 speakers"):
        training_part(utterances, "speaker-folds-9", fold="fold-1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fold", "fold-1"), "--fold fold-1 needs --protocol"),
        (("--folds", "5"), "5 folds without common speakers need 5 speakers; there are 4"),
        (("--storage", "nosuch://x"), "the trials can't be stored in nosuch://x"),
        (("--space", "missing.toml"), "can't read missing.toml"),
    ],
)
def test_wrong_usage(
    emotone: Callable[..., Any], given: tuple[object, ...], options: tuple[str, ...], message: str
) -> None:
    result = emotone(*given, *options, "--trials", 1)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


def test_the_default_space_is_shown(emotone: Callable[..., Any]) -> None:
    shown = emotone("tune", "small", "--show-space")
    assert shown.status == 0
    assert "[training.learning_rate]" in shown.out


# ----------------------------------------------------------------------------------------------------------------------
# Spaces of settings: read from TOML, applied to recipes, and refused where they do not fit.


def test_every_shipped_recipe_has_a_space_that_it_can_take() -> None:
    for recipe in shipped_recipes():
        space = read_space(default_space(recipe), recipe)
        for edge in (
            {one.name: one.among[0] if one.among else one.low for one in space.parameters},
            {one.name: one.among[-1] if one.among else one.high for one in space.parameters},
        ):
            if isinstance(recipe, Recipe) and recipe.training.optimizer == "adadelta":
                assert "training.weight_decay" not in space.own
            assert space.applied(recipe, edge).name == recipe.name


def test_the_own_settings_of_a_recipe_change_nothing() -> None:
    for name in ("small", "whisper-base", "default", "is10-linear-svm"):
        recipe = load_recipe(name)
        space = read_space(default_space(recipe), recipe)
        assert len(space.own) == len(space.parameters), name
        assert space.applied(recipe, space.own) == recipe


def test_kinds_of_ranges(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text(
        "[training.learning_rate]\ntimes = [0.5, 2.0]\nlog = true\n[training.epochs]\nbetween = [1, 20]\n"
        "[training.mixup]\ntimes = [1, 2]\n[net.hidden]\namong = [4, 8]\n"
    )
    rate, epochs, hidden = read_space(path, load_recipe("small")).parameters  # mixup is 0: nothing to multiply
    assert (rate.low, rate.high, rate.log, rate.own) == (0.001, 0.004, True, 0.002)
    assert (epochs.low, epochs.high, epochs.whole, epochs.own) == (1, 20, True, 10)
    assert (hidden.among, hidden.own, hidden.value("8")) == (("4", "8"), None, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "varies nothing in small"),
        ("[training.learning_rates]\namong = [1]", "unknown"),
        ("[trainin.epochs]\namong = [1]", "unknown table of this recipe 'trainin'; did you mean 'training'"),
        ("[training.epochs]\namong = [1]\nbetween = [1, 2]", "has between and among; give one of them"),
        ("[training.epochs]\nbetween = [1, 2]\nlogs = true", "unknown key 'logs'"),
        ("[training.epochs]\nbetween = [1]", r"must be \[lowest, highest\], two numbers"),
        ("[training.epochs]\nbetween = [3, 2]", "from 3 to 2 is no range"),
        ("[training.epochs]\nbetween = [0, 2]\nlog = true", "is no range of ratios"),
        ("[training.epochs]\namong = []", "must be a list with at least one value"),
        ("[training.monitor]\ntimes = [1, 2]", "times multiplies a number, and training.monitor is 'uar'"),
        ("epochs = 3", "epochs is 3; expected a table"),
    ],
)
def test_a_wrong_space_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "space.toml").write_text(text)
    with pytest.raises((ConfigError, UsageError), match=message):
        lowest_of(tmp_path / "space.toml")


def lowest_of(path: Path) -> None:
    """Give the recipe `small` the first value of every setting of a space."""
    recipe = load_recipe("small")
    space = read_space(path, recipe)
    space.applied(recipe, {one.name: one.among[0] for one in space.parameters})
