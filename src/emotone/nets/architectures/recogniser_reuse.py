"""A frozen speech recogniser up to one layer, and what the paper on reusing recognisers adds to it for emotions.

The recogniser is one block, `recogniser`, whose layers have the names of the source that is loaded into it. Three
methods use the outputs of layer x: their mean over time (Fine-tuning MP-x), another GRU (Fine-tuning RNN-x), or their
mean next to that of a network on cepstra and pitch, trained from scratch (Progressive net-x).

Reference: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017,
sections 3.1.3 and 3.1.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

from emotone.errors import ConfigError, unknown_name
from emotone.nets.base import LetterKind, check_dropout, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network

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
        for name, given, allowed in (
            ("method", self.method, get_args(Method)),
            ("recogniser", self.recogniser, get_args(Recogniser)),
        ):
            if given not in allowed:
                raise ConfigError(f"recogniser-reuse: {unknown_name(name, given, allowed)}")
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
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import EmbeddingClassifier
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


NET = RecogniserReuse
