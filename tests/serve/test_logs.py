"""Logs are JSON lines, and clients that break the protocol do not fill them."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from emotone.serve.observation import CLIENT_ERRORS, LOGGER, configure_logs, log, log_defect

if TYPE_CHECKING:
    from collections.abc import Iterator

UVICORN = "uvicorn.error"


@pytest.fixture(autouse=True)
def unchanged_loggers() -> Iterator[None]:
    """Restore what `configure_logs` changes."""
    found = [logging.getLogger(name) for name in (LOGGER, UVICORN)]
    before = [(one.handlers, one.filters, one.propagate, one.level) for one in found]
    yield
    for logger, (handlers, filters, propagate, level) in zip(found, before, strict=True):
        logger.handlers, logger.filters, logger.propagate = handlers, filters, propagate
        logger.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_events_are_lines_with_their_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    log("stream", seconds=1.5)
    try:
        int("why")
    except ValueError:
        log_defect("stream failed", code="internal")
    first, second = lines(capsys)
    assert (first["event"], first["level"], first["seconds"]) == ("stream", "info", 1.5)
    assert (second["code"], second["level"]) == ("internal", "error")
    assert "ValueError: invalid literal" in str(second["exception"])


def test_what_clients_can_cause_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    logger = logging.getLogger(UVICORN)
    for message in CLIENT_ERRORS:
        logger.error("%s.", message)
    logger.info("started")
    logger.error("a defect")
    assert [line["event"] for line in lines(capsys)] == ["a defect"]
