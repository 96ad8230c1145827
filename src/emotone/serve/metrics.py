"""Metrics of a server in the text format of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_MESSAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)


class Metrics:
    """Counters, gauges and latencies of one server.

    Attributes:
        requests: answered requests by route, method and status.
        request_seconds: time from the head of a request to the end of its response, by route.
        audio_seconds: seconds of audio that were analysed, by `prediction` or `stream`.
        sessions: ended streams by the reason of their end.
        events: events that were sent, by type.
        message_seconds: time from the arrival of a message with audio to the sending of its last event.
        refused: requests and streams that were refused, by code.

    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "emotone_requests", "Answered requests.", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "emotone_request_seconds",
            "Time from the head of a request to the end of its response.",
            ["route"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.audio_seconds = Counter(
            "emotone_audio_seconds", "Seconds of audio that were analysed.", ["kind"], registry=registry
        )
        self.sessions = Counter("emotone_sessions", "Ended streams.", ["reason"], registry=registry)
        self.events = Counter("emotone_events", "Events that were sent to streams.", ["type"], registry=registry)
        self.message_seconds = Histogram(
            "emotone_stream_message_seconds",
            "Time from the arrival of a message with audio to the sending of its last event.",
            buckets=_MESSAGE_BUCKETS,
            registry=registry,
        )
        self.refused = Counter("emotone_refused", "Refused requests and streams.", ["code"], registry=registry)

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is read when the metrics are."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self._registry)
