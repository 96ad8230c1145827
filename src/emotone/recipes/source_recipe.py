"""Recipe of a source: everything that the weights of a distilled student depend on except the sound, as a TOML file."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - read at run time by emotone.config
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from emotone.config import check_name, check_ranges, from_mapping, read_toml, signature
from emotone.errors import ConfigError
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class SoundFolder:
    """One folder of recordings; its path is given when training starts.

    Attributes:
        group: regular expression searched in a recording's path below the folder ('/' between parts); its first group
            is the speaker or part that is held out as a whole, e.g. "^wav/(..)".
        licence: of the recordings, SPDX.
        weight: relative frequency with which recordings of this folder are sampled.
        held_out: groups to evaluate on, never trained on; empty: `held_out_share` of all groups.
        held_out_share: of the groups, at least one, drawn with the recipe's seed.
        attribution: authors of the recordings, one line, for the card.

    Raises:
        ConfigError: a number is out of range, or the regular expression is not valid.

    """

    group: str
    licence: str
    weight: float = 1.0
    held_out: tuple[str, ...] = ()
    held_out_share: float = 0.1
    attribution: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1000:
            raise ConfigError(f"sound: weight must be above 0 and at most 1000; given {self.weight:g}")
        if not 0 < self.held_out_share < 1:
            raise ConfigError(f"sound: held_out_share must be between 0 and 1; given {self.held_out_share:g}")
        try:
            groups = re.compile(self.group).groups
        except re.error as error:
            raise ConfigError(f"sound: group '{self.group}' is not a regular expression ({error})") from error
        if groups != 1:
            raise ConfigError(f"sound: group '{self.group}' needs one pair of parentheses; it has {groups}")


def sound_settings(sound: Mapping[str, SoundFolder]) -> dict[str, list[Any]]:
    """Return what of folders affects the weights, by name: everything but licences and attributions."""
    return {
        name: [folder.group, folder.weight, list(folder.held_out), folder.held_out_share]
        for name, folder in sound.items()
    }


@dataclass(frozen=True)
class ExcerptSettings:
    """The excerpts of sound that teacher and student process.

    Attributes:
        seconds: length of an excerpt; a shorter recording is padded with silence.
        train: number of training excerpts; the teacher processes each once, the student repeatedly.
        held_out: number of excerpts of held-out recordings, which are never mixed.
        mix_probability: probability that a second recording is added to a training excerpt, for the teacher as well.
        max_gain_db: maximum level difference between the two recordings, in decibels.
        max_speed: maximum factor by which a recording is played faster or slower; 1 disables it.
        max_shift: maximum time shift between the student's input and the teacher's, in seconds.

    Raises:
        ConfigError: a number is out of range.

    """

    seconds: Seconds = 3.0
    train: int = 48_000
    held_out: int = 1_500
    mix_probability: float = 0.5
    max_gain_db: float = 10.0
    max_speed: float = 1.2
    max_shift: Seconds = 0.25

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="excerpts",
            seconds=(0.5, 60.0),
            train=(2, 10**8),
            held_out=(1, 10**7),
            mix_probability=(0.0, 1.0),
            max_gain_db=(0.0, 60.0),
            max_speed=(1.0, 2.0),
            max_shift=(0.0, self.seconds / 2),
        )


@dataclass(frozen=True)
class DistillationSettings:
    """Adam on the Kullback-Leibler divergence of the student's probabilities from the teacher's.

    Attributes:
        steps: number of batches.
        batch_size: excerpts per batch.
        learning_rate: of Adam.
        beta1: of Adam, the decay of its mean of gradients.
        cooldown: share of the steps, at the end, over which the learning rate decreases linearly to 0.
        temperature: divisor of the teacher's logits before the softmax; above 1, unlikely classes weigh more.
        precision: of the student's matrix products; bfloat16 is faster on processors with AMX.
        evaluate_every: steps between evaluations on held-out sound.
        checkpoint_every: steps between checkpoints; does not affect the weights.

    Raises:
        ConfigError: a number is out of range.

    """

    steps: int = 4_000
    batch_size: int = 64
    learning_rate: float = 1e-3
    beta1: float = 0.9
    cooldown: float = 0.4
    temperature: float = 1.0
    precision: Literal["float32", "bfloat16"] = "float32"
    evaluate_every: int = 250
    checkpoint_every: int = 50

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="training",
            steps=(1, 10**8),
            batch_size=(2, 65_536),
            evaluate_every=(1, 10**8),
            checkpoint_every=(1, 10**8),
            learning_rate=(1e-9, 10.0),
            beta1=(0.0, 0.9999),
            cooldown=(0.0, 1.0),
            temperature=(0.1, 100.0),
        )


@dataclass(frozen=True)
class SourceRecipe:
    """A student, its teacher, and the sound that it is trained on.

    Attributes:
        name: of the resulting source; lower-case letters, digits, dots, hyphens and underscores.
        sound: the folders, by the names under which their paths are given.
        teacher: name of the teacher, see `emotone.fitting.distillation.teachers`.
        description: one sentence.
        licence: SPDX identifier for the weights; no more permissive than any folder's licence allows.
        level: decibels of full scale (root mean square) to which the student normalises its input.
        excerpts: see `ExcerptSettings`.
        training: see `DistillationSettings`.
        seed: of every random draw.

    Raises:
        ConfigError: a number is out of range, or there is no folder.

    """

    name: str
    sound: Mapping[str, SoundFolder]
    teacher: str = "mn04"
    description: str = ""
    licence: str = "unstated"
    level: float = -20.0
    excerpts: ExcerptSettings = field(default_factory=ExcerptSettings)
    training: DistillationSettings = field(default_factory=DistillationSettings)
    seed: int = 1

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.sound:
            raise ConfigError("a source needs at least one [sound.NAME] table")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative; given {self.seed}")

    @property
    def signature(self) -> str:
        """Hash of everything that affects the weights, which name, licences and attributions do not."""
        return signature(sound_settings(self.sound), self.teacher, self.level, self.excerpts, self.training, self.seed)


def read_source_recipe(path: Path) -> SourceRecipe:
    """Return the recipe in a TOML file; an error names the wrong key or value and the closest valid one."""
    return from_mapping(SourceRecipe, read_toml(path), where=str(path))
