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

from emotone.bundles import contents as layout
from emotone.bundles.contents import EMBEDDING, FIX, MANIFEST, OUTPUT, AdaptationData, BundleManifest
from emotone.bundles.head import head_bytes, read_head, softmax
from emotone.errors import BundleError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emotone.bundles.head import EmbeddingHead
    from emotone.features.base import Feature
    from emotone.types import Array

SHARED = Path(__file__).resolve().parent.parent / "models" / "shared"
"""Files that several shipped bundles have in common, named by their SHA-256."""
ADAPTATION_HEADING = "\n## Adaptation\n\n"
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
    _unwritten: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotion names in the order of the probabilities."""
        return self.manifest.labels

    @property
    def is_in_memory(self) -> bool:
        """Whether the bundle was adapted and not written yet, so that its folder is that of the unadapted model."""
        return bool(self._unwritten)

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
        return layout.open_session(
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

    def probabilities_of(self, outputs: Array, *, head: EmbeddingHead | None = None) -> NDArray[np.float64]:
        """Return the probabilities [batch, labels] of the network's `outputs`, by the bundle's head or another one."""
        used = self.head if head is None else head
        temperature = self.manifest.calibration.temperature
        if used is not None:
            return used.probabilities(outputs, temperature=temperature)
        return softmax(outputs.astype(np.float64) / temperature)

    def outputs(self, features: Array) -> Array:
        """Return the network's outputs for features [batch, time, dimension].

        They are embeddings [batch, values] if the bundle has a head, and logits [batch, labels] otherwise.

        Raises:
            BundleError: the network fails, or its output has another shape.

        """
        output = OUTPUT if self.head is None else EMBEDDING
        values = len(self.labels) if self.head is None else self.head.values
        where = str(self.directory / layout.MODEL)
        return layout.run_session(self._session, features, where=where, output=output, values=values)

    def warm(self) -> None:
        """Open the network now, so that a broken one is reported before the first recording.

        Raises:
            BundleError: the network can't be opened, or its shapes do not fit the labels and the front end.

        """
        _ = self._session

    def model_bytes(self) -> bytes:
        """Return the ONNX file of the network."""
        return self._model

    def test_signal(self) -> Array:
        """Return the signal [time] of the test vector; raise `BundleError` if it can't be read."""
        return _read_test_vector(self._test_vector, where=self.directory / layout.TEST_VECTOR, labels=len(self.labels))[
            0
        ]

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

    def write_adapted(self, directory: Path) -> Bundle:
        """Write this adapted bundle into a folder of its own, and return it loaded from there.

        Raises:
            UsageError: the bundle is not adapted (see `with_adaptation`), or the folder is that of the model.
            OutputError: the folder contains other files, or can't be written.

        """
        if not self._unwritten:
            raise UsageError(f"model {self.manifest.name} is not adapted")
        if directory.resolve() == self.directory.resolve():
            raise UsageError(f"{directory} contains the model that was adapted; choose another folder")
        return write_files(directory, self._unwritten)

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of every file by its name; raise `BundleError` for one that was modified by now."""
        if self._unwritten:
            return dict(self._unwritten)
        files = self.manifest.files.items()
        found = {name: _checked(_located(self.directory, name, digest), digest) for name, digest in files}
        return {**found, MANIFEST: _read(self.directory / MANIFEST)}


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
    """Return the bundle with an adapted head. It is in memory only until `Bundle.write_adapted` writes it.

    Raises:
        BundleError: the card or the licence of the model is missing or was modified.

    """
    texts = {
        name: _checked(_located(bundle.directory, name, digest), digest).decode()
        for name, digest in bundle.manifest.files.items()
        if name in {layout.CARD, layout.LICENCE}
    }
    card = texts[layout.CARD].split(ADAPTATION_HEADING)[0].rstrip()
    signal = bundle.test_signal()
    adapted = dataclasses.replace(
        bundle, manifest=dataclasses.replace(bundle.manifest, adaptation=adaptation), head=head
    )
    outputs = bundle.outputs(bundle.feature.compute(signal)[None])
    contents = _contents(
        adapted.manifest,
        {
            layout.MODEL: bundle.model_bytes(),
            layout.HEAD: head_bytes(head),
            layout.CARD: f"{card}\n{ADAPTATION_HEADING}{_about(adaptation)}".encode(),
            layout.LICENCE: texts[layout.LICENCE].encode(),
            layout.TEST_VECTOR: _test_vector_bytes(signal, adapted.probabilities_of(outputs)[0]),
        },
    )
    digest = hashlib.sha256(contents[MANIFEST]).hexdigest()
    manifest = layout.read_manifest(contents[MANIFEST], where=MANIFEST)
    return dataclasses.replace(
        adapted, manifest=manifest, sha256=digest, _test_vector=contents[layout.TEST_VECTOR], _unwritten=contents
    )


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
    contents = {
        layout.MODEL: model,
        layout.CARD: card.encode(),
        layout.LICENCE: licence.encode(),
        layout.TEST_VECTOR: _test_vector_bytes(signal, probabilities),
        **({} if head is None else {layout.HEAD: head_bytes(head)}),
        **(extra or {}),
    }
    return write_files(directory, _contents(manifest, contents))


def _contents(manifest: BundleManifest, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return all files of a bundle: the given ones, and the manifest with their hashes."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return {**files, MANIFEST: layout.manifest_bytes(dataclasses.replace(manifest, files=hashes))}


def write_files(directory: Path, contents: Mapping[str, bytes]) -> Bundle:
    """Write the files of a bundle, check them, and return the bundle; the folder then has all of them or is unchanged.

    Raises:
        BundleError: they are not a bundle, or do not reproduce its test vector.
        OutputError: the folder contains other files, or can't be written.

    """
    if directory.exists() and not (directory / MANIFEST).exists() and any(directory.iterdir()):
        raise OutputError(f"{directory} contains other files than a bundle; choose a new or an empty folder")
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


def _about(adaptation: AdaptationData) -> str:
    return (
        f"The model is adapted to {adaptation.recordings} unlabelled recordings ({adaptation.seconds:.0f} s of "
        "speech). The evaluation above is that of the model before it was adapted.\n"
    )


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
