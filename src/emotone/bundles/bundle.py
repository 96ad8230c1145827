"""A model on disk: load it with every hash checked, run it, check its test vector, and write it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from emotone.bundles import manifest as layout
from emotone.bundles.head import head_bytes, read_head
from emotone.bundles.manifest import FIX, MANIFEST, AdaptationData, BundleManifest
from emotone.errors import BundleError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emotone.bundles.head import EmbeddingHead
    from emotone.features.base import Feature
    from emotone.types import Array

INPUT, OUTPUT, EMBEDDING = "features", "logits", "embedding"
SHARED = Path(__file__).resolve().parent.parent / "models" / "shared"
"""Files that several shipped bundles have in common, named by their SHA-256."""
ONLY_FATAL = 4  # ONNX Runtime's log level; errors are raised
TOLERANCE = 1e-4  # processors round sums differently; a wrong model deviates far more


@dataclass(frozen=True, eq=False)
class Bundle:
    """A front end, a network, labels and calibration. Built by `load_bundle`.

    Attributes:
        directory: its folder.
        manifest: content of `bundle.toml`.
        sha256: of `bundle.toml`, which contains the SHA-256 of every other file: equal hash, equal model.
        feature: the front end with its settings.
        threads: of the network, per process.
        head: the classifier of a model whose network returns embeddings; None where the network returns logits.

    """

    directory: Path
    manifest: BundleManifest
    sha256: str
    feature: Feature
    threads: int
    head: EmbeddingHead | None = field(repr=False)
    _model: bytes = field(repr=False)
    _test_vector: bytes = field(repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotion names in the order of the probabilities."""
        return self.manifest.labels

    @property
    def window_frames(self) -> int:
        """Number of feature rows in a window."""
        return self.manifest.windows.frames(self.feature)[0]

    @property
    def hop_frames(self) -> int:
        """Number of feature rows between the starts of two windows."""
        return self.manifest.windows.frames(self.feature)[1]

    @cached_property
    def _session(self) -> Any:
        return open_session(
            self._model,
            where=str(self.directory / layout.MODEL),
            threads=self.threads,
            dimension=self.feature.dimension,
            output=OUTPUT if self.head is None else EMBEDDING,
            values=len(self.labels) if self.head is None else self.head.values,
        )

    def probabilities(self, features: Array) -> NDArray[np.float64]:
        """Return the probabilities [batch, labels] of features [batch, time, dimension]; each row sums to 1.

        Raises:
            BundleError: the network fails, or its output is not one score per label.

        """
        return self.probabilities_of(self.outputs(features))

    def probabilities_of(self, outputs: Array) -> NDArray[np.float64]:
        """Return the probabilities [batch, labels] of outputs of the network (see `outputs`)."""
        logits = outputs.astype(np.float64) if self.head is None else self.head.logits(outputs)
        scores = logits / self.manifest.calibration.temperature
        scores -= scores.max(axis=1, keepdims=True)
        powers = np.exp(scores)
        result: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return result

    def outputs(self, features: Array) -> Array:
        """Return the network's outputs for features [batch, time, dimension].

        They are embeddings [batch, values] if the bundle has a head, and logits [batch, labels] otherwise.

        Raises:
            BundleError: the network fails, or its output has another shape.

        """
        output = OUTPUT if self.head is None else EMBEDDING
        values = len(self.labels) if self.head is None else self.head.values
        where = str(self.directory / layout.MODEL)
        return run_session(self._session, features, where=where, output=output, values=values)

    def warm(self) -> None:
        """Open the network now, so that a broken one is reported before the first recording.

        Raises:
            BundleError: the network can't be opened, or its shapes do not fit the labels and the front end.

        """
        _ = self._session

    def check(self) -> float:
        """Return the largest deviation from the probabilities of the test vector, processed as one window.

        Raises:
            BundleError: it is above `TOLERANCE`, or the test vector can't be read.

        """
        where = self.directory / layout.TEST_VECTOR
        signal, expected = _read_test_vector(self._test_vector, where=where, labels=len(self.labels))
        given = self.probabilities(self.feature.compute(signal)[None])[0]
        deviation = float(np.max(np.abs(given - expected)))
        tolerance = TOLERANCE if self.manifest.tolerance is None else self.manifest.tolerance
        if not deviation <= tolerance:
            raise BundleError(
                f"{self.directory} does not reproduce the probabilities of its test vector: the largest deviation is "
                f"{deviation:.2g}, the tolerance is {tolerance:g}; update onnxruntime, or {FIX}"
            )
        return deviation


def load_bundle(directory: Path, *, threads: int = 1) -> Bundle:
    """Return the bundle in a folder; the hash of every file is checked at every load.

    Args:
        directory: contains `bundle.toml`, `model.onnx`, `CARD.md`, `LICENSE` and `test_vector.npz`.
        threads: of the network.

    Raises:
        BundleError: a file is missing, was modified, or has another schema.

    Example:
        >>> load_bundle(Path("nowhere"))
        Traceback (most recent call last):
            ...
        emotone.errors.BundleError: nowhere is not the folder of a model: no such folder

    """
    if not directory.is_dir():
        raise BundleError(f"{directory} is not the folder of a model: no such folder")
    where = directory / MANIFEST
    if not where.exists():
        raise BundleError(f"{directory} is not the folder of a model: it contains no {MANIFEST}")
    data = _read(where)
    manifest = layout.read_manifest(data, where=str(where))
    contents = {name: _checked(_located(directory, name, digest), digest) for name, digest in manifest.files.items()}
    head = None
    if layout.HEAD in contents:
        head = read_head(contents[layout.HEAD], where=str(directory / layout.HEAD), labels=len(manifest.labels))
    try:
        feature = manifest.feature()
    except UsageError as error:
        raise BundleError(f"{where} does not describe a bundle: {error}") from error
    return Bundle(
        directory=directory,
        manifest=manifest,
        sha256=hashlib.sha256(data).hexdigest(),
        feature=feature,
        threads=threads,
        head=head,
        _model=contents[layout.MODEL],
        _test_vector=contents[layout.TEST_VECTOR],
    )


def with_adaptation(bundle: Bundle, head: EmbeddingHead, adaptation: AdaptationData) -> Bundle:
    """Return the bundle with an adapted head; it has no folder of its own until `write_adapted` writes one."""
    manifest = dataclasses.replace(bundle.manifest, adaptation=adaptation)
    digest = hashlib.sha256(bundle.sha256.encode() + head_bytes(head)).hexdigest()
    return dataclasses.replace(bundle, manifest=manifest, head=head, sha256=digest)


def write_bundle(
    directory: Path,
    manifest: BundleManifest,
    *,
    model: bytes,
    card: str,
    licence: str,
    signal: Array,
    probabilities: NDArray[np.floating[Any]],
    head: EmbeddingHead | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> Bundle:
    """Write a bundle and return it loaded; on failure the folder is unchanged.

    Equal content gives equal bytes. An existing bundle is overwritten.

    Args:
        directory: the bundle's folder.
        manifest: its `files` are computed here.
        model: an ONNX file: `features` [batch, time, dimension] to `logits` [batch, labels], or to `embedding`
            [batch, values] if there is a head.
        card: text of `CARD.md`.
        licence: text of `LICENSE`.
        signal: the test vector's signal [time] at the front end's rate, processed as one window.
        probabilities: its expected output [labels], computed by the framework that trained the model.
        head: classifier of embeddings.
        extra: further files by name, for fine-tuning; prediction needs none of them.

    Raises:
        OutputError: the folder contains other files, or can't be written.
        BundleError: the written bundle does not load, or fails its test vector.

    """
    if directory.exists() and not (directory / MANIFEST).exists() and any(directory.iterdir()):
        raise OutputError(f"{directory} contains other files than a bundle; choose a new or an empty folder")
    contents = {
        layout.MODEL: model,
        layout.CARD: card.encode(),
        layout.LICENCE: licence.encode(),
        layout.TEST_VECTOR: _test_vector_bytes(signal, probabilities),
        **({} if head is None else {layout.HEAD: head_bytes(head)}),
        **(extra or {}),
    }
    files = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    contents[MANIFEST] = layout.manifest_bytes(dataclasses.replace(manifest, files=files))
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    except OSError as error:
        raise OutputError(f"can't write {directory}: {error.strerror or error}") from error
    try:
        fresh = temporary / "new"
        fresh.mkdir()
        for name, data in contents.items():
            (fresh / name).write_bytes(data)
        load_bundle(fresh).check()
        if directory.exists():
            directory.replace(temporary / "old")
        fresh.replace(directory)
    except OSError as error:
        raise OutputError(f"can't write {directory}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return load_bundle(directory)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror or error}; {FIX}") from error


def _located(directory: Path, name: str, digest: str) -> Path:
    """Return the path of a bundle's file: in its folder, or among the files that shipped bundles share."""
    path = directory / name
    shared = SHARED / f"{digest}{path.suffix}"
    return shared if not os.path.lexists(path) and shared.exists() else path


def _checked(path: Path, expected: str) -> bytes:
    """Return the bytes of a file whose SHA-256 is `expected`."""
    if not os.path.lexists(path):
        raise BundleError(f"{path} is missing; {FIX}")
    data = _read(path)
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise BundleError(
            f"{path} was modified after it was written: its SHA-256 should be {expected} and is {found}; {FIX}"
        )
    return data


def _test_vector_bytes(signal: Array, probabilities: NDArray[np.floating[Any]]) -> bytes:
    buffer = io.BytesIO()
    # NumPy writes the date 1980 for every member, so that equal arrays give equal bytes.
    np.savez_compressed(buffer, signal=signal.astype(np.float32), probabilities=probabilities.astype(np.float64))
    return buffer.getvalue()


def _read_test_vector(data: bytes, *, where: Path, labels: int) -> tuple[Array, NDArray[np.float64]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            signal, probabilities = arrays["signal"], arrays["probabilities"]
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise BundleError(f"{where} can't be read as arrays `signal` and `probabilities`: {error}") from error
    if signal.ndim != 1 or signal.dtype != np.float32 or signal.size == 0 or probabilities.shape != (labels,):
        raise BundleError(
            f"{where} needs `signal` [time] float32 and `probabilities` [{labels}]; "
            f"given {list(signal.shape)} {signal.dtype} and {list(probabilities.shape)}"
        )
    return signal, probabilities.astype(np.float64)


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
    except _onnx_errors() as error:
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
    except _onnx_errors() as error:
        raise BundleError(f"{where} fails on features of shape {list(features.shape)}: {error}") from error
    if found.shape != (len(features), values):
        raise BundleError(f"{where} returns {output} of shape {list(found.shape)}; needed: {[len(features), values]}")
    if not np.isfinite(found).all():
        raise BundleError(f"{where} returns {output} that are not finite")
    result: Array = found
    return result


def _check_ports(ports: list[Any], *, where: str, name: str, shape: list[int | None]) -> None:
    """Refuse ports other than one float32 tensor called `name`; None in `shape` stands for an open dimension."""
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


def _onnx_errors() -> tuple[type[Exception], ...]:
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
