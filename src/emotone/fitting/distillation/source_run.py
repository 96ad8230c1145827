"""Records of a distilled source on disk: its run, and the layer probes that compare it with untrained networks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from emotone.config import from_mapping, to_mapping
from emotone.errors import RunError
from emotone.files import write_json
from emotone.recipes.source_recipe import SourceRecipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
RUN, PROBES = "run.json", "probes.json"
RUN_SCHEMA, PROBES_SCHEMA = "emotone.source/3", "emotone.probes/1"


@dataclass(frozen=True)
class SoundAmount:
    """How much of one folder was used.

    Attributes:
        recordings: number of training recordings.
        minutes: their duration.
        held_out_recordings: number of recordings for evaluation.
        held_out_minutes: their duration.
        held_out_groups: number of their speakers or parts.

    """

    recordings: int
    minutes: float
    held_out_recordings: int
    held_out_minutes: float
    held_out_groups: int


@dataclass(frozen=True)
class HeldOutScore:
    """Agreement of student and teacher on held-out sound.

    Attributes:
        step: number of training batches so far.
        loss: mean divergence on the batches since the previous evaluation, nats; None before the first batch.
        divergence: mean over held-out excerpts of KL(teacher || student), nats.
        agreement: share of held-out excerpts for which both have the same most probable class.
        folders: (divergence, agreement) by folder.
        seconds: wall time since the previous evaluation.

    """

    step: int
    loss: float | None
    divergence: float
    agreement: float
    folders: dict[str, tuple[float, float]]
    seconds: float


@dataclass(frozen=True)
class SourceRun:
    """A finished training of a source.

    Attributes:
        recipe: its settings.
        teacher_sha256: of the teacher's file.
        sound: amounts used, by folder.
        signature: of recipe, sound and teacher.
        baseline: score of the best constant prediction, which ignores the audio.
        history: scores during training; the last one is that of the weights.
        weights_sha256: of the weights' file.

    """

    recipe: SourceRecipe
    teacher_sha256: str
    sound: dict[str, SoundAmount]
    signature: str
    baseline: HeldOutScore
    history: tuple[HeldOutScore, ...]
    weights_sha256: str


@dataclass(frozen=True)
class LayerProbe:
    """Accuracy of a linear classifier on pooled layers.

    Attributes:
        layers: inputs of the classifier.
        folds: accuracy by name of the held-out fold.
        accuracy: over all clips.
        clips: number of clips.

    """

    layers: tuple[str, ...]
    folds: dict[str, float]
    accuracy: float
    clips: int


@dataclass(frozen=True)
class ProbeComparison:
    """Probes of a student and of untrained networks of the same architecture.

    Attributes:
        folder: name of the sounds.
        classes: number of labels.
        chance: accuracy of always predicting the most frequent label.
        unheard: folds that were not part of the student's training sound.
        probes: by network, "student" or "untrained-SEED".

    """

    folder: str
    classes: int
    chance: float
    unheard: tuple[str, ...]
    probes: dict[str, tuple[LayerProbe, ...]]


def save_source_run(run: SourceRun, folder: Path) -> None:
    """Write what `load_source_run` reads."""
    write_json(folder / RUN, {"schema": RUN_SCHEMA, **asdict(run), "recipe": to_mapping(run.recipe)})


def load_source_run(folder: Path) -> SourceRun:
    """Return the finished training in a folder, or raise `RunError`."""
    path = folder / RUN

    def parse(text: dict[str, Any]) -> SourceRun:
        if text.pop("schema") != RUN_SCHEMA:
            raise RunError(f"{path} was not written by this version (schema {RUN_SCHEMA})")
        sound = {name: SoundAmount(**amount) for name, amount in dict(text.pop("sound")).items()}
        history = tuple(_score(item) for item in text.pop("history"))
        recipe = from_mapping(SourceRecipe, text.pop("recipe"), where=str(path))
        return SourceRun(recipe=recipe, sound=sound, history=history, baseline=_score(text.pop("baseline")), **text)

    return _read(path, parse, what="finished source")


def save_probes(comparisons: tuple[ProbeComparison, ...], folder: Path, *, signature: str) -> None:
    """Write what `load_probes` reads.

    Args:
        comparisons: of the student.
        folder: of results, named after the source.
        signature: of the training.

    """
    write_json(
        folder / PROBES,
        {"schema": PROBES_SCHEMA, "signature": signature, "comparisons": [asdict(one) for one in comparisons]},
    )


def load_probes(folder: Path, *, signature: str) -> tuple[ProbeComparison, ...]:
    """Return the comparisons in a folder of results.

    Raises:
        RunError: there are none, or they are of another training than the one with this signature.

    """
    path = folder / PROBES

    def parse(text: dict[str, Any]) -> tuple[ProbeComparison, ...]:
        if text["schema"] != PROBES_SCHEMA:
            raise RunError(f"{path} has schema {text['schema']!r}; this version reads {PROBES_SCHEMA!r}")
        if text["signature"] != signature:
            raise RunError(f"{path} belongs to the training {text['signature']}, {RUN} in its folder to {signature}")
        return tuple(_comparison(item) for item in text["comparisons"])

    return _read(path, parse, what="probes of a source")


def _read(path: Path, parse: Callable[[dict[str, Any]], T], *, what: str) -> T:
    """Return what a JSON file contains; map everything that may be wrong with it to `RunError`."""
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RunError(f"{path.parent} contains no {what} (no {path.name})") from error
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path} can't be read as {what}: {error!r}") from error


def _score(item: dict[str, Any]) -> HeldOutScore:
    folders = {name: (float(pair[0]), float(pair[1])) for name, pair in item["folders"].items()}
    return HeldOutScore(**{**item, "folders": folders})


def _comparison(item: dict[str, Any]) -> ProbeComparison:
    probes = {
        name: tuple(LayerProbe(**{**probe, "layers": tuple(probe["layers"])}) for probe in probes)
        for name, probes in item["probes"].items()
    }
    return ProbeComparison(**{**item, "probes": probes, "unheard": tuple(item["unheard"])})
