"""Requests that schemathesis makes from the OpenAPI document: valid and invalid ones, with and without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from emotone.serve.settings import read_tokens

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serve.conftest import RunningServer, StartServer

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11 or later")

PATHS = ("/healthz", "/metrics", "/readyz", "/v1/models", "/v1/predict")
EXAMPLES = 15  # of a path and mode


def described(server: RunningServer) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


@pytest.fixture(scope="module")
def api(server: RunningServer) -> Any:
    return described(server)


def check_answers(api: Any, path: str, *, mode: str = "positive", recording: bytes | None = None, **call: Any) -> None:
    """Send requests to a path; fail if an answer is not described by the document.

    Random bytes are no recording, although the document allows them: a path with a body may refuse them.
    """
    [operation] = api[path].values()
    excluded = [schemathesis.checks.positive_data_acceptance] if operation.body else []

    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def check(case: Any) -> None:
        if recording is not None and case.media_type != "multipart/form-data":
            case.body = recording
        case.call_and_validate(excluded_checks=excluded, **call)

    check()


def test_every_path_is_tested(api: Any) -> None:
    assert tuple(sorted(api.raw_schema["paths"])) == PATHS


@pytest.mark.parametrize("path", PATHS)
def test_answers_are_described(api: Any, path: str) -> None:
    check_answers(api, path)


def test_invalid_arguments_are_refused(api: Any) -> None:
    check_answers(api, "/v1/predict", mode="negative")


def test_answers_to_recordings_are_described(api: Any, recording: bytes) -> None:
    check_answers(api, "/v1/predict", recording=recording)


def test_a_document_states_where_a_token_is_needed(start_server: StartServer, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef\n")
    api = described(start_server(tokens=read_tokens(tokens)))
    for path in PATHS:
        [operation] = api[path].values()
        assert bool(operation.definition.raw.get("security")) == (path not in {"/healthz", "/readyz"})
    check_answers(api, "/v1/models", headers={"Authorization": "Bearer 0123456789abcdef"})
