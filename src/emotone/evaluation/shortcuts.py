"""Baselines that use simple cues (speaker, duration, loudness, channel) instead of the emotional expression.

A system may score well because one speaker is always angry, because sad recordings are longer, or because the emotions
were recorded on different days. Each cue is a shipped recipe `shortcut-NAME`, evaluated with the protocol, folds, clips
and labels of the system.

Contents:
    evaluate_cues       the score of every cue under a protocol
    cues_table          the scores as a table, with their interpretation
    add_cues            adds them to the `run.json` of a finished run
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emotone.errors import RunError
from emotone.evaluation.run import Progress, evaluate_recipe
from emotone.fitting.classical import resolve_baseline
from emotone.metrics.intervals import Estimate
from emotone.protocols import protocol
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.library import load_recipe
from emotone.scoring.finished_run import read_description, update_description
from emotone.scoring.result_table import ResultTable, format_estimate, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from emotone.types import Utterance

CUES = {
    "identity": "the speaker's identity",
    "duration": "the duration",
    "loudness": "the level",
    "channel": "the average spectrum and the background noise",
    "together": "duration, level, average spectrum and background noise",
}
"""Name of each cue -> what it consists of."""

_INDEPENDENT = "The protocol is speaker-independent, so the speaker's identity must be near chance."
_DISTRIBUTION = (
    "It measures how unevenly emotions are distributed over speakers. With an even distribution it is below chance, "
    "because the tested clips of a speaker have the emotions that are rarer in the speaker's training clips."
)
_UPPER_BOUND = (
    "Level and spectrum are also part of emotional expression, so this is an upper bound on the effect of microphone, "
    "room and gain, not evidence of it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CueScore(Estimate):
    """The UAR of a classifier that uses one cue only, on one corpus, pooled over folds and seeds.

    Attributes:
        name: one of `CUES`.
        corpus: registry name.
        chance: UAR of random labels.
        protocol: name.
        speaker_independent: whether the protocol keeps speakers apart.
        folder: of the run, which contains its predictions.

    """

    name: str
    corpus: str
    chance: float
    protocol: str
    speaker_independent: bool
    folder: Path

    @property
    def uar(self) -> float:
        """The value; UAR is always defined."""
        assert self.value is not None  # noqa: S101 - UAR is defined for every corpus
        return self.value

    @property
    def above_chance(self) -> bool:
        """Whether the UAR, or the lower end of its interval, is above chance."""
        return (self.uar if self.low is None else self.low) > self.chance

    def share(self, system: float) -> float | None:
        """Return the share of a system's gain over chance that the cue reaches, at least 0.

        None if the system is not above chance.
        """
        if system <= self.chance:
            return None
        return max(0.0, (self.uar - self.chance) / (system - self.chance))

    def lines(self, system: float | None = None) -> tuple[str, ...]:
        """Return the interpretation, one sentence per line.

        Args:
            system: UAR of the evaluated system on the same corpus under the same protocol.

        """
        sentences = [self._comparison(system)]
        if self.name == "identity":
            sentences.append(_INDEPENDENT if self.speaker_independent else _DISTRIBUTION)
        elif self.name != "duration" and self.above_chance:
            sentences.append(_UPPER_BOUND)
        return tuple(sentences)

    def _comparison(self, system: float | None) -> str:
        result = f"{self.corpus}: a classifier that uses only {CUES[self.name]} has a UAR of {percent(self.uar)}"
        chance = percent(self.chance)
        if not self.above_chance:
            return f"{result}, which is not above chance ({chance})."
        share = None if system is None else self.share(system)
        if system is None or share is None:
            compared = "" if system is None else f"; the UAR of the system, {percent(system)}, is not above chance"
            return f"{result}; chance is {chance}{compared}."
        if share >= 1:
            return f"{result}, at least that of the system, {percent(system)}; chance is {chance}."
        return f"{result}, {100 * share:.0f} % of the gain over chance ({chance}) of the system ({percent(system)})."

    def to_dict(self, system: float | None = None) -> dict[str, Any]:
        """Return the values for JSON; the folder by its name, which does not depend on the machine."""
        return {
            "name": self.name,
            "corpus": self.corpus,
            "uar": self.uar,
            "low": self.low,
            "high": self.high,
            "chance": self.chance,
            "share": None if system is None else self.share(system),
            "protocol": self.protocol,
            "run": self.folder.name,
            "lines": list(self.lines(system)),
        }


def evaluate_cues(
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    protocol_name: str,
    out: Path,
    seed: int = 1,
    seeds: int = 1,
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[CueScore, ...]:
    """Return the score of each cue on each corpus, in the order of `CUES` and corpora.

    The speaker's identity is excluded if an utterance has no speaker.

    Args:
        utterances: of the system's evaluation, without corpora that it never tests.
        labels: of the system.
        protocol_name: of the system.
        out: folder of runs; each cue is a separate run.
        seed: first seed of the system's recipe, which random folds depend on.
        seeds: of the system.
        workers: number of processes.
        progress: called with the progress; the stage begins with the name of the cue.

    Raises:
        RunError: the protocol does not apply to these utterances, or no training data are left.
        MissingExtraError: scikit-learn is not installed.

    """
    unknown_speaker = any(not utterance.speaker for utterance in utterances)
    found: list[CueScore] = []
    for name in CUES:
        if name == "identity" and unknown_speaker:
            continue
        result = evaluate_recipe(
            resolve_baseline(replace(cue_recipe(name), seed=seed)),
            utterances,
            labels=labels,
            protocol_name=protocol_name,
            out=out,
            seeds=seeds,
            workers=workers,
            progress=None if progress is None else _prefixed(progress, name),
        )
        values = {(score.corpus, score.setting): score for score in result.scores if score.metric == "uar"}
        found += [
            CueScore(
                name=name,
                corpus=corpus,
                value=score.value,
                low=score.low,
                high=score.high,
                n=score.n,
                speakers=score.speakers,
                seeds=score.seeds,
                note=score.note,
                chance=values[corpus, "chance"].number,
                protocol=result.protocol,
                speaker_independent=protocol(protocol_name).speaker_independent,
                folder=result.folder,
            )
            for (corpus, setting), score in values.items()
            if setting == "system"
        ]
    return tuple(found)


def cue_recipe(name: str) -> ClassicalRecipe:
    """Return the shipped recipe of a cue."""
    recipe = load_recipe(f"shortcut-{name}")
    assert isinstance(recipe, ClassicalRecipe)  # noqa: S101 - a file of the package
    return recipe


def cues_table(cues: Sequence[CueScore], *, systems: Mapping[str, float] | None = None) -> ResultTable:
    """Return the scores of cues times 100; the notes are their interpretation.

    Args:
        cues: under one protocol.
        systems: UAR of the evaluated system, by corpus.

    """
    known = systems or {}
    rows = []
    for cue in cues:
        system = known.get(cue.corpus)
        share = None if system is None else cue.share(system)
        gain = "-" if share is None else f"{100 * share:.0f} %"
        rows.append((cue.corpus, cue.name, format_estimate(cue), percent(cue.chance), percent(system), gain))
    columns = ("corpus", "cue", "UAR x 100 [95 %]", "chance", "system", "share of the gain")
    notes = dict.fromkeys(line for cue in cues for line in cue.lines(known.get(cue.corpus)))
    return ResultTable(columns, tuple(rows), notes=tuple(notes))


def add_cues(folder: Path, cues: Sequence[CueScore]) -> None:
    """Write the scores of cues into the `run.json` of a finished run; existing ones are replaced.

    Raises:
        RunError: no finished run, or scores under another protocol or on a corpus that the run does not have.

    """
    about = read_description(folder)
    name = about["protocol"]["name"]
    systems = {
        score["corpus"]: score["ours"]["value"]
        for score in about["scores"]
        if score["setting"] == "system" and score["metric"] == "uar"
    }
    for cue in cues:
        if cue.protocol != name or cue.corpus not in systems:
            raise RunError(
                f"{folder} is an evaluation under {name} on {', '.join(systems)}; the cue is evaluated under "
                f"{cue.protocol} on {cue.corpus}, so they can't be compared"
            )
    update_description(folder, "shortcuts", [cue.to_dict(systems[cue.corpus]) for cue in cues])


def _prefixed(progress: Callable[[Progress], None], name: str) -> Callable[[Progress], None]:
    return lambda report: progress(replace(report, stage=f"{name}: {report.stage}"))
