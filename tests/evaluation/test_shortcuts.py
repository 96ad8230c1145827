"""The shortcut evaluate_cues: cues that are planted are found, cues that can say nothing come out near guessing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tests.toy import LABELS, emodb_utterances, private_cache, write_emodb

from emotone.errors import ConfigError, RunError
from emotone.evaluation.run import RUN, Report, evaluate_recipe
from emotone.evaluation.shortcuts import (
    CUES,
    CueScore,
    add_cues,
    evaluate_cues,
    cue_recipe,
    cues_table,
)
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
def heard() -> list[Report]:
    return []


@pytest.fixture(scope="module")
def probed(
    corpus: tuple[Utterance, ...], heard: list[Report], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, CueScore]:
    out = tmp_path_factory.mktemp("probed")
    with private_cache(out / "cache"):
        found = evaluate_cues(
            corpus, labels=LABELS, protocol_name="speaker-folds-2", out=out / "results", progress=heard.append
        )
    return {shortcut.name: shortcut for shortcut in found}


def names_only(labels: dict[str, Sequence[str]]) -> tuple[Utterance, ...]:
    """Return utterances without recordings: speaker -> labels of its clips."""
    return tuple(
        Utterance(f"{speaker}-{place}", "toy", Path("nowhere.wav"), 0.0, None, speaker, speaker, label)
        for speaker, of in labels.items()
        for place, label in enumerate(of)
    )


def identity(utterances: tuple[Utterance, ...], *, protocol_name: str, out: Path) -> float:
    result = evaluate_recipe(
        cue_recipe("identity"), utterances, labels=LABELS, protocol_name=protocol_name, out=out
    )
    (found,) = (score.number for score in result.scores if score.metric == "uar" and score.setting == "system")
    return found


def made(**changes: Any) -> CueScore:
    fields: dict[str, Any] = {
        "name": "duration",
        "corpus": "toy",
        "uar": 0.4,
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


def test_a_cue_that_was_planted_is_found_and_others_are_at_guessing(probed: dict[str, CueScore]) -> None:
    assert list(probed) == list(CUES)
    assert {shortcut.chance for shortcut in probed.values()} == {0.5}
    assert probed["loudness"].uar == probed["together"].uar == 1.0
    assert probed["identity"].uar == 0.5
    assert not probed["identity"].above_chance
    assert probed["duration"].uar == 0.5


def test_it_is_stored_as_a_run_and_heard_by_name(probed: dict[str, CueScore], heard: list[Report]) -> None:
    for name, shortcut in probed.items():
        told = json.loads((shortcut.folder / RUN).read_text())
        assert told["recipe"]["name"] == f"shortcut-{name}"
        assert told["protocol"]["name"] == shortcut.protocol == "speaker-folds-2"
        assert {report.stage for report in heard} >= {f"{name}: features", f"{name}: folds"}


def test_of_new_speakers_identity_says_nothing_however_uneven_they_are(tmp_path: Path) -> None:
    anger, sadness = LABELS
    uneven = names_only({f"s{place}": [anger if place % 2 else sadness] * 6 for place in range(8)})
    assert identity(uneven, protocol_name="leave-one-speaker-out", out=tmp_path) <= 0.5
    assert identity(uneven, protocol_name="random-3", out=tmp_path) == 1.0


def test_evenly_spread_emotions_put_identity_at_or_below_guessing(tmp_path: Path) -> None:
    even = names_only({f"s{place}": LABELS * 6 for place in range(4)})
    assert identity(even, protocol_name="random-3", out=tmp_path) <= 0.5


def test_without_speakers_identity_is_left_out(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    nameless = [replace(utterance, speaker="") for utterance in corpus]
    found = evaluate_cues(nameless, labels=LABELS, protocol_name="random-2", out=tmp_path, seed=3)
    assert [shortcut.name for shortcut in found] == list(CUES)[1:]
    assert {shortcut.low for shortcut in found} == {None}
    assert json.loads((found[0].folder / RUN).read_text())["recipe"]["seed"] == 3


def test_what_is_known_without_listening_is_not_stored() -> None:
    recipe = cue_recipe("identity")
    counted: list[int] = []
    clips = names_only({"s1": ["anger"], "s2": ["anger"]})
    extracted = recipe.extract(clips, progress=counted.append)
    np.testing.assert_array_equal(extracted.features["toy/s2-0"], [0, 1])
    assert extracted.problems == ()
    assert counted == [2]
    assert len(recipe.extract(clips).features) == 2
    with pytest.raises(ConfigError, match="speaker-identity is known without listening, and not stored"):
        _ = recipe.store


@pytest.mark.parametrize(
    ("changes", "system", "expected"),
    [
        ({}, 0.6, "gives a UAR of 40.0, where guessing gives 20.0 and this system 60.0: it goes 50 % of the way"),
        ({}, 0.38, "and this system 38.0: it does as well as the system."),
        ({}, None, "toy: Knowing only how long each recording is gives a UAR of 40.0, where guessing gives 20.0."),
        ({}, 0.2, "where guessing gives 20.0, and this system with 20.0 does not beat guessing."),
        ({"low": 0.19}, 0.6, "gives a UAR of 40.0, which is no better than guessing (20.0)."),
        ({"uar": 0.2, "low": None, "high": None}, 0.6, "gives a UAR of 20.0, which is no better than guessing (20.0)."),
    ],
)
def test_it_is_said_in_words(changes: dict[str, Any], system: float | None, expected: str) -> None:
    (line,) = made(**changes).lines(system)
    assert expected in line


def test_the_share_is_of_the_way_from_guessing_to_the_system() -> None:
    assert made().share(0.6) == pytest.approx(0.5)
    assert made(uar=0.1).share(0.6) == 0.0
    assert made().share(0.2) is None


def test_what_one_must_know_stands_beside_it() -> None:
    assert "new, so that who speaks can say nothing" in made(name="identity", speaker_independent=True).lines()[1]
    assert "how unevenly emotions are spread over speakers" in made(name="identity").lines()[1]
    assert "no proof" in made(name="loudness").lines()[1]
    assert len(made(name="loudness", low=0.1).lines()) == 1


def test_markdown_has_a_row_per_cue_and_says_each_thing_once() -> None:
    shortcuts = [made(name="loudness", corpus="a|b"), made(name="channel", low=None, high=None)]
    lines = cues_table(shortcuts, systems={"a|b": 0.6}).split("\n")
    assert lines[2] == "| a\\|b | loudness | 40.0 [35.0, 45.0] | 20.0 | 60.0 | 50 % |"
    assert lines[3] == "| toy | channel | 40.0 | 20.0 | - | - |"
    assert [line[:2] for line in lines[5:]] == ["- "] * 3
    assert sum("no proof" in line for line in lines) == 1


def test_they_are_added_to_a_finished_run(probed: dict[str, CueScore], tmp_path: Path) -> None:
    told = json.loads((probed["together"].folder / RUN).read_text())
    (tmp_path / RUN).write_text(json.dumps(told))
    for _ in range(2):  # what was there is replaced
        add_cues(tmp_path, list(probed.values()))
        after = json.loads((tmp_path / RUN).read_text())
        assert [shortcut["name"] for shortcut in after.pop("shortcuts")] == list(CUES)
        assert after == told
    add_cues(tmp_path, [probed["loudness"]])
    (row,) = json.loads((tmp_path / RUN).read_text())["shortcuts"]
    assert row["run"] == probed["loudness"].folder.name
    assert row["share"] == 1.0
    assert row["lines"] == list(probed["loudness"].lines(1.0))


def test_only_what_was_done_alike_is_added(probed: dict[str, CueScore], tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no finished run: run\.json can't be read"):
        add_cues(tmp_path, [made()])
    folder = probed["together"].folder
    with pytest.raises(RunError, match="is of speaker-folds-2 on emodb; given is a shortcut of random-5 on toy"):
        add_cues(folder, [made()])
    with pytest.raises(RunError, match="given is a shortcut of speaker-folds-2 on toy"):
        add_cues(folder, [made(protocol="speaker-folds-2")])
