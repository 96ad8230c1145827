"""Baselines of simple cues: informative cues are above chance, uninformative ones are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tests.toy import LABELS, emodb_utterances, private_cache, write_emodb

from emotone.errors import RunError
from emotone.evaluation.run import Progress, evaluate_recipe
from emotone.evaluation.shortcuts import (
    CUES,
    CueScore,
    add_cues,
    cue_recipe,
    cues_table,
    evaluate_cues,
)
from emotone.fitting.classical import resolve_baseline
from emotone.scoring.finished_run import RUN, TABLE
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    """Four speakers with both emotions alike; sad clips are 20 dB softer, and all are of about one length."""
    found = emodb_utterances(write_emodb(tmp_path_factory.mktemp("corpus") / "emodb", sentences=("a01", "a02", "a04")))
    for utterance in found:
        signal, rate = soundfile.read(utterance.path)
        soundfile.write(utterance.path, signal[:11000] * (0.1 if utterance.label == "sadness" else 1.0), rate)
    return found


@pytest.fixture(scope="module")
def reports() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def scores(
    corpus: tuple[Utterance, ...], reports: list[Progress], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, CueScore]:
    out = tmp_path_factory.mktemp("cues")
    with private_cache(out / "cache"):
        found = evaluate_cues(
            corpus, labels=LABELS, protocol_name="speaker-folds-2", out=out / "results", progress=reports.append
        )
    return {cue.name: cue for cue in found}


def names_only(labels: dict[str, Sequence[str]]) -> tuple[Utterance, ...]:
    """Return utterances without recordings: speaker -> labels of its clips."""
    return tuple(
        Utterance(f"{speaker}-{place}", "toy", Path("nowhere.wav"), 0.0, None, speaker, speaker, label)
        for speaker, of in labels.items()
        for place, label in enumerate(of)
    )


def identity(utterances: tuple[Utterance, ...], *, protocol_name: str, out: Path) -> float:
    result = evaluate_recipe(
        resolve_baseline(cue_recipe("identity")), utterances, labels=LABELS, protocol_name=protocol_name, out=out
    )
    (found,) = (score.number for score in result.scores if score.metric == "uar" and score.setting == "system")
    return found


def made(**changes: Any) -> CueScore:
    fields: dict[str, Any] = {
        "name": "duration",
        "corpus": "toy",
        "value": 0.4,
        "low": 0.35,
        "high": 0.45,
        "chance": 0.2,
        "protocol": "random-5",
        "speaker_independent": False,
        "folder": Path("results/shortcut-duration-random-5-0123"),
    }
    return CueScore(**{**fields, **changes})


def test_every_cue_has_a_recipe() -> None:
    for name in CUES:
        assert cue_recipe(name).name == f"shortcut-{name}"


def test_only_informative_cues_are_above_chance(scores: dict[str, CueScore]) -> None:
    assert list(scores) == list(CUES)
    assert {cue.chance for cue in scores.values()} == {0.5}
    assert scores["loudness"].uar == scores["together"].uar == 1.0
    assert scores["identity"].uar == 0.5
    assert not scores["identity"].above_chance
    assert scores["duration"].uar == 0.5


def test_every_cue_is_a_run_with_its_own_progress(scores: dict[str, CueScore], reports: list[Progress]) -> None:
    for name, cue in scores.items():
        about = json.loads((cue.folder / RUN).read_text())
        assert about["recipe"]["name"] == f"shortcut-{name}"
        assert about["protocol"]["name"] == cue.protocol == "speaker-folds-2"
        assert {report.stage for report in reports} >= {f"{name}: features", f"{name}: folds"}


def test_identity_is_uninformative_in_speaker_independent_protocols(tmp_path: Path) -> None:
    anger, sadness = LABELS
    uneven = names_only({f"s{place}": [anger if place % 2 else sadness] * 6 for place in range(8)})
    assert identity(uneven, protocol_name="leave-one-speaker-out", out=tmp_path) <= 0.5
    assert identity(uneven, protocol_name="random-3", out=tmp_path) == 1.0


def test_identity_is_not_above_chance_with_evenly_distributed_emotions(tmp_path: Path) -> None:
    even = names_only({f"s{place}": LABELS * 6 for place in range(4)})
    assert identity(even, protocol_name="random-3", out=tmp_path) <= 0.5


def test_without_speakers_identity_is_excluded(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    unknown = [replace(utterance, speaker="") for utterance in corpus]
    found = evaluate_cues(unknown, labels=LABELS, protocol_name="random-2", out=tmp_path, seed=3)
    assert [cue.name for cue in found] == list(CUES)[1:]
    assert {cue.low for cue in found} == {None}
    assert json.loads((found[0].folder / RUN).read_text())["recipe"]["seed"] == 3


def test_the_identity_of_speakers_needs_no_recording() -> None:
    recipe = resolve_baseline(cue_recipe("identity"))
    counted: list[int] = []
    clips = names_only({"s1": ["anger"], "s2": ["anger"]})
    extracted = recipe.extract(clips, progress=counted.append)
    np.testing.assert_array_equal(extracted.features["toy/s2-0"], [0, 1])
    assert extracted.problems == ()
    assert counted == [2]
    assert len(recipe.extract(clips).features) == 2


@pytest.mark.parametrize(
    ("changes", "system", "expected"),
    [
        ({}, 0.6, "has a UAR of 40.0, 50 % of the gain over chance (20.0) of the system (60.0)."),
        ({}, 0.38, "has a UAR of 40.0, at least that of the system, 38.0; chance is 20.0."),
        ({}, None, "toy: a classifier that uses only the duration has a UAR of 40.0; chance is 20.0."),
        ({}, 0.2, "chance is 20.0; the UAR of the system, 20.0, is not above chance."),
        ({"low": 0.19}, 0.6, "has a UAR of 40.0, which is not above chance (20.0)."),
        ({"value": 0.2, "low": None, "high": None}, 0.6, "has a UAR of 20.0, which is not above chance (20.0)."),
    ],
)
def test_the_interpretation(changes: dict[str, Any], system: float | None, expected: str) -> None:
    (line,) = made(**changes).lines(system)
    assert expected in line


def test_the_share_is_of_the_gain_over_chance() -> None:
    assert made().share(0.6) == pytest.approx(0.5)
    assert made(value=0.1).share(0.6) == 0.0
    assert made().share(0.2) is None


def test_caveats_follow_the_interpretation() -> None:
    assert "speaker's identity must be near chance" in made(name="identity", speaker_independent=True).lines()[1]
    assert "how unevenly emotions are distributed over speakers" in made(name="identity").lines()[1]
    assert "upper bound" in made(name="loudness").lines()[1]
    assert len(made(name="loudness", low=0.1).lines()) == 1


def test_the_table_has_a_row_per_cue_and_each_note_once() -> None:
    cues = [made(name="loudness", corpus="calls"), made(name="channel", low=None, high=None)]
    table = cues_table(cues, systems={"calls": 0.6})
    assert table.rows == (
        ("calls", "loudness", "40.0 [35.0, 45.0]", "20.0", "60.0", "50 %"),
        ("toy", "channel", "40.0", "20.0", "-", "-"),
    )
    assert len(table.notes) == 3
    assert sum("upper bound" in note for note in table.notes) == 1


def test_they_are_added_to_a_finished_run(scores: dict[str, CueScore], tmp_path: Path) -> None:
    about = json.loads((scores["together"].folder / RUN).read_text())
    (tmp_path / RUN).write_text(json.dumps(about))
    (tmp_path / TABLE).touch()
    for _ in range(2):  # existing ones are replaced
        add_cues(tmp_path, list(scores.values()))
        after = json.loads((tmp_path / RUN).read_text())
        assert [cue["name"] for cue in after.pop("shortcuts")] == list(CUES)
        assert after == about
    add_cues(tmp_path, [scores["loudness"]])
    (row,) = json.loads((tmp_path / RUN).read_text())["shortcuts"]
    assert row["run"] == scores["loudness"].folder.name
    assert row["share"] == 1.0
    assert row["lines"] == list(scores["loudness"].lines(1.0))


def test_only_cues_of_the_same_protocol_and_corpus_are_added(scores: dict[str, CueScore], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="contains no finished evaluation"):
        add_cues(tmp_path, [made()])
    folder = scores["together"].folder
    with pytest.raises(RunError, match="under speaker-folds-2 on emodb; the cue is evaluated under random-5 on toy"):
        add_cues(folder, [made()])
    with pytest.raises(RunError, match="the cue is evaluated under speaker-folds-2 on toy"):
        add_cues(folder, [made(protocol="speaker-folds-2")])
