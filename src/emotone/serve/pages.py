"""Static pages. They load nothing from other servers, and a content security policy states it to the browser."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def page(name: str) -> HTMLResponse:
    """Return the response with a page of the folder `static`."""
    text = _read(name)
    headers = {
        "Content-Security-Policy": _policy(text),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
    return HTMLResponse(text, headers=headers)


@cache
def _read(name: str) -> str:
    return files("emotone.serve").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _policy(text: str) -> str:
    """Return a policy that allows the page's own scripts and styles, its own server, and recordings as blobs."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes(_SCRIPT.findall(text))} blob:",  # an AudioWorklet is a blob
            f"style-src {_hashes(_STYLE.findall(text))}",
            "connect-src 'self'",
            "media-src blob:",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _hashes(parts: Iterable[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
    return " ".join(f"'sha256-{digest}'" for digest in digests)
