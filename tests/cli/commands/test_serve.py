"""serve and mcp: servers that are started from the command line."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from emotone.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Outcome

    from emotone.inference.model import Model


# ----------------------------------------------------------------------------------------------------------------------
# `emotone serve` as a process: it starts, answers, and ends in order.

WAIT_SECONDS = 60


@pytest.fixture
def process(tiny_bundle: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "emotone", "serve", "--port", "0", "--model", str(tiny_bundle)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as found:
        try:
            yield found
        finally:
            found.kill()


def address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    line = process.stderr.readline()  # the first line, or an empty one at the end of the process
    found = re.search(r"open (http://127\.0\.0\.1:\d+)/ in a browser", line)
    assert found is not None, line + process.stderr.read()
    return found[1]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_serves_until_a_signal(number: signal.Signals, status: int, process: subprocess.Popen[str]) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored by the process that runs the tests, and so by its children")
    url = address(process)
    with httpx2.Client(base_url=url, timeout=WAIT_SECONDS, trust_env=False) as client:
        for _ in range(100):  # the port is open before the first answer
            if client.get("/readyz").status_code == 200:
                break
        assert client.get("/v1/models").json()["models"][0]["name"] == "tiny"
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, out) == (status, "")
    assert '"event": "stopped"' in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nonsense"], "unknown model 'nonsense'"),
        (["--port", "99999"], "99999 is not in the range"),
        (["--host", "256.1.1.1"], "can't listen on 256.1.1.1"),
        (["--tls-cert", "CERT"], "needs both a certificate and its private key"),
        (["--tokens", "CERT"], "contains no token"),
    ],
)
def test_what_can_not_be_served_is_refused(
    arguments: list[str], message: str, emotone: Callable[..., Outcome], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    outcome = emotone("serve", "--port", "0", *(str(empty) if one == "CERT" else one for one in arguments))
    assert outcome.status == 2
    assert message in outcome.err


def test_help_names_the_limits(emotone: Callable[..., Outcome]) -> None:
    outcome = emotone("serve", "--help")
    assert outcome.status == 0
    assert {"--tokens", "--tls-cert", "--max-body", "--queue", "--sessions"} <= set(outcome.out.split())


# ----------------------------------------------------------------------------------------------------------------------
# `emotone mcp` in this process; tests/integrations asks it over the protocol.

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
