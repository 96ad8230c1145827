"""`bundle.toml`: what a model is, as frozen records; its last line seals it, so that no byte can change unnoticed."""

from __future__ import annotations

import hashlib
import math
import re
import sys
from collections.abc import Mapping  # noqa: TC003  (read at run time to check types)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import tomli_w

from emotone.config import LATER, check_name, from_mapping, to_mapping
from emotone.errors import BundleError, ConfigError, UsageError, unknown_name
from emotone.features.base import FEATURES
from emotone.types import Seconds  # noqa: TC001  (as above)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from emotone.features.base import Feature

SCHEMA = "emotone.bundle/1"
MANIFEST, MODEL, CARD, LICENCE, TEST_VECTOR = "bundle.toml", "model.onnx", "CARD.md", "LICENSE", "test_vector.npz"
REQUIRED = (MODEL, CARD, LICENCE, TEST_VECTOR)
SEAL = b"# sha256 of the lines above: "
MEND = "copy the whole folder again from where it came, or export it again"
Combine: TypeAlias = Literal["mean-probability", "mean-logit", "vote", "max-probability"]
COMBINED: Mapping[str, str] = {
    "mean-probability": "the mean over",
    "mean-logit": "the softmax of the mean of the logits over",
    "vote": "the vote of",
    "max-probability": "what is most probable in any of",
}
"""What each way to combine windows does, as cards say it; `emotone.inference.pooling` does it."""
MOST_CONTEXT = 100
_PLAIN_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Windows:
    """What the net hears at a time, and how often, in seconds.

    Attributes:
        seconds: of a window.
        hop: between the starts of two.
        least: of sound that a window holds. Above 0, windows lie at multiples of the hop only, the last ones may end
            with the recording, and a shorter recording is refused; 0 aligns one more window to the recording's end
            (see `emotone.features.windows`).
        speech_only: whether windows without speech are left out: they get equal probabilities and do not count in the
            clip. False: the net judges them like all others, and they count.
        combine: how windows become a clip or an utterance (see `emotone.inference.pooling`).
        context: windows that are told together, each with those before it (see `emotone.inference.context`); 1 tells
            each alone. Clips and utterances are made of windows alone.

    Raises:
        ConfigError: a number out of range, or no such way to combine.

    """

    seconds: Seconds
    hop: Seconds
    least: Seconds = field(default=0.0, metadata=LATER)
    speech_only: bool = field(default=True, metadata=LATER)
    combine: Combine = field(default="mean-probability", metadata=LATER)
    context: int = field(default=1, metadata=LATER)

    def __post_init__(self) -> None:
        if not 0 < self.hop <= self.seconds < math.inf:
            raise ConfigError(f"windows need 0 < hop <= seconds; given {self.hop} and {self.seconds}")
        if not 0 <= self.least <= self.seconds:
            raise ConfigError(f"windows need 0 <= least <= seconds; given {self.least} and {self.seconds}")
        if self.combine not in get_args(Combine):
            raise ConfigError(f"windows: {unknown_name('way to combine', self.combine, get_args(Combine))}")
        if not 1 <= self.context <= MOST_CONTEXT:
            raise ConfigError(f"windows: context must be from 1 to {MOST_CONTEXT} windows; given {self.context}")

    def __str__(self) -> str:
        held = f", each with at least {self.least:g} s of sound" if self.least else ""
        silent = "" if self.speech_only else ", those without speech too"
        before = f", each told with up to {self.context - 1} before it" if self.context > 1 else ""
        return f"{self.seconds:g} s every {self.hop:g} s{held}{silent}{before}"

    @property
    def clip(self) -> str:
        """How windows become a clip, in words."""
        return f"{COMBINED[self.combine]} its windows{' with speech' if self.speech_only else ''}"

    def frames(self, feature: Feature) -> tuple[int, int]:
        """Return rows of features in a whole window, and between the starts of two.

        Raises:
            ConfigError: rows would lie between two windows, and in none.

        """
        window, hop = feature.frames(round(self.seconds * feature.rate)), max(1, round(self.hop / feature.hop_seconds))
        if hop > window:
            raise ConfigError(
                f"windows: {self.seconds:g} s have {window} rows of the front end, and {hop} lie between their starts; "
                f"set hop to at most {window * feature.hop_seconds:g}, or pads_end = true where the front end has it"
            )
        return window, hop

    def least_frames(self, feature: Feature) -> int:
        """Return rows of features in the least that a window holds; 0 where there is no such rule."""
        return feature.frames(round(self.least * feature.rate)) if self.least else 0


@dataclass(frozen=True)
class Calibration:
    """Scores are divided by `temperature` before the softmax."""

    temperature: float = 1.0


@dataclass(frozen=True)
class TrainingData:
    """What the model learned from, and how, for its readers and its licence."""

    corpora: tuple[str, ...]
    protocol: str
    recipe: str
    signature: str


@dataclass(frozen=True)
class BundleManifest:
    """Everything that `bundle.toml` tells.

    Attributes:
        schema: `emotone.bundle/1`.
        name: lower-case letters, digits, dots, hyphens and underscores.
        version: of the model, not of emotone.
        description: one sentence.
        labels: canonical emotion names, in the order of the net's scores.
        licence: SPDX identifier of the weights' licence.
        front_end: `name` of a feature and all of its settings.
        windows: what the net hears at a time.
        calibration: temperature of the softmax.
        training: what the model learned from.
        thresholds: per label, the probability below which a decision for it is withheld; may be empty.
        files: SHA-256 of every other file of the folder.

    """

    schema: str
    name: str
    version: str
    description: str
    labels: tuple[str, ...]
    licence: str
    front_end: Mapping[str, Any]
    windows: Windows
    calibration: Calibration
    training: TrainingData
    thresholds: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_schema(self.schema)
        check_name(self.name)
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ConfigError(f"labels must be at least two different names; given {list(self.labels)}")
        if not 0 < self.calibration.temperature < math.inf:
            raise ConfigError(f"temperature must be above 0; given {self.calibration.temperature}")
        for label, threshold in self.thresholds.items():
            if label not in self.labels:
                raise unknown_name("label in thresholds", label, self.labels)
            if not 0 <= threshold <= 1:
                raise ConfigError(f"the threshold of {label} must be from 0 to 1; given {threshold}")

    def feature(self) -> Feature:
        """Return the front end with its settings."""
        settings = dict(self.front_end)
        name = settings.pop("name", None)
        if not isinstance(name, str):
            raise ConfigError(f"front_end: missing name; allowed: {', '.join(FEATURES.names)}")
        # Every front end is a frozen dataclass, which a Protocol can't say.
        built: Feature = from_mapping(FEATURES.get(name), settings, where="front_end")  # type: ignore[type-var]
        return built


def read_manifest(data: bytes, *, where: str) -> BundleManifest:
    """Return the manifest in the bytes of a `bundle.toml`, with its seal, keys, types and values checked.

    Args:
        data: the whole file.
        where: how messages name it.

    Raises:
        BundleError: one byte has changed, or what is there does not make a bundle.

    """
    body, mark, sealed = data.rpartition(SEAL)
    expected = hashlib.sha256(body).hexdigest()
    if not mark or sealed != expected.encode() + b"\n":
        raise BundleError(
            f"{where} was changed after it was written: its last line should be '{(SEAL.decode() + expected)}'; {MEND}"
        )
    return _parse(body, where=where)


def manifest_bytes(manifest: BundleManifest) -> bytes:
    """Return the bytes of `bundle.toml`, sealed; equal manifests give equal bytes."""
    body = tomli_w.dumps(to_mapping(manifest)).encode()
    return body + SEAL + hashlib.sha256(body).hexdigest().encode() + b"\n"


def _parse(body: bytes, *, where: str) -> BundleManifest:
    try:
        tables = tomllib.loads(body.decode())
        _check_schema(tables.get("schema"))  # before any unknown key: a later schema has other keys
        manifest = from_mapping(BundleManifest, tables, where=where)
    except (UsageError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{where} does not describe a bundle: {error}") from error
    _check_files(manifest.files, where=where)
    return manifest


def _check_schema(schema: object) -> None:
    if schema != SCHEMA:
        raise ConfigError(f"schema is {schema!r}; this version of emotone reads {SCHEMA!r}")


def _check_files(files: Mapping[str, str], *, where: str) -> None:
    for name, digest in files.items():
        if not _PLAIN_FILE.fullmatch(name) or name == MANIFEST:
            raise BundleError(f"{where}: [files] may name only files of the bundle's own folder; given '{name}'")
        if not _HASH.fullmatch(digest):
            raise BundleError(f"{where}: [files] '{name}' needs a SHA-256, 64 lower-case hex digits; given '{digest}'")
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise BundleError(f"{where}: [files] lacks {', '.join(missing)}; needed: {', '.join(REQUIRED)}")
