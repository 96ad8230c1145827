"""URLs: what is one, and what is missing to read it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from emotone.errors import MissingExtraError, UsageError
from emotone.files import filesystem, is_url, one_line


@pytest.mark.parametrize("text", ["s3://bucket/a.wav", "gs://b", "memory://x", "HTTPS://host/a", "az+tls://b/c"])
def test_urls(text: str) -> None:
    assert is_url(text)


@pytest.mark.parametrize(
    "text", ["a.wav", "/a/b.wav", "C://a.wav", "a:b", "calls/s3://x", Path("s3://bucket"), b"s3://x"]
)
def test_other_names(text: object) -> None:
    assert not is_url(text)


def test_a_file_system_and_a_path() -> None:
    files, path = filesystem("memory://bucket/a.wav")
    assert (files.protocol, path) == ("memory", "/bucket/a.wav")


def test_an_unknown_protocol() -> None:
    with pytest.raises(UsageError, match=r"nope://x: Protocol not known: nope; allowed: s3, gs, http, file"):
        filesystem("nope://x")


def test_packages_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # not s3fs: fsspec remembers it after its first use
    with pytest.raises(MissingExtraError, match=r"gs://bucket/a: Please install gcsfs .*emotone\[s3\]"):
        filesystem("gs://bucket/a")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"reading s3://bucket/a needs the package 'fsspec'.*emotone\[bulk\]"):
        filesystem("s3://bucket/a")


def test_messages_are_one_line() -> None:
    assert one_line(PermissionError(13, "Permission denied", "x")) == "Permission denied"
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
