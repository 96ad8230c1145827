"""How far simple cues alone would get: the same protocol, folds, clips and labels, without hearing how it was said.

A system may score well because one speaker is always angry, because sad recordings are longer, or because each emotion
was recorded on another day. Each cue is a shipped recipe `shortcut-NAME`, evaluated like any other: its predictions
are stored, and its interval is clustered by speaker.

What is here:
    probe                 every cue under a protocol
    shortcuts_markdown    the same as Markdown, in words below the table
    add_shortcuts         written into a finished run's `run.json`, beside the scores that they are about
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emotone.errors import RunError
from emotone.evaluation.run import RUN, Report, evaluate_recipe
from emotone.files import atomic_write
from emotone.fitting.classical import resolve_baseline
from emotone.protocols import protocol
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.library import load_recipe
from emotone.scoring.scores import with_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from emotone.types import Utterance

SHORTCUTS = {
    "identity": "Knowing only who speaks",
    "duration": "Knowing only how long each recording is",
    "loudness": "Hearing only how loud each recording is",
    "channel": "Hearing only the average spectrum and the background noise",
    "together": "Knowing length, loudness, average spectrum and background noise together",
}
"""Name -> what a system knows that takes it, as the beginning of a sentence."""

_NEW_SPEAKERS = "The tested speakers are new, so that who speaks can say nothing here: this must be near guessing."
_UNEVEN = (
    "It shows how unevenly emotions are spread over speakers. Where they are spread evenly it falls below guessing: "
    "what is left for the test of a speaker's emotions is what training had fewest of."
)
_VOICE = (
    "A voice that is louder or brighter is part of many emotions, so this is the most that microphone, room and knobs "
    "could explain, and no proof that they do."
)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What one cue alone reaches on one corpus.

    Attributes:
        name: one of `SHORTCUTS`.
        corpus: registry name.
        uar: unweighted average recall, in [0, 1], pooled over folds and seeds.
        low: lower end of the 95 % interval clustered by speaker, or None.
        high: upper end, or None.
        chance: UAR of guessing.
        protocol: name.
        speaker_independent: whether the protocol keeps speakers apart.
        folder: of the run, which holds its predictions.

    """

    name: str
    corpus: str
    uar: float
    low: float | None
    high: float | None
    chance: float
    protocol: str
    speaker_independent: bool
    folder: Path

    @property
    def text(self) -> str:
        """The UAR times 100, with its interval where there is one: "35.4 [31.1, 38.6]"."""
        return with_interval(self.uar, self.low, self.high)

    @property
    def above_chance(self) -> bool:
        """Whether it is better than guessing, by its interval where there is one."""
        return (self.uar if self.low is None else self.low) > self.chance

    def share(self, system: float) -> float | None:
        """Return how much of the way from guessing to a system's UAR the cue goes, 0 or more.

        None where the system itself is not above guessing.
        """
        if system <= self.chance:
            return None
        return max(0.0, (self.uar - self.chance) / (system - self.chance))

    def lines(self, system: float | None = None) -> tuple[str, ...]:
        """Return what this means in words, one sentence each.

        Args:
            system: UAR of the system that is looked at, on the same corpus under the same protocol.

        """
        said = [self._verdict(system)]
        if self.name == "identity":
            said.append(_NEW_SPEAKERS if self.speaker_independent else _UNEVEN)
        elif self.name != "duration" and self.above_chance:
            said.append(_VOICE)
        return tuple(said)

    def _verdict(self, system: float | None) -> str:
        begin = f"{self.corpus}: {SHORTCUTS[self.name]} gives a UAR of {100 * self.uar:.1f}"
        guessing = f"{100 * self.chance:.1f}"
        if not self.above_chance:
            return f"{begin}, which is no better than guessing ({guessing})."
        share = None if system is None else self.share(system)
        if system is None or share is None:
            beside = "" if system is None else f", and this system with {100 * system:.1f} does not beat guessing"
            return f"{begin}, where guessing gives {guessing}{beside}."
        beside = f"where guessing gives {guessing} and this system {100 * system:.1f}"
        if share >= 1:
            return f"{begin}, {beside}: it does as well as the system."
        return f"{begin}, {beside}: it goes {100 * share:.0f} % of the way from guessing to the system."

    def to_dict(self, system: float | None = None) -> dict[str, Any]:
        """Return plain values for JSON; the folder by its name, which is the same on every machine."""
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


def probe(
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    protocol_name: str,
    out: Path,
    seed: int = 1,
    seeds: int = 1,
    workers: int = 1,
    progress: Callable[[Report], None] | None = None,
) -> tuple[Shortcut, ...]:
    """Return what each cue alone reaches on each corpus, in the order of `SHORTCUTS` and of corpora.

    Who speaks is left out where an utterance has no speaker.

    Args:
        utterances: those that the system was evaluated on.
        labels: of the system.
        protocol_name: of the system.
        out: folder of runs; each cue is a run of its own.
        seed: first seed of the system's recipe: random folds depend on it.
        seeds: of the system.
        workers: processes.
        progress: hears how far it is; stages begin with the cue's name.

    Raises:
        RunError: the protocol can't divide these utterances, or nothing is left to train on.
        MissingExtraError: scikit-learn is not installed.

    """
    nameless = any(not utterance.speaker for utterance in utterances)
    found: list[Shortcut] = []
    for name in SHORTCUTS:
        if name == "identity" and nameless:
            continue
        result = evaluate_recipe(
            resolve_baseline(replace(shortcut_recipe(name), seed=seed)),
            utterances,
            labels=labels,
            protocol_name=protocol_name,
            out=out,
            seeds=seeds,
            workers=workers,
            progress=None if progress is None else _named(progress, name),
        )
        values = {(score.corpus, score.setting): score for score in result.scores if score.metric == "uar"}
        found += [
            Shortcut(
                name=name,
                corpus=corpus,
                uar=score.number,
                low=score.low,
                high=score.high,
                chance=values[corpus, "chance"].number,
                protocol=result.protocol,
                speaker_independent=protocol(protocol_name).speaker_independent,
                folder=result.folder,
            )
            for (corpus, setting), score in values.items()
            if setting == "system"
        ]
    return tuple(found)


def shortcut_recipe(name: str) -> ClassicalRecipe:
    """Return the shipped recipe of a cue."""
    recipe = load_recipe(f"shortcut-{name}")
    assert isinstance(recipe, ClassicalRecipe)  # noqa: S101 - it is our own file
    return recipe


def shortcuts_markdown(shortcuts: Sequence[Shortcut], *, systems: Mapping[str, float] | None = None) -> str:
    """Return shortcuts as a Markdown table, times 100, and what they mean in words below; no final newline.

    Args:
        shortcuts: of one protocol.
        systems: UAR of the system that is looked at, by corpus.

    """
    known = systems or {}
    lines = [
        "| corpus | cue | UAR x 100 [95 %] | guessing | this system | share of the way |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for shortcut in shortcuts:
        system = known.get(shortcut.corpus)
        share = None if system is None else shortcut.share(system)
        cells = (
            shortcut.corpus.replace("|", "\\|"),
            shortcut.name,
            shortcut.text,
            f"{100 * shortcut.chance:.1f}",
            "-" if system is None else f"{100 * system:.1f}",
            "-" if share is None else f"{100 * share:.0f} %",
        )
        lines.append("| " + " | ".join(cells) + " |")
    words = (line for shortcut in shortcuts for line in shortcut.lines(known.get(shortcut.corpus)))
    return "\n".join([*lines, "", *(f"- {line}" for line in dict.fromkeys(words))])


def add_shortcuts(folder: Path, shortcuts: Sequence[Shortcut]) -> None:
    """Write shortcuts into the `run.json` of a finished run, compared with its own UAR; what was there is replaced.

    Raises:
        RunError: no finished run, or shortcuts of another protocol or of a corpus that it was not evaluated on.

    """
    path = folder / RUN
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder} holds no finished run: {RUN} can't be read: {error}") from error
    name = told["protocol"]["name"]
    systems = {
        score["corpus"]: score["ours"]["value"]
        for score in told["scores"]
        if score["setting"] == "system" and score["metric"] == "uar"
    }
    for shortcut in shortcuts:
        if shortcut.protocol != name or shortcut.corpus not in systems:
            raise RunError(
                f"{folder} is of {name} on {', '.join(systems)}; given is a shortcut of {shortcut.protocol} on "
                f"{shortcut.corpus}: compared is what was done alike"
            )
    told["shortcuts"] = [shortcut.to_dict(systems[shortcut.corpus]) for shortcut in shortcuts]
    with atomic_write(path, text=True) as stream:
        stream.write(json.dumps(told, indent=1) + "\n")


def _named(progress: Callable[[Report], None], name: str) -> Callable[[Report], None]:
    return lambda report: progress(replace(report, stage=f"{name}: {report.stage}"))
