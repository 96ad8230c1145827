"""`emotone reproduce`: what there is, a table made again, and what is left out said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.toy import write_emodb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("emodb"))


def test_without_a_table_it_lists_what_there_is(emotone: Callable[..., Outcome]) -> None:
    outcome = emotone("reproduce")
    assert outcome.status == 0
    assert "opensmile" in outcome.out
    listed = json.loads(emotone("reproduce", "baselines", "--json").out)
    assert {"paper": "baselines", "table": "opensmile"}.items() <= listed[0].items()


@pytest.mark.parametrize(("words", "nearest"), [(("baseline",), "baselines"), (("baselines", "smile"), "opensmile")])
def test_a_misspelt_name_is_said_with_the_nearest(
    emotone: Callable[..., Outcome], words: tuple[str, ...], nearest: str
) -> None:
    outcome = emotone("reproduce", *words)
    assert outcome.status == 2
    assert nearest in outcome.err


def test_a_table_is_made_again(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "baselines", "classifiers", "--quick", "--corpus", f"emodb={corpus}", "--out", tmp_path)
    outcome = emotone(*arguments)
    assert outcome.status == 0
    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert any(
        row.startswith("emodb always the most frequent label, scaled on the training speakers - 50.0") for row in rows
    )
    assert "What training and test parts share (emodb, leave-one-speaker-out):\n  speakers: none shared" in outcome.out
    assert "not given, so not measured: emovo, savee" in outcome.err
    assert "emotone: emodb, always the most frequent label" in outcome.err
    found = json.loads(emotone(*arguments, "--json", "--quiet").out)
    assert (found["paper"], found["table"]) == ("baselines", "classifiers")
    statuses = {row["status"] for row in found["rows"]}
    assert statuses == {"other data", "not run", "data absent"}
    assert found["audit"]["emodb, leave-one-speaker-out"][0] == "speakers: none shared"


def test_only_what_was_asked_for_is_shown(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "baselines", "classifiers", "--corpus", f"emodb={corpus}", "--out", tmp_path, "--quiet")
    frequent, chance = (("--only", words) for words in ("most frequent label", "chance"))
    first = emotone(*arguments, *frequent, "--quick")
    assert "| not run |" not in first.out
    assert "Finished before" not in first.out
    second = emotone(*arguments, *chance, "--quick")
    assert "most frequent label" not in second.out
    assert "Finished before, and not asked for now: 1 other cell" in second.out


def test_weights_that_are_not_given_are_said(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "segment-vggish", "table3", "--quick", "--corpus", f"emodb={corpus}", "--out", tmp_path)
    outcome = emotone(*arguments, "--json")
    assert outcome.status == 0
    assert "weights not given, so not measured: --source yamnet=FILE\n" in outcome.err  # quick cells need no other
    assert {row["status"] for row in json.loads(outcome.out)["rows"]} == {"data absent"}
    for given, words in (
        ("yamnet", "--source needs NET=FILE, such as yamnet=yamnet.npz; given 'yamnet'"),
        ("yamnt=a.npz", "unknown net of table3 that takes over weights 'yamnt'; did you mean 'yamnet'?"),
        (f"yamnet={tmp_path / 'a.npz'}", "a.npz: can't be read"),
    ):
        refused = emotone(*arguments, "--source", given)
        assert refused.status == 2
        assert words in refused.err


def test_recordings_that_fail_are_listed_and_the_exit_status_says_so(
    emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path
) -> None:
    broken = write_emodb(tmp_path / "broken", sentences=("a01",))
    next(broken.glob("wav/*.wav")).write_bytes(b"no sound")
    outcome = emotone(
        "reproduce", "baselines", "classifiers", "--quick", "--corpus", f"emodb={broken}", "--out", tmp_path / "out"
    )
    assert outcome.status == 1
    assert outcome.err.count("left out:") == 1
