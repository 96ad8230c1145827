"""The recipe of a source: everything that a student's weights depend on except the sound, as one TOML file."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - read at run time by emotone.config
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from emotone.config import check_name, check_ranges, from_mapping, read_toml, signature
from emotone.errors import ConfigError, unknown_name
from emotone.fitting.distillation.teachers import TEACHERS
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class SoundFolder:
    """One folder of recordings; where it lies is told when a training starts.

    Attributes:
        share: of the sounds that are drawn, relative to the other folders'.
        group: pattern searched in a recording's path below the folder ('/' between parts); its first group names
            the speaker or part with which it is held out, e.g. "^wav/(..)".
        held_out: names of the groups that are measured on and never learned from; empty: `held_out_share` of all.
        held_out_share: of the groups, at least one, drawn by the recipe's seed.
        licence: of the recordings, SPDX.
        attribution: who made them, one line, for the card.

    Raises:
        ConfigError: a number out of range, or a pattern that is none.

    """

    group: str
    licence: str
    share: float = 1.0
    held_out: tuple[str, ...] = ()
    held_out_share: float = 0.1
    attribution: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1000:
            raise ConfigError(f"sound: share must lie above 0, up to 1000; given {self.share:g}")
        if not 0 < self.held_out_share < 1:
            raise ConfigError(f"sound: held_out_share must lie between 0 and 1; given {self.held_out_share:g}")
        try:
            groups = re.compile(self.group).groups
        except re.error as error:
            raise ConfigError(f"sound: group '{self.group}' is no pattern ({error})") from error
        if groups != 1:
            raise ConfigError(f"sound: group '{self.group}' needs one pair of parentheses; it has {groups}")


@dataclass(frozen=True)
class StretchSettings:
    """What teacher and student hear at a time.

    Attributes:
        seconds: of a stretch; a shorter recording has silence around it.
        train: number of stretches that the teacher judges once, and the student learns from over and over.
        held_out: number of unmixed stretches of held-out recordings.
        mixed: chance that a second sound is added to a training stretch; the teacher hears the mixture.
        gain: decibels by which the second sound may be louder or fainter than the first, at most.
        speed: a sound is played up to this factor faster or slower; 1 leaves it.
        shift: seconds by which the student hears a stretch earlier or later than the teacher did, at most.

    Raises:
        ConfigError: a number out of range.

    """

    seconds: Seconds = 3.0
    train: int = 48_000
    held_out: int = 1_500
    mixed: float = 0.5
    gain: float = 10.0
    speed: float = 1.2
    shift: Seconds = 0.25

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="stretches",
            seconds=(0.5, 60.0),
            train=(2, 10**8),
            held_out=(1, 10**7),
            mixed=(0.0, 1.0),
            gain=(0.0, 60.0),
            speed=(1.0, 2.0),
            shift=(0.0, self.seconds / 2),
        )


@dataclass(frozen=True)
class LearningSettings:
    """Adam on the divergence of the student's posteriors from the teacher's.

    Attributes:
        steps: batches in all.
        batch: stretches per step.
        learning_rate: of Adam.
        beta1: of Adam: decay of its mean of gradients.
        cooldown: share of the steps, at the end, over which the rate falls to 0 in a straight line.
        temperature: the teacher's logits are divided by it before the softmax; above 1, what it thinks of the
            unlikely classes counts for more.
        precision: of the products in convolutions; bfloat16 is faster where a processor multiplies it (AMX).
        report: steps between measurements on held-out sound.
        checkpoint: steps between checkpoints.

    Raises:
        ConfigError: a number out of range.

    """

    steps: int = 4_000
    batch: int = 64
    learning_rate: float = 1e-3
    beta1: float = 0.9
    cooldown: float = 0.4
    temperature: float = 1.0
    precision: Literal["float32", "bfloat16"] = "float32"
    report: int = 250
    checkpoint: int = 50

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="learning",
            steps=(1, 10**8),
            batch=(2, 65_536),
            report=(1, 10**8),
            checkpoint=(1, 10**8),
            learning_rate=(1e-9, 10.0),
            beta1=(0.0, 0.9999),
            cooldown=(0.0, 1.0),
            temperature=(0.1, 100.0),
        )


@dataclass(frozen=True)
class SourceRecipe:
    """What to teach to whom, with which sound.

    Attributes:
        name: of the source that comes out; lower-case letters, digits, dots, hyphens and underscores.
        sound: the folders, by the names under which their places are given.
        teacher: a name of `emotone.fitting.distillation.teachers.TEACHERS`.
        description: one sentence.
        licence: SPDX identifier for the weights; as free as the least free of the folders allows.
        level: decibels of full scale (root mean square) to which the student brings what it hears.
        stretches: see `StretchSettings`.
        learning: see `LearningSettings`.
        seed: of every draw.

    Raises:
        ConfigError: a number out of range, no folder, or an unknown teacher.

    """

    name: str
    sound: Mapping[str, SoundFolder]
    teacher: str = "mn04"
    description: str = ""
    licence: str = "unstated"
    level: float = -20.0
    stretches: StretchSettings = field(default_factory=StretchSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    seed: int = 1

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.sound:
            raise ConfigError("a source needs at least one [sound.NAME] table")
        if self.teacher not in TEACHERS:
            raise ConfigError(str(unknown_name("teacher", self.teacher, TEACHERS)))
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative; given {self.seed}")

    @property
    def signature(self) -> str:
        """Hash of what changes the weights: not the name, nor what is said of licences and makers."""
        sound = {
            name: [folder.group, folder.share, list(folder.held_out), folder.held_out_share]
            for name, folder in self.sound.items()
        }
        return signature(sound, self.teacher, self.level, self.stretches, self.learning, self.seed)


def read_source_recipe(path: Path) -> SourceRecipe:
    """Return the recipe in a TOML file; a wrong key or value is said with its place and the nearest valid name."""
    return from_mapping(SourceRecipe, read_toml(path), where=str(path))
