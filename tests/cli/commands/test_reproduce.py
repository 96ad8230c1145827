"""`emotone reproduce`: tables are listed and reproduced, and missing data are reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.toy import write_emodb

from emotone.reproductions.base import Paper, PublishedFigure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("emodb"))


def test_without_a_table_all_tables_are_listed(emotone: Callable[..., Outcome]) -> None:
    outcome = emotone("reproduce")
    assert outcome.status == 0
    assert "opensmile" in outcome.out
    listed = json.loads(emotone("reproduce", "baselines", "--json").out)
    assert {"paper": "baselines", "table": "opensmile"}.items() <= listed[0].items()


def places(out: Path) -> tuple[object, ...]:
    """Return the options with the folders of results; those of the repository are not used."""
    return "--out", out, "--stored", out / "none"


@pytest.mark.parametrize(("words", "nearest"), [(("baseline",), "baselines"), (("baselines", "smile"), "opensmile")])
def test_a_misspelt_name_is_an_error_with_the_nearest(
    emotone: Callable[..., Outcome], words: tuple[str, ...], nearest: str
) -> None:
    outcome = emotone("reproduce", *words)
    assert outcome.status == 2
    assert nearest in outcome.err


def test_a_table_is_reproduced(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "baselines", "classifiers", "--quick", "--corpus", f"emodb={corpus}", *places(tmp_path))
    outcome = emotone(*arguments)
    assert outcome.status == 0
    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert any(
        row.startswith("emodb most frequent label, leave-one-speaker-out, scaled on the training speakers - 50.0")
        for row in rows
    )
    assert (
        "Leakage audit, what training and test data share (emodb, leave-one-speaker-out):\n  speakers: none shared"
        in outcome.out
    )
    assert "no data for these corpora: emovo, savee; add --corpus NAME=DIR" in outcome.err
    assert "emotone: emodb, most frequent label, leave-one-speaker-out" in outcome.err
    found = json.loads(emotone(*arguments, "--json", "--quiet").out)
    assert (found["paper"], found["table"]) == ("baselines", "classifiers")
    statuses = {row["status"] for row in found["rows"]}
    assert statuses == {"other data", "not run", "data absent"}
    assert found["audit"]["emodb, leave-one-speaker-out"][0] == "speakers: none shared"


def test_only_selected_cells_are_shown(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "baselines", "classifiers", "--corpus", f"emodb={corpus}", *places(tmp_path), "--quiet")
    frequent, chance = (("--only", words) for words in ("most frequent label", "random predictions"))
    first = emotone(*arguments, *frequent, "--quick")
    assert "not run" not in first.out
    assert "Finished cells" not in first.out
    second = emotone(*arguments, *chance, "--quick")
    assert "most frequent label" not in second.out
    assert "Finished cells that are not selected: 1; --kept shows them." in second.out


def test_missing_weights_are_reported(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "segment-vggish", "table3", "--quick", "--corpus", f"emodb={corpus}", *places(tmp_path))
    outcome = emotone(*arguments, "--json")
    assert outcome.status == 0
    assert "no weights for these networks: --source yamnet=FILE\n" in outcome.err  # quick cells need no other
    assert {row["status"] for row in json.loads(outcome.out)["rows"]} == {"data absent"}
    for given, words in (
        ("yamnet", "--source needs NET=FILE, such as yamnet=yamnet.npz; given 'yamnet'"),
        ("yamnt=a.npz", "unknown network of table3 that loads weights 'yamnt'; did you mean 'yamnet'?"),
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
        "reproduce", "baselines", "classifiers", "--quick", "--corpus", f"emodb={broken}", *places(tmp_path / "out")
    )
    assert outcome.status == 1
    assert outcome.err.count("left out:") == 1


def test_a_figure_is_computed_stored_and_drawn(
    emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures of papers need weights, so this one counts the clips."""
    counting = PublishedFigure(
        "figure0",
        "clips",
        ("emodb",),
        lambda corpora: {"clips": len(corpora["emodb"])},
        lambda data: f"<svg>{data['clips']}</svg>",
    )
    monkeypatch.setattr(Paper, "figure", lambda _self, name: counting if name == "figure0" else None)
    given = ["reproduce", "asr-reuse", "figure0", "--out", str(tmp_path / "out")]
    done = emotone(*given, "--corpus", f"emodb={corpus}")
    assert done.status == 0, done.err
    data, drawing = map(Path, done.out.split())
    assert drawing.read_text() == f"<svg>{json.loads(data.read_text())['clips']}</svg>"
    assert json.loads(emotone(*given, "--corpus", f"emodb={corpus}", "--json").out)["files"][0] == str(data)
    missing = emotone(*given)
    assert missing.status == 2
    assert "figure0 needs --corpus emodb=DIR" in missing.err
