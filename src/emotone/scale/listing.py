"""The recordings of a bulk run: folders, patterns, lists, Parquet manifests and URLs.

* `calls/`, `"calls/**/*.flac"` and `a.wav` as for `emotone predict`;
* `calls.txt`: a list, with one path or URL per line; empty lines and lines that begin with # are skipped;
* `calls.parquet`: a manifest with the column `path`, and optionally `id`;
* `s3://bucket/calls`, `gs://bucket/**/*.wav`, `https://host/a.wav`: URLs. Those of folders are listed, except http.

Relative paths in a list or manifest start at its folder.
"""

from __future__ import annotations

import glob
import os
import posixpath
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from emotone.errors import ConfigError, EmotoneError, UsageError, missing_extra
from emotone.files import filesystem, is_url, one_line
from emotone.inference.inputs import AUDIO_SUFFIXES, STANDARD_INPUT, RecordingPath, collect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.result import Failure

LIST, MANIFEST = ".txt", ".parquet"
PATH, ID = "path", "id"  # columns of a manifest
ROWS = 8192  # of a manifest that are read at a time


@dataclass(frozen=True, slots=True)
class Item:
    """One recording.

    Attributes:
        path: a file, or a URL.
        id: how results name it.
        group: of recordings that the model is adapted to together; "" if it is not adapted.

    """

    path: str
    id: str
    group: str = ""


def list_items(arguments: Sequence[str], *, group: str = "") -> Iterator[Item | Failure]:
    """Yield the recordings that arguments name, in their order; folders that can't be read are failures.

    Args:
        arguments: see above.
        group: column of the manifests that names the group of each recording; all arguments are then manifests.

    Raises:
        UsageError: an argument does not exist, names no recordings, or can't be listed (no right to, for example); or
            several recordings have one id.
        ConfigError: a manifest is not Parquet, or its columns are wrong.
        MissingExtraError: a URL or manifest needs a package that is not installed.

    """
    paths: dict[str, str] = {}  # by id
    for argument in arguments:
        strict = argument.lower().endswith(MANIFEST)
        if group and not strict:
            raise UsageError(
                f"{argument}: only manifests have columns, and --adapt-by {group} needs one; give a file {MANIFEST} "
                f"with the columns {PATH} and {group}"
            )
        for item in _manifest(argument, group=group) if strict else _items(argument):
            if isinstance(item, Item) and item.id in paths:
                if strict or paths[item.id] != item.path:
                    raise UsageError(
                        f"{argument}: the id '{item.id}' is given twice, the second time for {item.path}; ids name "
                        "results, so that each may be given once"
                    )
                continue  # a recording that is named twice is processed once
            if isinstance(item, Item):
                paths[item.id] = item.path
            yield item


def _items(argument: str) -> Iterator[Item | Failure]:
    if argument == STANDARD_INPUT:
        raise UsageError("- reads standard input, which several processes can't share; pass files, folders or URLs")
    if argument.lower().endswith(LIST):
        yield from _list(argument)
    elif is_url(argument) and not argument.startswith("file://"):
        yield from _objects(argument)
    else:
        yield from _local(argument.removeprefix("file://"))


def _local(argument: str) -> Iterator[Item | Failure]:
    for found in collect([argument]).items:
        if isinstance(found, RecordingPath):
            yield Item(os.path.abspath(found.path), found.path)  # noqa: PTH100 - keeps links; workers have other folders
        elif found.code == "missing_file":
            raise UsageError(found.message)
        else:
            yield found


def _objects(url: str) -> Iterator[Item]:
    """Yield the recordings at a URL: an object, those below a prefix by their suffixes, or those of a pattern."""
    if url.startswith(("http://", "https://")):  # not listed: the answer of a server to the name of a folder is a page
        yield Item(url, url)
        return
    files, where = filesystem(url)
    try:
        if glob.has_magic(where):
            names = files.glob(where)
        elif files.isfile(where):
            names = [where]
        else:
            names = [name for name in files.find(where) if posixpath.splitext(name)[1].lower() in AUDIO_SUFFIXES]
    except Exception as error:  # every protocol has exceptions of its own
        raise UsageError(f"{url}: can't be listed: {one_line(error)}; check its name and your rights") from error
    if not names:
        raise UsageError(f"{url}: no recordings there; allowed: an object, a prefix with recordings, or a pattern")
    for name in sorted(names):
        address = files.unstrip_protocol(name)
        yield Item(address, address)


def _list(argument: str) -> Iterator[Item]:
    found = False
    with _opened(argument) as stream:
        for line in stream:
            name = line.decode(errors="surrogateescape").strip()
            if name and not name.startswith("#"):
                found = True
                yield Item(_beside(argument, name), name)
    if not found:
        raise UsageError(f"{argument}: contains no paths; a list has one path or URL per line")


def _manifest(argument: str, *, group: str) -> Iterator[Item]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise missing_extra("pyarrow", "parquet", f"reading {argument}") from None
    with _opened(argument) as stream:
        try:
            table = parquet.ParquetFile(stream)
        except pa.ArrowException as error:
            raise ConfigError(f"{argument}: can't be read as Parquet: {one_line(error)}") from error
        names = table.schema_arrow.names
        required = (PATH, group) if group else (PATH,)
        if not set(required) <= set(names):
            raise ConfigError(
                f"{argument}: has the columns {', '.join(names) or 'none'}; required: {', '.join(required)}; optional: "
                f"{ID}"
            )
        row = 0
        for batch in table.iter_batches(ROWS, columns=[*dict.fromkeys((*required, *({ID} & set(names))))]):
            values = batch.to_pydict()
            groups = values[group] if group else [""] * batch.num_rows
            for path, given, of_group in zip(values[PATH], values.get(ID, values[PATH]), groups, strict=True):
                item = _manifest_item(argument, row, path, given)
                if group and of_group is None:
                    raise ConfigError(f"{argument}: row {row}: {group} is missing; every recording needs a group")
                yield replace(item, group=str(of_group))
                row += 1
        if row == 0:
            raise UsageError(f"{argument}: contains no rows")


def _manifest_item(argument: str, row: int, path: Any, given: Any) -> Item:
    for name, value in ((PATH, path), (ID, given)):
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{argument}: row {row}: {name} is {value!r}; expected a text that is not empty")
    return Item(_beside(argument, path), given)


def _opened(argument: str) -> IO[bytes]:
    """Return a list or manifest, opened."""
    try:
        if is_url(argument):
            files, where = filesystem(argument)
            opened: IO[bytes] = files.open(where, "rb")
            return opened
        return Path(argument).open("rb")
    except EmotoneError:
        raise
    except Exception as error:  # every protocol has exceptions of its own
        raise UsageError(f"{argument}: can't be read: {one_line(error)}") from error


def _beside(argument: str, path: str) -> str:
    """Return the absolute path or URL of a recording that a list or manifest names."""
    if is_url(path):
        return path
    if is_url(argument):
        return posixpath.join(posixpath.dirname(argument), path)
    return os.path.abspath(Path(argument).parent / path)  # noqa: PTH100 - keeps links
