"""Locate the weights that a transfer starts from, in files, runs, bundles and sources; hash and read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.bundles.bundle import load_bundle
from emotone.bundles.contents import MANIFEST
from emotone.bundles.library import SHIPPED as MODELS
from emotone.bundles.library import shipped_names
from emotone.errors import SourceError, UsageError, unknown_name
from emotone.files import sha256_file
from emotone.fitting.training_run import WEIGHTS, is_run, load_run
from emotone.recipes.library import source_recipes
from emotone.transfer.locate import converted_path
from emotone.transfer.source import SOURCES, read_any
from emotone.transfer.weights import SUFFIX, SourceWeights, read_tensors, read_weights

if TYPE_CHECKING:
    from emotone.fitting.training_run import TrainingRun

SHIPPED = Path(__file__).resolve().parent.parent / "sources"


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """A file of weights that was found, hashed and read.

    Attributes:
        path: where it is.
        source: name of the weights.
        sha256: of the file.
        labels: of the scores, in their order, if the weights are those of a whole model; otherwise ().
        run: the training that they are from, if the file is in its folder or in the folder of its bundle.

    """

    path: Path
    source: str
    sha256: str
    labels: tuple[str, ...] = ()
    run: TrainingRun | None = None

    def read(self) -> SourceWeights:
        """Return the weights.

        Raises:
            SourceError: the file can't be read, or was modified since it was found.

        """
        found = _sha256(self.path)
        if found != self.sha256:
            raise SourceError(f"{self.path} has SHA-256 {found}; expected {self.sha256}")
        return replace(_read(self.path, self.run), sha256=found)


def find_weights(source: str, *, sha256: str = "") -> WeightsFile:
    """Return the weights that a transfer's source means, after reading them.

    Args:
        source: a file, a folder or a name; see `Transfer`.
        sha256: that the file must have; "" accepts any.

    Raises:
        UsageError: the source is empty.
        UnknownNameError: a name that is neither a file nor a known source.
        SourceError: the file can't be read, or has another SHA-256.
        BundleError: the file is in the folder of a bundle that was modified.

    """
    path = locate(source)
    found = _sha256(path)
    if sha256 not in {"", found}:
        raise SourceError(f"{path} has SHA-256 {found}; the recipe requires {sha256}")
    run = training_of(path)
    weights = _read(path, run)
    return WeightsFile(path, weights.source, found, weights.labels, run)


def locate(source: str) -> Path:
    """Return the file that a transfer's source means; it may not exist.

    Raises:
        UsageError: the source is empty.
        UnknownNameError: a name that is neither a file nor a known source.
        SourceError: a bundle without weights, or a source whose weights are not on this machine.

    """
    if not source:
        raise UsageError("the recipe loads weights: name their source with --from FILE or transfer.source")
    path = Path(source)
    if path.is_dir():
        if (path / MANIFEST).exists() and not (path / WEIGHTS).exists():
            raise SourceError(
                f"{path} is a model for prediction only, without weights for training; give the folder of its "
                "training, or export it again from there: emotone models export RUN --out DIR"
            )
        return path / WEIGHTS
    if path.exists() or path.suffix or path.name != source:
        return path
    if source in shipped_names():
        return locate(str(MODELS / source))
    shipped = shipped_weights()
    if source in shipped:
        return shipped[source]
    recipes = source_recipes()
    if source not in (*SOURCES.names, *recipes):
        raise unknown_name("source file, folder or source", source, (*shipped, *SOURCES.names, *recipes))
    converted = converted_path(source)
    if not converted.exists():
        missing = f"the weights of {source} are not on this machine ({converted} does not exist)"
        if source in SOURCES.names:
            raise SourceError(f"{missing}; run: emotone sources get {source}")
        raise SourceError(
            f"{missing}; train them and copy them there: emotone sources train {recipes[source]} --sound NAME=DIR"
        )
    return converted


def shipped_weights() -> dict[str, Path]:
    """Return the shipped source weights by name; next to each is a card of the same name."""
    return {found.stem: found for found in sorted(SHIPPED.glob(f"*{SUFFIX}"))}


def training_of(path: Path) -> TrainingRun | None:
    """Return the training that a file of weights is from, if it is in its run's folder or in that of its bundle.

    Raises:
        BundleError: the bundle was modified.

    """
    if path.name != WEIGHTS or not is_run(path.parent):
        return None
    if (path.parent / MANIFEST).exists():
        load_bundle(path.parent)  # checks the hash of every file
    return load_run(path.parent)


def _read(path: Path, run: TrainingRun | None) -> SourceWeights:
    """Return the weights in a file: of a run, of a source that emotone wrote, or as their owners publish them."""
    if path.suffix.lower() != SUFFIX:
        return read_any(path)
    if run is None:
        return read_weights(path)
    return SourceWeights(run.recipe.name, read_tensors(path), licence=run.recipe.licence, labels=run.labels)


def _sha256(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error
