"""From a recipe and transcribed speech to a recogniser: one training, in one folder, resumed if interrupted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.config import from_mapping, signature, to_mapping
from emotone.corpora.transcribed import TRANSCRIBED, read_transcripts, text_of_characters
from emotone.errors import CorpusError, RunError
from emotone.features.front_ends.spectrograms import RecogniserSpectrogram
from emotone.features.store import FeatureStore
from emotone.files import atomic_write, sha256_file
from emotone.nets.base import require_torch
from emotone.recipes.recogniser_recipe import RecogniserRecipe  # noqa: TC001 - read at run time by emotone.config
from emotone.transfer.weights import SourceWeights, read_weights, write_weights
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from emotone.corpora.transcribed import TranscribedClip
    from emotone.nets.blocks.base import Network
    from emotone.nets.speech_recogniser import SpeechRecogniser
    from emotone.training.ctc import SpokenTexts
    from emotone.training.loop import Epoch

RUN, WEIGHTS, CHECKPOINT = "run.json", "weights.safetensors", "checkpoint.safetensors"
SCHEMA = "emotone.recogniser/1"
FRONT_END = "recogniser-spectrogram"
MAX_REPORTED = 20  # utterances that are left out, in a run's record


@dataclass(frozen=True, eq=False)
class PreparedSpeech:
    """Everything that the training of a recogniser needs.

    Attributes:
        recipe: settings.
        train: utterances of the training speakers.
        held_out: utterances of the others.
        speakers: number of speakers, held-out ones included.
        held_out_speakers: the others.
        left_out: one sentence for each utterance that is not used.
        signature: of recipe and speech.

    """

    recipe: RecogniserRecipe
    train: SpokenTexts
    held_out: SpokenTexts
    speakers: int
    held_out_speakers: tuple[str, ...]
    left_out: tuple[str, ...]
    signature: str

    @property
    def name(self) -> str:
        """The run's folder name: recipe and signature."""
        return f"{self.recipe.name}-{self.signature}"


@dataclass(frozen=True)
class RecogniserRun:
    """A finished training of a recogniser.

    Attributes:
        recipe: its settings.
        signature: of recipe and speech.
        minutes: of training speech.
        utterances: number of training utterances.
        held_out_utterances: number of utterances that the error rates are of.
        held_out_speakers: their speakers.
        left_out: number of utterances that were not used.
        best: number of the epoch whose weights are stored.
        cer: character error rate of the held-out speakers after that epoch, by greedy decoding.
        wer: word error rate.
        seconds_per_hour: wall time of an epoch, in seconds per hour of training speech.
        weights_sha256: of the weights' file.

    """

    recipe: RecogniserRecipe
    signature: str
    minutes: float
    utterances: int
    held_out_utterances: int
    held_out_speakers: tuple[str, ...]
    left_out: int
    best: int
    cer: float
    wer: float
    seconds_per_hour: float
    weights_sha256: str


def prepare_speech(
    recipe: RecogniserRecipe,
    folders: Mapping[str, Path],
    *,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> PreparedSpeech:
    """Return the features and transcripts of all usable utterances.

    Args:
        recipe: names the corpora.
        folders: of each corpus.
        workers: processes that compute features.
        progress: called with the number of utterances done since the last call.

    Raises:
        CorpusError: a folder has no transcripts of its corpus.
        RunError: fewer than two speakers have usable utterances.
        MissingExtraError: torch is not installed.

    """
    require_torch("training a recogniser")
    clips: dict[str, tuple[Utterance, str]] = {}
    left_out: list[str] = []
    for name in recipe.corpora:
        found, problems = read_transcripts(TRANSCRIBED[name], folders[name])
        left_out += problems
        for clip in found:
            try:
                text = text_of_characters(clip.transcript.text, recipe.characters)
            except CorpusError as error:
                left_out.append(f"{clip.transcript.id}: {error}")
                continue
            utterance = _utterance(name, clip)
            clips[utterance.key] = utterance, text
    store = FeatureStore(FRONT_END, RecogniserSpectrogram())
    extracted = store.extract([one for one, _ in clips.values()], workers=workers, progress=progress)
    left_out += [f"{problem.key}: {problem.message}" for problem in extracted.problems]
    usable, too_long = _usable(recipe, clips, extracted.features)
    left_out += too_long
    speakers = sorted({_speaker(clips[key][0]) for key in usable})
    if len(speakers) < 2:
        raise RunError(
            f"a recogniser needs utterances of 2 speakers or more, some of whom are held out; {len(speakers)} left"
            + (f"; the first that was left out: {left_out[0]}" if left_out else "")
        )
    order = np.random.default_rng(recipe.seed).permutation(len(speakers))
    held = {speakers[place] for place in order[: max(1, round(recipe.held_out_share * len(speakers)))]}
    parts = {
        is_held: [key for key in usable if (_speaker(clips[key][0]) in held) == is_held] for is_held in (False, True)
    }
    data = [[key, clips[key][1], len(extracted.features[key])] for key in usable]
    return PreparedSpeech(
        recipe=recipe,
        train=_spoken(parts[False], clips, extracted.features),
        held_out=_spoken(parts[True], clips, extracted.features),
        speakers=len(speakers),
        held_out_speakers=tuple(sorted(held)),
        left_out=tuple(left_out),
        signature=signature(recipe.signature, data),
    )


def train_recogniser(
    prepared: PreparedSpeech,
    folder: Path,
    *,
    fresh: bool = False,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> RecogniserRun:
    """Train in a folder and write weights and run there; resume an interrupted training unless `fresh`.

    Raises:
        MissingExtraError: torch is not installed.
        RunError: the checkpoint can't be used, or the loss is not finite.

    """
    require_torch("training a recogniser")
    import torch

    from emotone.training.ctc import CtcObjective
    from emotone.training.loop import Optimisation, deterministic, run_epochs

    if fresh:
        for name in (RUN, WEIGHTS, CHECKPOINT):
            (folder / name).unlink(missing_ok=True)
    recipe, settings = prepared.recipe, prepared.recipe.training
    objective = CtcObjective(
        prepared.train,
        prepared.held_out,
        characters=recipe.characters,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=recipe.seed,
    )
    optimisation = Optimisation(
        optimizer=lambda net: torch.optim.SGD(
            net.parameters(), lr=settings.learning_rate, momentum=settings.momentum, nesterov=settings.momentum > 0
        ),
        learning_rate=settings.learning_rate,
        schedule=lambda step, _: settings.division ** -(step // objective.steps[0]),
        grad_clip_norm=settings.grad_clip_norm,
        patience=settings.patience,
    )
    with deterministic():
        torch.manual_seed(recipe.seed)
        net = recipe.recogniser.build()
        trained = run_epochs(
            net,
            objective,
            optimisation,
            seed=recipe.seed,
            signature=prepared.signature,
            checkpoint=folder / CHECKPOINT,
            progress=progress,
            on_batch=on_batch,
        )
    tensors = {name: value.numpy() for name, value in net.state_dict().items() if not name.endswith("tracked")}
    write_weights(folder / WEIGHTS, SourceWeights(recipe.name, tensors, licence=recipe.licence))
    best = trained.history[trained.best - 1]
    hours = sum(map(len, prepared.train.features)) * RecogniserSpectrogram().hop_seconds / 3600
    seconds = sum(epoch.seconds for epoch in trained.history) / len(trained.history)
    run = RecogniserRun(
        recipe=recipe,
        signature=prepared.signature,
        minutes=round(60 * hours, 2),
        utterances=len(prepared.train),
        held_out_utterances=len(prepared.held_out),
        held_out_speakers=prepared.held_out_speakers,
        left_out=len(prepared.left_out),
        best=trained.best,
        cer=best.metrics["cer"],
        wer=best.metrics["wer"],
        seconds_per_hour=round(seconds / hours, 1),
        weights_sha256=sha256_file(folder / WEIGHTS),
    )
    record = {"schema": SCHEMA, **to_mapping(run)}
    record["history"] = [epoch.to_dict() for epoch in trained.history]
    record["left_out_utterances"] = list(prepared.left_out[:MAX_REPORTED])
    with atomic_write(folder / RUN, text=True) as stream:
        stream.write(json.dumps(record, indent=2) + "\n")
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return run


def load_recogniser_run(folder: Path) -> RecogniserRun:
    """Return the record of a finished training.

    Raises:
        RunError: there is none, or it can't be read.

    """
    path = folder / RUN
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if record.pop("schema") != SCHEMA:
            raise RunError(f"{path} is no record of a recogniser")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise RunError(f"{path} can't be read as the record of a recogniser: {error}") from error
    for name in ("history", "left_out_utterances"):
        record.pop(name, None)
    return from_mapping(RecogniserRun, record, where=str(path))


def load_recogniser(folder: Path) -> tuple[SpeechRecogniser, Network]:
    """Return the recogniser of a finished training and its network, in eval mode.

    Raises:
        RunError: there is no record, or the weights are not those of the training.
        SourceError: the weights are missing or damaged.
        MissingExtraError: torch is not installed.

    """
    import torch

    run = load_recogniser_run(folder)
    weights = read_weights(folder / WEIGHTS)
    if weights.sha256 != run.weights_sha256:
        raise RunError(f"{folder / WEIGHTS} has changed since the training (its SHA-256 is not {run.weights_sha256})")
    spec = run.recipe.recogniser
    network = spec.build().eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in weights.tensors.items()}, strict=False)
    return spec, network


def _utterance(corpus: str, clip: TranscribedClip) -> Utterance:
    words = clip.transcript
    return Utterance(
        id=words.id,
        corpus=corpus,
        path=clip.path,
        start=words.start,
        end=words.end,
        speaker=words.speaker,
        session=words.speaker,
        label="unknown",
    )


def _speaker(utterance: Utterance) -> str:
    return f"{utterance.corpus}/{utterance.speaker}"


def _usable(
    recipe: RecogniserRecipe, clips: Mapping[str, tuple[Utterance, str]], features: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """Return the keys of utterances that can be trained on, in order, and a sentence for each of the others."""
    from emotone.training.ctc import steps_needed, steps_of

    hop = RecogniserSpectrogram().hop_seconds
    usable, left_out = [], []
    for key in sorted(features):
        rows, text = len(features[key]), clips[key][1]
        if rows * hop > recipe.max_seconds:
            left_out.append(f"{key}: {rows * hop:.1f} s is longer than {recipe.max_seconds:g} s")
        elif steps_of(rows) < steps_needed(text):
            left_out.append(f"{key}: {rows * hop:.2f} s is too short for its {len(text)} characters")
        else:
            usable.append(key)
    return usable, left_out


def _spoken(keys: list[str], clips: Mapping[str, tuple[Utterance, str]], features: Mapping[str, Any]) -> SpokenTexts:
    from emotone.training.ctc import SpokenTexts

    return SpokenTexts(tuple(features[key] for key in keys), tuple(clips[key][1] for key in keys))
