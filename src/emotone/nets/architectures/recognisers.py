"""Networks of the paper on reusing speech recognisers for emotions.

Two bidirectional GRU layers on cepstra and pitch: the baseline of the paper on reusing speech recognisers.

The input is rows of `mfcc-pitch`; the network adds deltas, smooths the pitch and standardises each value.

Reference: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017,
section 3.1.2.

Small recognisers of letters up to a layer, averaged over time, and a classifier; published weights exist.

The input is rows of `power-spectrogram`. Both kinds have two recurrent layers with 200 values, each followed by a batch
normalisation, `norm1` and `norm2`, whose outputs are the layers 1 and 2. They were trained on LibriSpeech in a course
on speech interfaces; they recognise half of the letters.

References: the published networks (MIT, see `emotone sources show letter-gru` and `letter-convolution`); Lakomkin et
al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017 (the mean of a layer).

A frozen speech recogniser up to one layer, and what the paper on reusing recognisers adds to it for emotions.

The recogniser is one block, `recogniser`, whose layers have the names of the source that is loaded into it. Three
methods use the outputs of layer x: their mean over time (Fine-tuning MP-x), another GRU (Fine-tuning RNN-x), or their
mean next to that of a network on cepstra and pitch, trained from scratch (Progressive net-x).

Reference: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017,
sections 3.1.3 and 3.1.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

from emotone.errors import ConfigError
from emotone.nets.base import LetterKind, check_choice, check_dropout, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network


@dataclass(frozen=True)
class MfccBigru:
    """Two GRU layers, averaged over time, and a softmax.

    Attributes:
        units: of each direction of a layer; the paper compares 64, 96 and 128.
        dropout: share of the averaged values that are dropped in training.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "two bidirectional GRU layers on cepstra, their deltas and the pitch"
    paper: ClassVar[str] = "Reusing neural speech representations for auditory emotion recognition, 2017"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("gru1",), ("gru2",), (), ("classifier",))

    units: int = 96
    dropout: float = 0.25

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ConfigError(f"mfcc-bigru needs units >= 1; given {self.units}")
        check_dropout("mfcc-bigru", self.dropout)

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import EmbeddingClassifier, Network
        from emotone.nets.blocks.recurrent import GruLayer
        from emotone.nets.blocks.reuse import CepstralFeatures, MeanOfSteps

        return Network(
            {
                "features": CepstralFeatures(),
                "gru1": GruLayer(2 * dimension - 1, self.units),
                "gru2": GruLayer(2 * self.units, self.units),
                "pool": MeanOfSteps(),
                "classifier": EmbeddingClassifier(2 * self.units, hidden=0, classes=classes, dropout=self.dropout),
            }
        )


LAYERS = 2


@dataclass(frozen=True)
class LetterRecogniser:
    """A recogniser of letters as a source of features for a classifier.

    Attributes:
        kind: "gru" for GRU layers of one direction with ReLU; "convolution" for a convolution and GRU layers of both
            directions with tanh.
        layer: whose outputs are averaged: 1 or 2.
        units: of a recurrent layer, of both directions together; even.
        dropout: share of averaged values that are dropped in training.

    Raises:
        ConfigError: an unknown kind, or a number out of range.

    """

    title: ClassVar[str] = "a small recogniser of letters up to a layer, averaged over time, with published weights"
    paper: ClassVar[str] = "Reusing neural speech representations for auditory emotion recognition, 2017"

    kind: LetterKind = "gru"
    layer: int = 2
    units: int = 200
    dropout: float = 0.25

    def __post_init__(self) -> None:
        check_choice("letter-recogniser", "kind", self.kind, get_args(LetterKind))
        if not 1 <= self.layer <= LAYERS:
            raise ConfigError(f"letter-recogniser has the layers 1 to {LAYERS}; given {self.layer}")
        if self.units < 2 or self.units % 2:
            raise ConfigError(f"letter-recogniser needs an even number of units, 2 or more; given {self.units}")
        check_dropout("letter-recogniser", self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The convolution if there is one, recurrent layers with their norms, and the classifier."""
        recurrent = [(f"gru{number}", f"norm{number}") for number in range(1, self.layer + 1)]
        if self.kind == "convolution":
            first: tuple[tuple[str, ...], ...] = (("conv1",), *recurrent)
        else:  # of the last recurrent layer, the norm is a group of its own
            first = (*recurrent[:-1], *((name,) for name in recurrent[-1]))
        return (*first, *((),) * (3 - len(first)), ("classifier",))

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import EmbeddingClassifier, Network
        from emotone.nets.blocks.recogniser import letter_layers
        from emotone.nets.blocks.reuse import MeanOfSteps

        return Network(
            {
                **letter_layers(self.kind, dimension, units=self.units, last=self.layer),
                "pool": MeanOfSteps(),
                "classifier": EmbeddingClassifier(self.units, hidden=0, classes=classes, dropout=self.dropout),
            }
        )


Recogniser: TypeAlias = Literal["whisper", "deep-speech", "letter-gru", "letter-convolution"]
Method: TypeAlias = Literal["mean", "recurrent", "progressive"]
CEPSTRAL = 14  # values per row of the other branch: 13 cepstra and the pitch


@dataclass(frozen=True)
class RecogniserReuse:
    """Layer x of a recogniser as the input of a classifier of emotions.

    Attributes:
        method: "mean" for Fine-tuning MP-x, "recurrent" for Fine-tuning RNN-x, "progressive" for Progressive net-x. The
            last one reads rows with 13 cepstra and the pitch after the recogniser's bands.
        recogniser: "whisper" for the encoder of Whisper, on `whisper-log-mel` or `whisper-mfcc-pitch`; "deep-speech"
            for the paper's kind of recogniser, on `recogniser-spectrogram`; "letter-gru" and "letter-convolution" for
            the sources of these names, on `power-spectrogram`.
        layer: x, from 1: of the transformer layers, or of the recurrent ones.
        width: values per step of the recogniser.
        heads: of attention, in Whisper.
        units: of each direction of a GRU for emotions.
        dropout: share of averaged values that are dropped in training.

    Raises:
        ConfigError: an unknown method or recogniser, or a number out of range.

    """

    title: ClassVar[str] = "a frozen speech recogniser up to a layer, with mean, GRU or a progressive network on it"
    paper: ClassVar[str] = "Reusing neural speech representations for auditory emotion recognition, 2017"
    source_block: ClassVar[str] = "recogniser"

    method: Method = "progressive"
    recogniser: Recogniser = "whisper"
    layer: int = 2
    width: int = 512
    heads: int = 8
    units: int = 96
    dropout: float = 0.25

    def __post_init__(self) -> None:
        check_choice("recogniser-reuse", "method", self.method, get_args(Method))
        check_choice("recogniser-reuse", "recogniser", self.recogniser, get_args(Recogniser))
        if min(self.layer, self.width, self.heads, self.units) < 1 or self.width % self.heads:
            raise ConfigError(
                "recogniser-reuse needs layer, width, heads and units >= 1, and a width that the heads divide; given "
                f"{self.layer}, {self.width}, {self.heads} and {self.units}"
            )
        check_dropout("recogniser-reuse", self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The recogniser, what is added to it, and the classifier."""
        added = {"mean": (), "recurrent": ("gru",), "progressive": ("cepstral",)}
        return (("recogniser",), (), added[self.method], ("classifier",))

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`); raise `ConfigError` for rows without cepstra and pitch."""
        bands = dimension - CEPSTRAL if self.method == "progressive" else dimension
        if bands < 1:
            raise ConfigError(
                f"recogniser-reuse: progressive needs rows of bands and {CEPSTRAL} values of cepstra and pitch; given "
                f"{dimension} values per row; use the front end whisper-mfcc-pitch"
            )
        require_torch("building a network")
        from emotone.nets.blocks import reuse
        from emotone.nets.blocks.base import EmbeddingClassifier, Network
        from emotone.nets.blocks.recurrent import GruLayer

        blocks: dict[str, Block] = {"recogniser": reuse.Recogniser(self._layers(bands), bands=bands)}
        values = self.width
        if self.method == "recurrent":
            blocks["gru"] = GruLayer(values, self.units)
            values = 2 * self.units
        if self.method == "progressive":
            blocks["cepstral"] = reuse.CepstralBranch(values, CEPSTRAL, self.units)
            values += 2 * self.units
        else:
            blocks["pool"] = reuse.MeanOfSteps()
        blocks["classifier"] = EmbeddingClassifier(values, hidden=0, classes=classes, dropout=self.dropout)
        return Network(blocks)

    def _layers(self, bands: int) -> dict[str, Block]:
        if self.recogniser == "whisper":
            from emotone.nets.blocks.transformer import whisper_layers

            return whisper_layers(bands, width=self.width, heads=self.heads, last=self.layer)
        if self.recogniser != "deep-speech":
            from emotone.nets.blocks.recogniser import letter_layers

            kind: LetterKind = "gru" if self.recogniser == "letter-gru" else "convolution"
            return letter_layers(kind, bands, units=self.width, last=self.layer)
        from emotone.nets.blocks.recogniser import deep_speech_layers

        return deep_speech_layers(bands, units=self.width, layers=self.layer)
