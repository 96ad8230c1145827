"""`emotone mcp` in this process; tests/integrations asks it over the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from tests.cli.conftest import Outcome

    from emotone.inference.model import Model

CREATE = "emotone.integrations.mcp_server.create_mcp_server"


def test_the_server_gets_the_model_and_the_folder(
    emotone: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    class FakeServer:
        def __init__(self, model: Model, *, folder: Path | None) -> None:
            calls.append((model.bundle.manifest.name, folder))

        def run(self, transport: str) -> None:
            calls.append((transport,))

    monkeypatch.setattr(CREATE, FakeServer)
    outcome = emotone("mcp", "--model", tiny_bundle, "--folder", tmp_path)
    assert outcome.status == 0
    assert calls == [("tiny", tmp_path), ("stdio",)]


def test_a_missing_extra_ends_the_command(
    emotone: Callable[..., Outcome], tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MissingExtraError("pip install 'emotone[mcp]'")

    monkeypatch.setattr(CREATE, fail)
    outcome = emotone("mcp", "--model", tiny_bundle)
    assert outcome.status == 2
    assert "emotone[mcp]" in outcome.err


def test_a_missing_folder_is_refused(emotone: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = emotone("mcp", "--folder", tmp_path / "none")
    assert outcome.status == 2
    assert "does not exist" in outcome.err
