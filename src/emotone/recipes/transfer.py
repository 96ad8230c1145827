"""The transfer of a recipe: which weights a net takes over before it is trained, and which of them stay as they are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from emotone.bundles.bundle import load_bundle
from emotone.bundles.manifest import MANIFEST
from emotone.bundles.shipped import SHIPPED as MODELS
from emotone.bundles.shipped import shipped_names
from emotone.config import LATER, check_ranges
from emotone.errors import ConfigError, SourceError, UsageError, unknown_name
from emotone.files import sha256_file
from emotone.transfer.plan import Plan
from emotone.transfer.plans import plan, speaks_of_groups
from emotone.transfer.source import read_any
from emotone.transfer.weights import SUFFIX, SourceWeights, read_tensors, read_weights

if TYPE_CHECKING:
    from emotone.fitting.training_run import TrainingRun
    from emotone.nets.base import Layer, NetSpec
    from emotone.transfer.plans import Stages

SHIPPED = Path(__file__).resolve().parent.parent / "sources"
IN_FOLDER = f"weights{SUFFIX}"  # what `emotone sources train` calls its weights
Hearing: TypeAlias = Literal["", "statistics", "pseudo-labels"]


@dataclass(frozen=True)
class Transfer:
    """Weights, and what is done with them: a named plan, or patterns of layers.

    Attributes:
        source: a file of weights (.safetensors as emotone writes it, or a network's as published or ported), the folder
            of a training, of a model that holds its weights, or of a source that was trained here, or the name of a
            source or model that comes with emotone. In a recipe's file, relative paths start at its folder. "" has to
            be filled in before anything is trained.
        plan: name of a plan (see `emotone.transfer.plans`).
        load: instead of a plan, patterns of the layers that are taken over (see `emotone.transfer.select`).
        freeze: with `load`, patterns of those among them that don't learn.
        sha256: of the file; where it is given, no other file will do. Runs keep it.
        unlabelled: "statistics" or "pseudo-labels" hears the clips of the training part without their labels (see
            `emotone.fitting.adaptation`); "" learns from labels.
        surest: share of the clips judged as each label that teach it, the surest first.
        confidence: least probability at which a clip's pseudo-label is believed.

    Raises:
        ConfigError: neither a plan nor layers, or both; or a plan that does not go with clips without labels.

    """

    source: str = ""
    plan: str = ""
    load: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    sha256: str = ""
    unlabelled: Hearing = field(default="", metadata=LATER)
    surest: float = field(default=0.5, metadata=LATER)
    confidence: float = field(default=0.0, metadata=LATER)

    def __post_init__(self) -> None:
        check_ranges(self, where="transfer", surest=(0.01, 1.0), confidence=(0.0, 1.0))
        if bool(self.plan) == bool(self.load):
            raise ConfigError("transfer needs a plan, e.g. anger-2, or layers to load, and not both")
        if self.plan and self.freeze:
            raise ConfigError(
                f"transfer: plan {self.plan} says what is frozen; leave freeze out, or load layers instead"
            )
        if self.unlabelled == "statistics" and self.plan != "A1":
            raise ConfigError(
                'transfer.unlabelled = "statistics" uses a net as it is, and lets nothing learn: set plan = "A1"; '
                f"given {self.plan or 'layers to load'}"
            )
        if self.unlabelled == "pseudo-labels" and self.plan == "A1":
            raise ConfigError(
                'transfer.unlabelled = "pseudo-labels": with plan A1 nothing learns; choose A2, A5 or another'
            )

    @property
    def hearing(self) -> dict[str, Any]:
        """What of hearing clips without labels changes the weights; nothing where labels are learned from."""
        if self.unlabelled == "pseudo-labels":
            return {"unlabelled": self.unlabelled, "surest": self.surest, "confidence": self.confidence}
        return {"unlabelled": self.unlabelled} if self.unlabelled else {}

    def plan_for(self, net: NetSpec, layers: tuple[Layer, ...]) -> Plan:
        """Return the plan for a net with this layer table.

        The stages are the net's groups, or its layers that have parameters, whichever the plan speaks of.
        """
        if self.load:
            return Plan(self.load, self.freeze)
        if speaks_of_groups(self.plan):
            return plan(self.plan, net.groups)
        stages: Stages = tuple((layer.name,) for layer in layers if layer.parameters)
        return plan(self.plan, stages)

    @property
    def digest(self) -> str:
        """SHA-256 of the weights' file; that of the recipe where it says one.

        Raises:
            UsageError: no source was told.
            SourceError: there is no such file.

        """
        return self.sha256 or _sha256(find(self.source))

    def weights(self) -> SourceWeights:
        """Return the weights.

        Raises:
            UsageError: no source was told.
            SourceError: the file can't be read, or is not the one whose SHA-256 the recipe says.

        """
        path = find(self.source)
        found = _sha256(path)
        if self.sha256 not in {"", found}:
            raise SourceError(f"{path} has SHA-256 {found}; the recipe asks for {self.sha256}")
        return replace(_read(path), sha256=found)

    def expanded(self) -> Transfer:
        """Return it as runs keep it: with the file's SHA-256, and the weights' own name instead of where they lay."""
        try:
            weights = self.weights()
        except (UsageError, SourceError):
            if self.sha256:
                return replace(self, source=Path(self.source).name)  # a finished run's: its weights may be gone
            raise
        return replace(self, source=weights.source, sha256=weights.sha256)


def find(source: str) -> Path:
    """Return the file that a transfer's source means.

    Raises:
        UsageError: nothing was told.
        UnknownNameError: a name, and no source that comes with emotone has it.

    """
    if not source:
        raise UsageError("the recipe takes over weights: say from where, with --source FILE or transfer.source")
    path = Path(source)
    if path.is_dir():
        if (path / MANIFEST).exists() and not (path / IN_FOLDER).exists():
            raise SourceError(
                f"{path} is a model for prediction only, without the weights that could be trained on; give its "
                "training's folder, or export it again from there: emotone models export RUN --out DIR"
            )
        return path / IN_FOLDER
    if path.exists() or path.suffix or path.name != source:
        return path
    here = shipped()
    if source in shipped_names():
        return find(str(MODELS / source))
    if source not in here:
        raise unknown_name("source file, folder or shipped source", source, here)
    return here[source]


def shipped() -> dict[str, Path]:
    """Return the weights that come with emotone, by name; a card of the same name lies beside each."""
    return {found.stem: found for found in sorted(SHIPPED.glob(f"*{SUFFIX}"))}


def _read(path: Path) -> SourceWeights:
    """Return the weights in a file: of any source that emotone wrote, or as their owners publish them."""
    if path.suffix.lower() != SUFFIX:
        return read_any(path)
    run = training_of(path)
    if run is None:
        return read_weights(path)
    return SourceWeights(run.recipe.name, read_tensors(path), licence=run.recipe.licence, labels=run.labels)


def training_of(path: Path) -> TrainingRun | None:
    """Return the training that a file of weights is from, where it lies in its folder, or in that of its model.

    Raises:
        BundleError: the model's folder is not as it was written.

    """
    from emotone.fitting.training_run import is_run, load_run

    if path.name != IN_FOLDER or not is_run(path.parent):
        return None
    if (path.parent / MANIFEST).exists():
        load_bundle(path.parent)  # checks every byte
    return load_run(path.parent)


def _sha256(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error
