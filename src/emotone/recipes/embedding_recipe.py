"""The recipe of a model with a frozen speech encoder: which layers are pooled, and how its head is fitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from emotone.augment.perturbation import copy_names
from emotone.config import check_ranges, to_mapping
from emotone.errors import ConfigError, unknown_name
from emotone.features.windows import Windows
from emotone.recipes.recipe import check_task
from emotone.types import Hertz  # noqa: TC001 - settings are read by their types

Statistics: TypeAlias = Literal["mean", "mean-deviation"]
Combination: TypeAlias = Literal["concatenate", "mean"]
Standardisation: TypeAlias = Literal["stored", "corpus", "subset"]
MIN_RATE, MAX_RATE = 4000, 192_000  # hertz
MAX_SECONDS = 30.0  # position encodings of Whisper


@dataclass(frozen=True)
class EncoderSettings:
    """A frozen encoder whose outputs are pooled over time.

    Attributes:
        source: name of a source, or a file of its weights (see `emotone sources list`); `hf:ORGANISATION/NAME` or
            `hf:./FOLDER`, an encoder in the format of transformers (`peak` has an effect on Whisper's only); or
            `onnx:FILE#TENSOR`, a tensor of an ONNX file that reads samples (`layers`, `combination` and `peak` have no
            effect).
        layers: whose outputs are pooled, ascending; 0 is the output of the convolutions.
        statistics: over time: "mean", or "mean-deviation" for the mean and the standard deviation.
        combination: of the layers: "concatenate", or "mean" for embeddings of the size of one layer.
        peak: log10 mel power to which the loudest value of a window is shifted, so that the recording level has no
            effect; None keeps the level.
        quantised: whether weights are stored as 8-bit integers: a quarter of the size, and faster.
        rate: of the samples that an ONNX file reads, in hertz; None is 16,000.

    Raises:
        ConfigError: a rate that is out of range, or set for another source than an ONNX file.

    """

    source: str = "whisper-base"
    layers: tuple[int, ...] = (2, 3, 4)
    statistics: Statistics = "mean"
    peak: float | None = 1.5
    quantised: bool = True
    rate: Hertz | None = None
    combination: Combination = "concatenate"

    @property
    def hashed(self) -> dict[str, Any]:
        """The settings, as signatures contain them: without the combination of encoders that concatenate."""
        return {key: value for key, value in to_mapping(self).items() if (key, value) != ("combination", "concatenate")}

    @property
    def is_own(self) -> bool:
        """Whether the encoder is one of the user's, not one of emotone's sources."""
        return self.source.startswith(("hf:", "onnx:"))

    def __post_init__(self) -> None:
        if self.rate is None:
            return
        if not self.source.startswith("onnx:"):
            raise ConfigError(f"encoder: rate is for onnx:FILE; {self.source} has its own, so leave it out")
        if not MIN_RATE <= self.rate <= MAX_RATE:
            raise ConfigError(f"encoder: rate must be from {MIN_RATE} to {MAX_RATE} Hz; given {self.rate}")


@dataclass(frozen=True)
class OrdinarySettings:
    """How a detector of ordinary speech (reading, dictation, meetings) is fitted, and what its result is.

    Attributes:
        corpora: names of corpora of ordinary speech. They train no emotion, or the label other of detectors; those that
            are not given in a training are left out.
        regularisation: of the detector, as that of the head.
        share: expected share of ordinary speech, before anything is heard.
        neutral: probability of neutral in ordinary speech; the other labels share the rest equally.

    """

    corpora: tuple[str, ...]
    regularisation: float = 1e-4
    share: float = 0.25
    neutral: float = 0.16

    def __post_init__(self) -> None:
        check_ranges(self, where="head.ordinary", regularisation=(1e-8, 1e4), share=(0.001, 0.999), neutral=(0.0, 1.0))
        if not self.corpora:
            raise ConfigError("head.ordinary: corpora must name at least one corpus")


@dataclass(frozen=True)
class HiddenSettings:
    """A hidden layer of rectified units: several small networks, trained together, whose logits are averaged.

    The optimiser is AdamW (weight decay apart from the gradient) with a learning rate that rises and falls once.

    Attributes:
        units: of each network.
        networks: number of them.
        dropout: share of units that are set to 0 in training.
        input_dropout: share of values of an embedding that are set to 0 in training.
        epochs: passes through the recordings, each once per standardisation.
        learning_rate: the highest.
        weight_decay: of AdamW.
        label_smoothing: share of the target that is spread over all labels.
        batch_size: recordings of a step.
        copied: share of recordings that are replaced by one of their copies, another one in each epoch, if the recipe
            has `copies`.

    """

    units: int = 128
    networks: int = 3
    dropout: float = 0.7
    input_dropout: float = 0.5
    epochs: int = 12
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    batch_size: int = 128
    copied: float = 0.6

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="head.hidden",
            units=(1, 4096),
            networks=(1, 64),
            dropout=(0.0, 0.95),
            input_dropout=(0.0, 0.95),
            epochs=(1, 1000),
            learning_rate=(1e-7, 1.0),
            weight_decay=(0.0, 10.0),
            label_smoothing=(0.0, 0.9),
            batch_size=(1, 65536),
            copied=(0.0, 1.0),
        )


@dataclass(frozen=True)
class HeadSettings:
    """How the head is fitted on standardised embeddings.

    A linear head is a softmax regression with a quadratic penalty. Every recording is used once per standardisation, so
    that one head serves models as they were trained and models that are adapted to unlabelled recordings.

    Attributes:
        regularisation: of a linear head: inverse weight of the penalty per training recording; smaller values
            regularise more.
        standardisations: "stored" uses the statistics of all training data, as an unadapted model does; "corpus" those
            of each corpus, as a well-adapted model does; "subset" those of a random subset of speakers and recordings,
            with up to 90 % neutral speech, as a model does that is adapted to few or one-sided recordings.
        corpus_balance: 0 weighs all recordings equally, 1 all corpora.
        label_balance: 0 changes no weight, 1 weighs all labels equally. The probabilities of a detector, whose label is
            rare, are then comparable with 0.5.
        shrinkage: number of recordings whose statistics weigh as much as the stored ones.
        weights: factor of the weight of all recordings of a corpus, by name; 1 for all others.
        ordinary: see `OrdinarySettings`; None has no detector.
        hidden: see `HiddenSettings`; None makes the head linear.
        domain_directions: main directions of the training data, which the distance of a recording from them leaves
            out (see `TrainingDomain`); 0 measures no distance.

    """

    regularisation: float = 0.003
    standardisations: tuple[Standardisation, ...] = ("stored", "corpus", "subset")
    corpus_balance: float = 0.5
    label_balance: float = 0.0
    shrinkage: float = 10.0
    weights: dict[str, float] = field(default_factory=dict)
    ordinary: OrdinarySettings | None = None
    hidden: HiddenSettings | None = None
    domain_directions: int = 64

    @property
    def ordinary_corpora(self) -> tuple[str, ...]:
        """Names of corpora that train no emotion."""
        return () if self.ordinary is None else self.ordinary.corpora

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="head",
            regularisation=(1e-8, 1e4),
            corpus_balance=(0.0, 1.0),
            label_balance=(0.0, 1.0),
            shrinkage=(0.0, 1000.0),
            domain_directions=(0, 4096),
        )
        if not self.standardisations or len(set(self.standardisations)) != len(self.standardisations):
            raise ConfigError("head: standardisations must name at least one, each once")
        for name in self.standardisations:
            if name not in get_args(Standardisation):
                raise ConfigError(f"head: {unknown_name('standardisation', name, get_args(Standardisation))}")
        for corpus, weight in self.weights.items():
            if not 0 < weight <= 100:
                raise ConfigError(f"head: the weight of {corpus} must be above 0 and at most 100; given {weight:g}")


@dataclass(frozen=True)
class EmbeddingRecipe:
    """A frozen encoder and a head. Data only: see `emotone.fitting.embedding` for the fitting.

    Attributes:
        name: lower-case letters, digits, dots, hyphens and underscores.
        labels: name of a label set (see `emotone.corpora.labels`).
        description: one sentence.
        encoder: see `EncoderSettings`.
        windows: how an utterance is divided; at most 30 s long.
        head: see `HeadSettings`.
        fit_on: "windows" fits the head on every window, for detectors, which decide on each; None on the mean of the
            windows of each recording.
        copies: perturbations of which a copy of each training recording is trained on, e.g. "telephone/mu-law" (see
            `emotone stress --list`): all of them by a linear head, one of them in each epoch by one with a hidden layer
            (see `HiddenSettings.copied`). Those that need other speakers are not allowed.
        selection: name of a selection (see `emotone.corpora.resolve`); "" takes every labelled clip.
        seed: of all random numbers.
        licence: SPDX identifier for the weights.

    Raises:
        ConfigError: a wrong setting.

    """

    name: str
    labels: str
    description: str = ""
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    windows: Windows = field(default_factory=lambda: Windows(seconds=10.0, hop=10.0, combine="mean-logit"))
    head: HeadSettings = field(default_factory=HeadSettings)
    fit_on: Literal["windows"] | None = None
    copies: tuple[str, ...] = ()
    selection: str = ""
    seed: int = 1
    licence: str = "unstated"

    def written_out(self) -> EmbeddingRecipe:
        """Return the recipe with every default written out: itself."""
        return self

    def __post_init__(self) -> None:
        check_task(self.name, seed=self.seed, selection=self.selection, labels=self.labels)
        if self.windows.seconds > MAX_SECONDS:
            raise ConfigError(f"windows: the encoder reads at most {MAX_SECONDS:g} s; given {self.windows.seconds:g}")
        if self.copies and self.fit_on == "windows" and self.head.hidden is not None:
            raise ConfigError("copies: those of windows are fitted by a linear head only; leave out head.hidden")
        if self.copies:  # most recipes have none, and need no perturbation to be imported
            _check_copies(self.copies)


def _check_copies(copies: tuple[str, ...]) -> None:
    allowed = sorted(copy_names())
    for copy in copies:
        if copy not in allowed:
            raise ConfigError(f"copies: {unknown_name('perturbation', copy, allowed)}")
    if len(set(copies)) != len(copies):
        raise ConfigError(f"copies: each may be named once; given {', '.join(copies)}")


HEAD_PLANS = ("auto", "adapted", "A1")


@dataclass(frozen=True)
class HeadTransfer:
    """The model to start from, and what is done with its head.

    Attributes:
        source: name or folder of a model with a frozen encoder.
        plan: "auto" selects on the training clips whether the head is adapted and how much of it is fitted, "adapted"
            uses the clips without their labels, and "A1" changes nothing.
        sha256: of the head; "" before the model was found.

    """

    source: str
    plan: str = "auto"
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.plan not in HEAD_PLANS:
            raise ConfigError(
                f"{self.source} has a head on a frozen encoder, and plans such as A5 are for networks: "
                f"{unknown_name('plan', self.plan, HEAD_PLANS)}"
            )


@dataclass(frozen=True)
class RefitRecipe:
    """A model's head that is fitted further; see `emotone.fitting.head_transfer`.

    Attributes:
        name: of runs.
        labels: name of a label set.
        transfer: see `HeadTransfer`.
        description: one sentence.
        selection: name of a selection of clips; "" takes every labelled one.
        seed: of the division of clips.

    Raises:
        ConfigError: a wrong setting.

    """

    name: str
    labels: str
    transfer: HeadTransfer
    description: str = ""
    selection: str = ""
    seed: int = 1

    def __post_init__(self) -> None:
        check_task(self.name, seed=self.seed, selection=self.selection, labels=self.labels)
