"""Structured logs: one JSON object per line. They contain no audio, no result, no token and no name of a file."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

LOGGER = "emotone.serve"
CLIENT_ERRORS = (  # how the errors begin that uvicorn logs for
    "Invalid UTF-8 sequence received from client",  # a stream that is closed with 1007
    "ASGI callable returned without completing handshake",  # a handshake that is refused, e.g. with 503
)
_FIELDS = "fields"


class JsonFormatter(logging.Formatter):
    """Formats records as JSON objects with `time`, `level`, `event` and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log(event: str, /, **fields: Any) -> None:
    """Log an event with its fields."""
    logging.getLogger(LOGGER).info(event, extra={_FIELDS: fields})


def log_defect(event: str, /, **fields: Any) -> None:
    """Log an event with the exception that is being handled."""
    logging.getLogger(LOGGER).exception(event, extra={_FIELDS: fields})


class _WithoutClientErrors(logging.Filter):
    """Drops errors of uvicorn that any client can cause: they could fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is kept."""
        return not record.getMessage().startswith(CLIENT_ERRORS)


def configure_logs(*, level: int = logging.INFO) -> None:
    """Write the logs of the server, and warnings of uvicorn, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name, lowest in ((LOGGER, level), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.filters = [_WithoutClientErrors()]
        logger.propagate = False
        logger.setLevel(lowest)
