"""Bundles by name and by URL: shipped models, folders, web servers, object stores, and the Hugging Face Hub.

A bundle is the folder that `bundle.toml` is in, wherever it is. Its files are checked against the SHA-256 values in
`bundle.toml`, and that file against the SHA-256 of the model, which identifies all of it.

Web servers are read with the standard library; `hf://USER/REPOSITORY` needs the extra `hub`, and other protocols need
the extra `bulk` and their own packages.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.bundles.bundle import load_bundle, write_files
from emotone.bundles.contents import MANIFEST, read_manifest
from emotone.errors import BundleError, OutputError, UsageError, unknown_name
from emotone.files import filesystem, is_url, one_line

if TYPE_CHECKING:
    from emotone.bundles.bundle import Bundle

SHIPPED = Path(__file__).resolve().parent.parent / "models"

LIMIT_BYTES = 1 << 30  # of one file: a server must not fill the memory
SECONDS = 60.0  # without an answer of a web server


def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped models, sorted."""
    return tuple(sorted(found.parent.name for found in SHIPPED.glob(f"*/{MANIFEST}")))


def load(name: str | Path, *, threads: int = 1) -> Bundle:
    """Return a shipped model by its name, or the bundle in a folder.

    Args:
        name: a name takes precedence over a folder of the same name, which can be given as `./name`.
        threads: of the network.

    Raises:
        UnknownNameError: neither a shipped model nor a folder.
        BundleError: the folder is not an intact bundle.

    """
    names = shipped_names()
    if name in names:
        return load_bundle(SHIPPED / str(name), threads=threads)
    folder = Path(name)
    if isinstance(name, str) and not folder.is_dir() and folder.name == name:
        raise unknown_name("model", name, names)
    return load_bundle(folder, threads=threads)


def get_bundle(url: str, directory: Path, *, sha256: str | None = None) -> Bundle:
    """Copy a bundle from a URL into a folder, check every byte and its test vector, and return it.

    Args:
        url: of the folder that contains `bundle.toml`, or of that file.
        directory: is replaced if it contains a bundle.
        sha256: of the model, as `emotone models show` prints it; None accepts any model.

    Raises:
        UsageError: not a URL, an unknown protocol, or a `sha256` that is none.
        BundleError: nothing is there, it can't be read, it is another model, or a file is damaged.
        OutputError: the folder can't be written, or contains something else.
        MissingExtraError: the protocol needs a package that is not installed.

    """
    if not is_url(url):
        raise UsageError(f"'{url}' was given; allowed: a URL such as https://host/model or hf://user/model")
    if sha256 is not None and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise UsageError(f"'{sha256}' was given as SHA-256; allowed: 64 lower-case hexadecimal digits")
    base = url.removesuffix(MANIFEST).rstrip("/")
    data = _read(f"{base}/{MANIFEST}")
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise BundleError(
            f"{base} contains another model than the expected one: its SHA-256 should be {sha256} and is {found}"
        )
    manifest = read_manifest(data, where=f"{base}/{MANIFEST}")
    contents = {MANIFEST: data}
    for name, expected in manifest.files.items():
        contents[name] = _read(f"{base}/{name}")
        digest = hashlib.sha256(contents[name]).hexdigest()
        if digest != expected:
            raise BundleError(f"{base}/{name} is damaged: its SHA-256 should be {expected} and is {digest}; try again")
    return write_files(directory, contents)


def push_bundle(bundle: Bundle, url: str) -> str:
    """Copy a bundle to a URL and return the URL; `bundle.toml` is written last, so that no half of it can be loaded.

    Args:
        bundle: a bundle of files.
        url: of the folder, e.g. `s3://bucket/models/mine` or `hf://user/mine`.

    Raises:
        UsageError: not a URL, or one that can't be written (http).
        OutputError: it can't be written: no right to, no connection, or another model is there.
        MissingExtraError: the protocol needs a package that is not installed.

    """
    if not is_url(url) or url.startswith(("http://", "https://")):
        raise UsageError(
            f"'{url}' was given; allowed: a URL that can be written, such as s3://bucket/mine or hf://user/mine"
        )
    files, root = filesystem(url.rstrip("/"))
    own = bundle.contents()
    try:
        other = files.exists(f"{root}/{MANIFEST}") and files.cat_file(f"{root}/{MANIFEST}") != own[MANIFEST]
        if not other:
            files.makedirs(root, exist_ok=True)
            for name in sorted(own, key=lambda name: name == MANIFEST):
                files.pipe_file(f"{root}/{name}", own[name])
    except Exception as error:  # every protocol has exceptions of its own
        raise OutputError(f"{url}: can't be written: {one_line(error)}; check its name and your rights") from error
    if other:
        raise OutputError(f"{url} contains another model; choose another name, with its version for example")
    return url.rstrip("/")


def _read(url: str) -> bytes:
    """Return the bytes at a URL."""
    try:
        if url.startswith(("http://", "https://")):
            import urllib.request  # it takes long to import, and models are loaded by name

            with urllib.request.urlopen(url, timeout=SECONDS) as stream:  # noqa: S310 - the protocol was checked
                data: bytes = stream.read(LIMIT_BYTES + 1)
        else:
            files, where = filesystem(url)
            with files.open(where, "rb") as stream:
                data = stream.read(LIMIT_BYTES + 1)
    except UsageError:
        raise
    except FileNotFoundError as error:
        raise BundleError(f"{url}: nothing is stored there; a model's folder contains {MANIFEST}") from error
    except Exception as error:  # every protocol has exceptions of its own
        raise BundleError(f"{url}: can't be read: {one_line(error)}; check its name and your rights") from error
    if len(data) > LIMIT_BYTES:
        raise BundleError(f"{url}: contains more than {LIMIT_BYTES:,} bytes, the maximum of a file")
    return data
