"""Recipe of a small speech encoder that is trained to match the layers of a larger one, as a TOML file."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read at run time by emotone.config
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from emotone.augment.perturbation import copy_names
from emotone.config import check_name, check_ranges, from_mapping, read_toml, signature
from emotone.errors import ConfigError, unknown_name
from emotone.recipes.embedding_recipe import EncoderSettings
from emotone.recipes.source_recipe import SoundFolder, sound_settings
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config

if TYPE_CHECKING:
    from pathlib import Path

KEY = "student"  # in the TOML file of every recipe of this kind
KEEPING_TIME = ("codec", "gain", "music", "reverberation", "telephone", "white-noise")  # perturbations


@dataclass(frozen=True)
class StudentSettings:
    """The student network; see `emotone.nets.architectures.speech_encoders`.

    Attributes:
        layers: number of ConvNeXt layers.
        width: values per step.
        kernel: steps of each layer's convolution; odd.
        expansion: hidden units of a layer per value.
        read: layers whose outputs the teacher's are predicted from, ascending; later pooled by recipes with this
            encoder.
        peak: log10 mel power to which the loudest value of an input is shifted; see `EncoderSettings`.

    """

    layers: int = 4
    width: int = 256
    kernel: int = 9
    expansion: int = 4
    read: tuple[int, ...] = (2, 4)
    peak: float | None = 1.5

    def __post_init__(self) -> None:
        check_ranges(self, where="student", layers=(1, 32), width=(1, 4096), kernel=(1, 99), expansion=(1, 16))
        if self.kernel % 2 == 0:
            raise ConfigError(f"student: kernel must be odd; given {self.kernel}")
        if list(self.read) != sorted(set(self.read)) or not self.read or self.read[-1] != self.layers:
            raise ConfigError(
                f"student: read must be ascending and end with the last layer, {self.layers}; given {list(self.read)}"
            )


@dataclass(frozen=True)
class InputSettings:
    """How the student's input differs from the teacher's, which is the plain recording.

    Attributes:
        copies: perturbations that keep the time (see `emotone stress --list`), e.g. "telephone/mu-law"; a copy of each
            recording is computed once.
        plain: share of inputs that are no such copy.
        speeds: largest factor by which a second version of each recording is played faster or slower, for the teacher
            as well; 1 has no second version.
        background: share of inputs to which up to three other inputs, or one sound from `noise`, are added.
        noise: share of inputs with steady noise.
        snr_low: lowest signal-to-noise ratio of both, decibels.
        snr_high: highest.
        equaliser: standard deviation of random gains along the frequency axis, decibels.

    """

    copies: tuple[str, ...] = ("telephone/mu-law", "reverberation/0.3s", "reverberation/0.6s")
    plain: float = 0.5
    speeds: float = 1.2
    background: float = 0.35
    noise: float = 0.35
    snr_low: float = 3.0
    snr_high: float = 30.0
    equaliser: float = 3.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="inputs",
            plain=(0.0, 1.0),
            speeds=(1.0, 2.0),
            background=(0.0, 1.0),
            noise=(0.0, 1.0),
            snr_low=(-20.0, self.snr_high),
            snr_high=(-20.0, 100.0),
            equaliser=(0.0, 30.0),
        )
        allowed = sorted(copy_names(KEEPING_TIME))
        for copy in self.copies:
            if copy not in allowed:
                raise ConfigError(f"inputs: {unknown_name('copy', copy, allowed)}")
        if len(set(self.copies)) != len(self.copies):
            raise ConfigError(f"inputs: each copy may be named once; given {', '.join(self.copies)}")


@dataclass(frozen=True)
class EncoderTrainingSettings:
    """AdamW on squared differences between the student's and the teacher's standardised outputs.

    Attributes:
        steps: number of batches.
        batch_size: excerpts of a batch.
        seconds: longest excerpt.
        learning_rate: the highest; it rises over the first `warmup` steps and then falls to 0 along a cosine.
        warmup: steps.
        weight_decay: of AdamW.
        pooled: weight of the difference between means over an excerpt, relative to that of single steps.
        ema_decay: of the moving average of the weights that is kept.
        precision: of matrix products; bfloat16 is faster on some processors.
        evaluate_every: steps between evaluations on held-out sound.
        checkpoint_every: steps between checkpoints.

    """

    steps: int = 4_000
    batch_size: int = 32
    seconds: Seconds = 4.0
    learning_rate: float = 1e-3
    warmup: int = 200
    weight_decay: float = 0.05
    pooled: float = 1.0
    ema_decay: float = 0.998
    precision: Literal["float32", "bfloat16"] = "float32"
    evaluate_every: int = 250
    checkpoint_every: int = 50

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="training",
            steps=(1, 10**8),
            batch_size=(2, 65_536),
            seconds=(0.5, 30.0),
            learning_rate=(1e-9, 10.0),
            warmup=(0, 10**8),
            weight_decay=(0.0, 10.0),
            pooled=(0.0, 1000.0),
            ema_decay=(0.0, 0.99999),
            evaluate_every=(1, 10**8),
            checkpoint_every=(1, 10**8),
        )


@dataclass(frozen=True)
class EncoderRecipe:
    """A small encoder, its teacher, and the sound that it is trained on.

    Attributes:
        name: of the resulting source; lower-case letters, digits, dots, hyphens and underscores.
        sound: the folders, by the names under which their paths are given.
        noise: names of the folders without speech, which are only added to other sound.
        teacher: the encoder and its layers, as in `[encoder]` of a recipe with a frozen encoder.
        description: one sentence.
        licence: SPDX identifier for the weights; no more permissive than any folder's licence allows.
        student: see `StudentSettings`.
        inputs: see `InputSettings`.
        training: see `EncoderTrainingSettings`.
        seed: of every random draw.

    Raises:
        ConfigError: a number is out of range, or there is no folder with speech.

    """

    name: str
    sound: Mapping[str, SoundFolder]
    noise: tuple[str, ...] = ()
    teacher: EncoderSettings = field(default_factory=EncoderSettings)
    description: str = ""
    licence: str = "unstated"
    student: StudentSettings = field(default_factory=StudentSettings)
    inputs: InputSettings = field(default_factory=InputSettings)
    training: EncoderTrainingSettings = field(default_factory=EncoderTrainingSettings)
    seed: int = 1

    def __post_init__(self) -> None:
        check_name(self.name)
        for name in self.noise:
            if name not in self.sound:
                raise ConfigError(f"noise: {unknown_name('sound', name, self.sound)}")
        if self.teacher.is_own:
            raise ConfigError(
                f"teacher: source must be one of emotone's speech encoders, such as whisper-base; given "
                f"{self.teacher.source}"
            )
        if not set(self.sound) - set(self.noise):
            raise ConfigError("a student needs at least one [sound.NAME] table that is not noise")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative; given {self.seed}")

    @property
    def signature(self) -> str:
        """Hash of everything that affects the weights, which name, licences and attributions do not."""
        settings = (self.teacher.hashed, self.student, self.inputs, self.training)
        return signature(sound_settings(self.sound), list(self.noise), *settings, self.seed)


def read_encoder_recipe(path: Path) -> EncoderRecipe:
    """Return the recipe in a TOML file; an error names the wrong key or value and the closest valid one."""
    return from_mapping(EncoderRecipe, read_toml(path), where=str(path))


def is_encoder_recipe(path: Path) -> bool:
    """Return whether a TOML file is the recipe of a small encoder, by its table `student`."""
    return KEY in read_toml(path)
