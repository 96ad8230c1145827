"""Settings of a server: which models, who may use it (bearer tokens), and how much one client may use.

Tokens come from a file, and the time of a check does not depend on the token.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emotone.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Seconds

MIN_LENGTH = 16
_TOKEN = re.compile(rf"[A-Za-z0-9._~+-]{{{MIN_LENGTH},}}")  # also valid in the name of a WebSocket subprotocol

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8484


@dataclass(frozen=True, repr=False)
class Tokens:
    """The tokens that a server accepts. Only their SHA-256 is kept, so that no message or log can contain one.

    Attributes:
        digests: SHA-256 of each token.

    """

    digests: tuple[bytes, ...]

    def accepts(self, token: str) -> bool:
        """Return whether this is one of the tokens; every one is compared, each in constant time."""
        digest = _digest(token)
        accepted = False
        for one in self.digests:
            accepted |= hmac.compare_digest(one, digest)
        return accepted


def read_tokens(path: Path) -> Tokens:
    """Return the tokens in a text file: one per line; empty lines and lines that start with `#` are skipped.

    Raises:
        ConfigError: the file can't be read, contains no token, or a line is not a token.

    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file of tokens can't be read: {path}: {error}") from error
    digests = []
    for number, line in enumerate(lines, start=1):
        token = line.strip()
        if not token or token.startswith("#"):
            continue
        if not _TOKEN.fullmatch(token):
            raise ConfigError(
                f"{path}, line {number}: not a token; allowed: {MIN_LENGTH} or more of the characters "
                "A-Z a-z 0-9 . _ ~ + -"
            )
        digests.append(_digest(token))
    if not digests:
        raise ConfigError(f"{path} contains no token; write one per line")
    return Tokens(tuple(digests))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds. What exceeds one is refused; nothing grows instead.

    Attributes:
        body_bytes: size of a request's body; it is kept in memory.
        recording_seconds: duration of a recording.
        requests: predictions that run at the same time.
        queue: predictions that wait for one of these; more are answered 503.
        head_seconds: time from the opening of a connection to the end of the head of its first request.
        body_seconds: time for sending a body.
        sessions: streams that are open at the same time; more are answered 503.
        session_seconds: duration of a stream, both in real time and in seconds of audio.
        idle_seconds: time between two messages of a stream.
        start_seconds: time from the opening of a stream to its `session.start`.
        message_bytes: size of one message of a stream.
        send_seconds: time in which a client of a stream must read what it is sent.
        refused_messages: messages of one stream that may be refused before it is ended.
        shutdown_seconds: time in which running predictions and streams can finish at shutdown.

    """

    body_bytes: int = 32 << 20
    recording_seconds: Seconds = 3600.0
    requests: int = field(default_factory=cores)
    queue: int = 8
    head_seconds: Seconds = 10.0
    body_seconds: Seconds = 60.0
    sessions: int = 64
    session_seconds: Seconds = 7200.0
    idle_seconds: Seconds = 30.0
    start_seconds: Seconds = 10.0
    message_bytes: int = 1 << 20
    send_seconds: Seconds = 10.0
    refused_messages: int = 20
    shutdown_seconds: Seconds = 20.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            smallest = 0 if name in {"queue", "refused_messages"} else 1e-3
            if value < smallest:
                raise ConfigError(f"{name} must be at least {smallest:g}; given {value}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a server.

    Attributes:
        models: shipped names, or folders of bundles; the first one is used where a client names none. Empty for all
            shipped models.
        host: address to listen on.
        port: 0 for a free one.
        tokens: of which clients must send one; None for open access.
        origins: of web pages on other servers that may use this one, e.g. `https://example.org`.
        tls_cert: PEM file with the certificate chain, for HTTPS.
        tls_key: PEM file with its private key.
        limits: upper bounds.

    """

    models: tuple[str, ...] = ()
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    tokens: Tokens | None = None
    origins: tuple[str, ...] = ()
    tls_cert: str | None = None
    tls_key: str | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("HTTPS needs both a certificate and its private key; only one of them was given")

    @property
    def is_local(self) -> bool:
        """Whether the server listens on the loopback interface only."""
        return self.host in LOOPBACK_NAMES

    @property
    def scheme(self) -> str:
        """`http`, or `https` with a certificate."""
        return "http" if self.tls_cert is None else "https"
