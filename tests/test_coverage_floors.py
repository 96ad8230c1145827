"""The script that guards coverage finds what is too low, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from scripts.coverage_floors import main, package, shortfalls

if TYPE_CHECKING:
    from pathlib import Path


def report(**percents: int) -> dict[str, Any]:
    files = {
        f"src/emotone/{name}/x.py": {
            "summary": {"covered_lines": percent, "num_statements": 100},
            "missing_lines": list(range(percent, 100)),
        }
        for name, percent in percents.items()
    }
    return {"files": files, "totals": {"percent_covered": 95.0}}


@pytest.mark.parametrize(
    ("path", "name"),
    [("src/emotone/audio/read.py", "audio"), ("src/emotone/files.py", "files"), ("a/emotone/cli/main.py", "cli")],
)
def test_a_file_belongs_to_a_package(path: str, name: str) -> None:
    assert package(path) == name


def test_lower_floors_need_every_line_and_others_nine_in_ten() -> None:
    assert shortfalls(report(audio=100, cli=90)) == []
    found = shortfalls(report(audio=99, cli=89))
    assert [line.partition(":")[0] for line in found] == ["audio", "cli"]
    assert "src/emotone/audio/x.py: [99]" in found[0]


@pytest.mark.parametrize(("percent", "status"), [(100, 0), (99, 1)])
def test_the_exit_status_tells(percent: int, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(report(audio=percent)), encoding="utf-8")
    assert main(str(path)) == status
    assert ("every floor is reached" in capsys.readouterr().out) is (status == 0)
