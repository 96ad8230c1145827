"""Bundles at URLs: copied with every byte checked, and never half of one."""

from __future__ import annotations

import functools
import http.server
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from emotone.bundles import library
from emotone.bundles.bundle import load_bundle
from emotone.bundles.library import get_bundle, push_bundle
from emotone.errors import BundleError, MissingExtraError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Hub(MemoryFileSystem):  # type: ignore[misc]
    """The protocol hf:// in memory; its repositories are files by name, as those of `HfFileSystem`."""

    protocol: ClassVar[str] = "hf"
    written: ClassVar[list[str]] = []

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("hf://").strip("/")

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        self.written.append(path.rpartition("/")[2])
        super().pipe_file(path, value, **options)


@pytest.fixture(autouse=True)
def hub() -> Iterator[type[Hub]]:
    """An empty hub."""
    fsspec.register_implementation("hf", Hub, clobber=True)
    Hub.store.clear()
    Hub.written.clear()
    yield Hub
    Hub.store.clear()


@pytest.fixture
def server(tiny_bundle: Path) -> Iterator[str]:
    """The URL of a web server for the folder of the tiny bundle."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tiny_bundle.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/{tiny_bundle.name}"
        running.shutdown()
        thread.join()


def test_a_model_comes_from_a_web_server_with_its_hash(server: str, tiny_bundle: Path, tmp_path: Path) -> None:
    sha256 = load_bundle(tiny_bundle).sha256
    got = get_bundle(server, tmp_path / "mine", sha256=sha256)
    assert (got.directory, got.sha256) == (tmp_path / "mine", sha256)
    assert {path.name for path in got.directory.iterdir()} == {path.name for path in tiny_bundle.iterdir()}
    assert get_bundle(f"{server}/bundle.toml", tmp_path / "mine").sha256 == sha256  # again, in its place
    with pytest.raises(BundleError, match=rf"its SHA-256 should be {'0' * 64} and is {sha256}"):
        get_bundle(server, tmp_path / "other", sha256="0" * 64)
    with pytest.raises(BundleError, match=r"none/bundle.toml: can't be read: HTTP Error 404"):
        get_bundle(f"{server}/none", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_model_goes_to_the_hub_and_back(tiny_bundle: Path, tmp_path: Path, hub: type[Hub]) -> None:
    bundle = load_bundle(tiny_bundle)
    assert push_bundle(bundle, "hf://user/tiny/") == "hf://user/tiny"
    assert hub.written[-1] == "bundle.toml"
    assert push_bundle(bundle, "hf://user/tiny") == "hf://user/tiny"  # the same again
    assert get_bundle("hf://user/tiny", tmp_path / "tiny", sha256=bundle.sha256).contents() == bundle.contents()


def test_another_model_is_not_replaced(tiny_bundle: Path, tmp_path: Path, make_bundle: Any) -> None:
    push_bundle(load_bundle(tiny_bundle), "hf://user/tiny")
    other = load_bundle(make_bundle(tmp_path / "other", version="9.0.0"))
    with pytest.raises(OutputError, match="hf://user/tiny contains another model; choose another name"):
        push_bundle(other, "hf://user/tiny")


def test_a_damaged_file_and_a_missing_one(tiny_bundle: Path, tmp_path: Path, hub: type[Hub]) -> None:
    push_bundle(load_bundle(tiny_bundle), "hf://user/tiny")
    hub().pipe_file("/user/tiny/LICENSE", b"anything goes")
    with pytest.raises(BundleError, match=r"hf://user/tiny/LICENSE is damaged: its SHA-256 should be"):
        get_bundle("hf://user/tiny", tmp_path / "mine")
    hub().rm("/user/tiny/LICENSE")
    with pytest.raises(BundleError, match=r"LICENSE: nothing is stored there"):
        get_bundle("hf://user/tiny", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_endless_files_are_refused(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push_bundle(load_bundle(tiny_bundle), "hf://user/tiny")
    monkeypatch.setattr(library, "LIMIT_BYTES", 100)
    with pytest.raises(BundleError, match="contains more than 100 bytes"):
        get_bundle("hf://user/tiny", tmp_path / "mine")


def test_no_right_to_write(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, hub: type[Hub]) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("401 Unauthorized")

    monkeypatch.setattr(hub, "pipe_file", refuse)
    with pytest.raises(OutputError, match=r"hf://user/tiny: can't be written: 401 Unauthorized; check"):
        push_bundle(load_bundle(tiny_bundle), "hf://user/tiny")


def test_what_is_not_a_url_or_not_a_hash(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load_bundle(tiny_bundle)
    with pytest.raises(UsageError, match="'models/mine' was given; allowed: a URL such as"):
        get_bundle("models/mine", tmp_path / "x")
    with pytest.raises(UsageError, match="'ABC' was given as SHA-256; allowed: 64"):
        get_bundle("hf://user/tiny", tmp_path / "x", sha256="ABC")
    for url in ("models/mine", "https://host/mine"):
        with pytest.raises(UsageError, match="allowed: a URL that can be written"):
            push_bundle(bundle, url)
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match="s3fs"):
        get_bundle("s3://bucket/mine", tmp_path / "x")
