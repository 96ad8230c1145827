"""The contents of a bundle: `bundle.toml` as frozen records, and networks as ONNX files.

The last line of `bundle.toml` is a checksum of the lines above, so that every change is noticed. ONNX files are opened
with their ports checked, and run with their output checked.
"""

from __future__ import annotations

import hashlib
import math
import re
import sys
from collections.abc import Mapping  # noqa: TC003  (read at run time to check types)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from emotone.config import check_name, from_mapping, to_mapping
from emotone.errors import BundleError, ConfigError, UsageError, unknown_name
from emotone.features.base import FEATURES
from emotone.features.windows import Windows  # noqa: TC001  (as above)
from emotone.types import Seconds  # noqa: TC001  (as above)

if TYPE_CHECKING:
    from emotone.features.base import Feature
    from emotone.types import Array

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


SCHEMA = "emotone.bundle/1"
MANIFEST, MODEL, CARD, LICENCE, TEST_VECTOR = "bundle.toml", "model.onnx", "CARD.md", "LICENSE", "test_vector.npz"
HEAD = "head.npz"  # optional: the classifier, where `model.onnx` returns embeddings
REQUIRED = (MODEL, CARD, LICENCE, TEST_VECTOR)
SEAL = b"# sha256 of the lines above: "
FIX = "copy the whole folder again, or export the model again"
_PLAIN_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Calibration:
    """Scores are divided by `temperature` before the softmax."""

    temperature: float = 1.0


@dataclass(frozen=True)
class TrainingData:
    """Corpora, protocol and recipe that a model was trained with."""

    corpora: tuple[str, ...]
    protocol: str
    recipe: str
    signature: str


@dataclass(frozen=True)
class AdaptationData:
    """Unlabelled recordings whose statistics an adapted model uses.

    Attributes:
        recordings: number of recordings with speech.
        seconds: of speech in them.
        model: name and version of the model that was adapted.

    """

    recordings: int
    seconds: Seconds
    model: str


@dataclass(frozen=True)
class BundleManifest:
    """Content of `bundle.toml`.

    Attributes:
        schema: `emotone.bundle/1`.
        name: lower-case letters, digits, dots, hyphens and underscores.
        version: of the model, not of emotone.
        description: one sentence.
        labels: canonical emotion names, in the order of the network's outputs.
        licence: SPDX identifier of the weights' licence.
        front_end: `name` of a feature and all of its settings.
        windows: how a recording is divided (see `Windows`).
        calibration: temperature of the softmax.
        training: training data.
        adaptation: recordings that the model was adapted to; None for a model as it was trained.
        tolerance: largest deviation from the test vector; None for the strict one of networks without quantisation.
        thresholds: per label, the probability below which a result is unsure; may be empty.
        files: SHA-256 of every other file of the folder, by name.

    """

    schema: str
    name: str
    version: str
    description: str
    labels: tuple[str, ...]
    licence: str
    front_end: Mapping[str, Any]
    windows: Windows
    calibration: Calibration
    training: TrainingData
    adaptation: AdaptationData | None = None
    tolerance: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_schema(self.schema)
        check_name(self.name)
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ConfigError(f"labels must be two or more different names; given {list(self.labels)}")
        if not 0 < self.calibration.temperature < math.inf:
            raise ConfigError(f"temperature must be above 0; given {self.calibration.temperature}")
        for label, threshold in self.thresholds.items():
            if label not in self.labels:
                raise unknown_name("label in thresholds", label, self.labels)
            if not 0 <= threshold <= 1:
                raise ConfigError(f"the threshold of {label} must be from 0 to 1; given {threshold}")

    def feature(self) -> Feature:
        """Return the front end with its settings."""
        settings = dict(self.front_end)
        name = settings.pop("name", None)
        if not isinstance(name, str):
            raise ConfigError(f"front_end: missing name; allowed: {', '.join(FEATURES.names)}")
        # Every front end is a frozen dataclass, which a Protocol can't say.
        built: Feature = from_mapping(FEATURES.get(name), settings, where="front_end")  # type: ignore[type-var]
        return built


def read_manifest(data: bytes, *, where: str) -> BundleManifest:
    """Return the manifest in the bytes of a `bundle.toml`, after checking its checksum, keys, types and values.

    Args:
        data: the whole file.
        where: name of the file in messages.

    Raises:
        BundleError: the file was modified, or does not describe a bundle.

    """
    body, mark, sealed = data.rpartition(SEAL)
    expected = hashlib.sha256(body).hexdigest()
    if not mark or sealed != expected.encode() + b"\n":
        raise BundleError(
            f"{where} was modified after it was written: its last line should be '{(SEAL.decode() + expected)}'; {FIX}"
        )
    return _parse(body, where=where)


def manifest_bytes(manifest: BundleManifest) -> bytes:
    """Return the bytes of `bundle.toml`, checksum included; equal manifests give equal bytes."""
    body = tomli_w.dumps(to_mapping(manifest)).encode()
    return body + SEAL + hashlib.sha256(body).hexdigest().encode() + b"\n"


def _parse(body: bytes, *, where: str) -> BundleManifest:
    try:
        tables = tomllib.loads(body.decode())
        _check_schema(tables.get("schema"))  # first: another schema has other keys
        manifest = from_mapping(BundleManifest, tables, where=where)
    except (UsageError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{where} does not describe a bundle: {error}") from error
    _check_files(manifest.files, where=where)
    return manifest


def _check_schema(schema: object) -> None:
    if schema != SCHEMA:
        raise ConfigError(f"schema is {schema!r}; this version of emotone reads {SCHEMA!r}")


def _check_files(files: Mapping[str, str], *, where: str) -> None:
    for name, digest in files.items():
        if not _PLAIN_FILE.fullmatch(name) or name == MANIFEST:
            raise BundleError(f"{where}: [files] may name only files of the bundle's own folder; given '{name}'")
        if not _HASH.fullmatch(digest):
            raise BundleError(f"{where}: [files] '{name}' needs a SHA-256, 64 lower-case hex digits; given '{digest}'")
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise BundleError(f"{where}: [files] lacks {', '.join(missing)}; required: {', '.join(REQUIRED)}")


INPUT, OUTPUT, EMBEDDING = "features", "logits", "embedding"
ONLY_FATAL = 4  # ONNX Runtime's log level; errors are raised


def open_session(model: bytes, *, where: str, threads: int, dimension: int, values: int, output: str = OUTPUT) -> Any:
    """Return an ONNX session for the bytes of a model.

    Args:
        model: one `features` input [batch, time, dimension] and one output [batch, values], float32.
        where: name of the model in messages.
        threads: for the operators; with one, workers do not compete for cores.
        dimension: values per row of the front end.
        output: name of the output: `logits` or `embedding`.
        values: of the output: labels, or values of an embedding.

    Raises:
        BundleError: the bytes are not a model, or it has other shapes.

    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ONLY_FATAL
    # Memory patterns are kept for every input shape, and recordings have any length: memory would grow with use. The
    # arena keeps the largest batch only; without it, activations of all sizes would fragment the process memory.
    options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except onnx_errors() as error:
        raise BundleError(f"{where} can't be opened by ONNX Runtime {onnxruntime.__version__}: {error}") from error
    _check_ports(session.get_inputs(), where=where, name=INPUT, shape=[None, None, dimension])
    _check_ports(session.get_outputs(), where=where, name=output, shape=[None, values])
    return session


def run_session(session: Any, features: Array, *, where: str, values: int, output: str = OUTPUT) -> Array:
    """Return the output [batch, values] float32 of features [batch, time, dimension].

    Raises:
        BundleError: the network fails on this shape, or its scores have another shape or are not finite.

    """
    try:
        (found,) = session.run([output], {INPUT: np.ascontiguousarray(features, np.float32)})
    except onnx_errors() as error:
        raise BundleError(f"{where} fails on features of shape {list(features.shape)}: {error}") from error
    if found.shape != (len(features), values):
        raise BundleError(f"{where} returns {output} of shape {list(found.shape)}; needed: {[len(features), values]}")
    if not np.isfinite(found).all():
        raise BundleError(f"{where} returns {output} that are not finite")
    result: Array = found
    return result


def _check_ports(ports: list[Any], *, where: str, name: str, shape: list[int | None]) -> None:
    """Refuse ports other than one float32 tensor called `name`; None in `shape` allows any size."""
    wanted = f"'{name}' float32 [{', '.join('any' if size is None else str(size) for size in shape)}]"
    given = ", ".join(f"'{port.name}' {port.type} {port.shape}" for port in ports)
    fits = len(ports) == 1 and ports[0].name == name and ports[0].type == "tensor(float)"
    sizes = ports[0].shape if fits else []
    if not fits or len(sizes) != len(shape):
        raise BundleError(f"{where} must have exactly {wanted}; it has {given}")
    for size, expected in zip(sizes, shape, strict=True):
        # A dynamic dimension has a name, or None; batch and time must be dynamic.
        if isinstance(size, int) and size != expected:
            raise BundleError(f"{where} must have exactly {wanted}; it has {given}")


def onnx_errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoModel,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
        state.EPFail,
    )
