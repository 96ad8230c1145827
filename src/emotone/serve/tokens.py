"""Bearer tokens: a file of them, and a check whose time does not depend on the token."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

MIN_LENGTH = 16
_TOKEN = re.compile(rf"[A-Za-z0-9._~+-]{{{MIN_LENGTH},}}")  # also valid in the name of a WebSocket subprotocol


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
